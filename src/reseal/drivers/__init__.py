"""Driver packages: what their INF files say, and adding them to an image.

Attributes:
    add_packages: adds those of a folder that fit.
    AddedPackage, Outcome: what became of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseal.drivers.add import add_packages
    from reseal.drivers.result import AddedPackage, Outcome

__all__ = ["AddedPackage", "Outcome", "add_packages"]


def __getattr__(name: str) -> object:
    # Every run looks at an image's drivers (`boot`, `storage`); few add any, and load the rest.
    if name == "add_packages":
        from reseal.drivers.add import add_packages  # noqa: PLC0415

        return add_packages
    if name in {"AddedPackage", "Outcome"}:
        from reseal.drivers import result  # noqa: PLC0415

        return getattr(result, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
