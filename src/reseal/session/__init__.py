"""An opened installation with its staged changes, their record, and commit."""

from typing import TYPE_CHECKING

from reseal.later import later
from reseal.mark import Mark

if TYPE_CHECKING:
    from reseal.session.change import Change
    from reseal.session.session import Session
    from reseal.session.surroundings import Neighbours, Part, VolumeState

__all__ = ["Change", "Mark", "Neighbours", "Part", "Session", "VolumeState"]

# Code that only reads images does not need the session module.
__getattr__ = later(
    __name__,
    Change="change",
    Neighbours="surroundings",
    Part="surroundings",
    Session="session",
    VolumeState="surroundings",
)
