"""Driver packages: what their INF files say, and adding them to an image.

Attributes:
    add_packages: adds those of a folder that fit.
    AddedPackage, Outcome: what became of each.
"""

from reseal.drivers.add import add_packages
from reseal.drivers.result import AddedPackage, Outcome

__all__ = ["AddedPackage", "Outcome", "add_packages"]
