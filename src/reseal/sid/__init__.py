"""Another machine SID for a powered-off installation: now, or at its next boot."""

from reseal.sid.change import Result, change_now
from reseal.sid.choice import choose, refuse
from reseal.sid.pending import Pending, pend
from reseal.sid.replacement import Replacement

__all__ = ["Pending", "Replacement", "Result", "change_now", "choose", "pend", "refuse"]
