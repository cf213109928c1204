"""Fleets: any number of machines made from one golden image.

`clone` is the Python API; it yields each machine when it is made.
"""

from reseal.clone.fleet import FleetError
from reseal.clone.record import FleetEntry, FleetRecord
from reseal.clone.run import CloneOptions, CloneResult, clone
from reseal.clone.table import TableError

__all__ = [
    "CloneOptions",
    "CloneResult",
    "FleetEntry",
    "FleetError",
    "FleetRecord",
    "TableError",
    "clone",
]
