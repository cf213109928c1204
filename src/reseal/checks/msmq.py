"""Message Queuing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.session import Mark
from reseal.windows import services

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

SERVICE = "MSMQ"


@check(
    "msmq",
    "Message Queuing is not installed.",
    mark=Mark.REPORTED,
    source="two reports of runs that hang after Sysprep_Generalize_Pnp_Drivers: Exit",
)
def msmq(session: Session) -> Iterable[Finding]:
    """With Message Queuing installed Sysprep is reported to hang; reseal does not run its provider.

    The queue manager has an identity of its own, which clones would share (inferred).
    """
    if services.installed(session.registry, SERVICE):
        yield warning(
            "Message Queuing (MSMQ) is installed. Sysprep is reported to hang with it, and clones share "
            "the identity of its queue manager.",
            "Remove the feature before you seal the image and add it to the clones.",
        )
