"""Load the modules of a package on first access to their names.

A command loads only what it needs, which makes it start faster.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module


def later(package: str, **modules: str) -> Callable[[str], object]:
    """Return a package's `__getattr__`.

    Args:
        package: its name.
        modules: the module of each name.
    """

    def load(name: str) -> object:
        if name not in modules:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg)
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return load
