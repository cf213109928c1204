"""One machine from an image: its name, SID, MachineGuid and answer file, while it is powered off."""

from reseal.specialize.machine import Outcome, Specialization
from reseal.specialize.wish import SidChoice, Wish

__all__ = ["Outcome", "SidChoice", "Specialization", "Wish"]
