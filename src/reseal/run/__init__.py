"""Run operations on images in any medium: completely or not at all.

A run has these steps:

1. `image.change` takes an `operation`, chooses the medium and runs a worker (`medium.carry_out`).
2. The parent's side of the medium, such as `disk.Disk`, takes the lock and creates an overlay.
3. The worker opens the medium (`disk.OpenedDisk`) and finds its installations (`opening`).
4. `work.perform` starts a session on one, lets the operation stage its changes, writes them and reads them
   back.
5. The parent's side commits the changes or discards them.

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

# Resuming a run or applying a WIM does not need all media.
__getattr__ = later(
    __name__,
    Callables="operation",
    Operation="operation",
    RunOptions="options",
    change="image",
    read="image",
)
