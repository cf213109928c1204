"""Work on an image, whatever it lies in: all of it is done in the end, or nothing.

A run goes one way: an operation is staged on what the medium holds, in a worker; the session writes it
there; it is read back; then the parent makes it last. `image` has that order, `work` what the worker
does of it, and each of `disk`, `folder`, `wim`, `boot` and `raw_copy` is a medium.
"""

from reseal.run.image import change, read
from reseal.run.operation import Callables, Operation
from reseal.run.options import RunOptions

__all__ = ["Callables", "Operation", "RunOptions", "change", "read"]
