"""Fleets: any number of machines from one golden image.

`clone` is the Python API; it yields each machine as it is made.
"""

from reseal.clone.fleet import FleetError
from reseal.clone.record import Entry, Record
from reseal.clone.run import Options, Result, clone
from reseal.clone.table import TableError

__all__ = ["Entry", "FleetError", "Options", "Record", "Result", "TableError", "clone"]
