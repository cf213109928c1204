"""Message Queuing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.mark import Mark
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
    """Sysprep is reported to hang with Message Queuing installed; reseal does not run any part of it.

    The queue manager has its own identity, which reseal's provider `msmq` renews.
    """
    if services.installed(session.registry, SERVICE):
        yield warning(
            "Message Queuing (MSMQ) is installed. Sysprep is reported to hang with it. reseal deletes the id "
            "of its queue manager unless the provider msmq is disabled. Queued messages stay.",
            "If possible, remove the feature before you seal the image and add it to the clones.",
        )
