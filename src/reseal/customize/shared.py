"""What the steps of one run share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.customize.outputs import Outputs
    from reseal.session import Session
    from reseal.sysprep.arm import Target
    from reseal.unattend.apply import Request


@dataclass
class Run:
    """What the steps of one run share.

    Attributes:
        session: the opened installation.
        outputs: what goes to this machine in the end.
        target: where the next boot goes, if the image is generalized after the steps; None where it
            is not.
        answers: the answer file that generalizing will place, if any; steps may add to it.
        force: names of what is not to be refused.
        at_end: called in turn when all is staged, the image's generalization too.
    """

    session: Session
    outputs: Outputs
    target: Target | None = None
    answers: Request | None = None
    force: frozenset[str] = frozenset()
    at_end: dict[str, Callable[[], None]] = field(default_factory=dict)
