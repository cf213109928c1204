"""An opened installation with its staged changes, their record, and commit."""

from reseal.session.change import Change, Mark
from reseal.session.session import Neighbours, Part, Session, VolumeState

__all__ = ["Change", "Mark", "Neighbours", "Part", "Session", "VolumeState"]
