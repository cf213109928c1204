"""Names of a package whose modules are loaded when they are asked for.

To start a command is to load what it needs; what a package offers beside that would take longer.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def later(package: str, **modules: str) -> Callable[[str], object]:
    """Return a package's `__getattr__`.

    Args:
        package: its name.
        modules: in which of its modules each name is.
    """

    def load(name: str) -> object:
        if name not in modules:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg)
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return load
