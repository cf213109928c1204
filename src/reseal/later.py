"""Names of a package whose modules are loaded when they are asked for.

To start a command is to load what it needs; what a package offers beside that would take longer.
"""

TYPE_CHECKING = False  # not the one of typing, whose import takes longer than all of `reseal.regf`
if TYPE_CHECKING:
    from collections.abc import Callable


def later(package: str, **modules: str) -> "Callable[[str], object]":
    """Return a package's `__getattr__`.

    Args:
        package: its name.
        modules: in which of its modules each name is.
    """

    def load(name: str) -> object:
        if name not in modules:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg)
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return load
