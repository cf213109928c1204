"""Driver packages: parse their INF files, and add them to an image.

Attributes:
    add_packages: adds the packages of a folder that fit.
    AddedPackage, Outcome: the result for each package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.later import later

if TYPE_CHECKING:
    from reseal.drivers.add import add_packages
    from reseal.drivers.result import AddedPackage, Outcome

__all__ = ["AddedPackage", "Outcome", "add_packages"]

# Every run reads an image's drivers (`boot`, `storage`); few add any.
__getattr__ = later(__name__, AddedPackage="result", Outcome="result", add_packages="add")
