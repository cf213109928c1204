"""Work on an image, whatever it lies in: all of it is done in the end, or nothing.

A run goes one way, and each step is a module:

1. `image.change` takes an `operation`, chooses the medium and runs a worker (`medium.carry_out`).
2. The parent's side of the medium, such as `disk.Disk`, takes the lock and lays an overlay.
3. In the worker, the medium is opened (`disk.OpenedDisk`) and its installations are found (`opening`).
4. `work.perform` begins a session on one, has the operation stage its changes, writes them and reads
   them back.
5. The parent's side lets what was written last, or throws it away.

`disk`, `folder`, `wim`, `boot` (boot stores) and `raw_copy` are media. `capture` and `apply` use them for
whole images, `reseal.deploy` and `reseal.clone` for new ones.
"""

from typing import TYPE_CHECKING

from reseal.later import later

if TYPE_CHECKING:
    from reseal.run.image import change, read
    from reseal.run.operation import Callables, Operation
    from reseal.run.options import RunOptions

__all__ = ["Callables", "Operation", "RunOptions", "change", "read"]

# To resume a run, or to apply a WIM, is not to load all media.
__getattr__ = later(
    __name__,
    Callables="operation",
    Operation="operation",
    RunOptions="options",
    change="image",
    read="image",
)
