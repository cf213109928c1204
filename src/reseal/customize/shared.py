"""The state that the steps of one run share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.customize.outputs import Outputs
    from reseal.session import Session
    from reseal.sysprep.arm import Target
    from reseal.unattend.apply import Request


#: Names with which `--force` overrides a step's refusal.
LAST_ADMINISTRATOR = "last-administrator"
OEM_KEY = "oem-key"


@dataclass
class Run:
    """The state that the steps of one run share.

    Attributes:
        session: the opened installation.
        outputs: files that are copied to this machine.
        target: the destination of the next boot if the image is generalized after the steps, else None.
        answers: the answer file that generalizing will place, if any; steps may add to it.
        force: names of refusals that are overridden.
        at_end: functions called in turn when everything is staged, including the generalization.
    """

    session: Session
    outputs: Outputs
    target: Target | None = None
    answers: Request | None = None
    force: frozenset[str] = frozenset()
    at_end: dict[str, Callable[[], None]] = field(default_factory=dict)
