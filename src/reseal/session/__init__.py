"""An opened installation with its staged changes, their record, and commit."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseal.session.change import Change, Mark
    from reseal.session.session import Session
    from reseal.session.surroundings import Neighbours, Part, VolumeState

__all__ = ["Change", "Mark", "Neighbours", "Part", "Session", "VolumeState"]

#: Where each name stands. Loaded when it is asked for: what only reads images stages nothing.
_MODULES = {
    "Change": "change",
    "Mark": "change",
    "Neighbours": "surroundings",
    "Part": "surroundings",
    "Session": "session",
    "VolumeState": "surroundings",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(f"reseal.session.{_MODULES[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
