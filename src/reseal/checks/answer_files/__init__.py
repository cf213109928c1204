"""Answer files that call Sysprep."""

from __future__ import annotations

from reseal.checks.declaration import check
from reseal.mark import Mark


@check(
    "answer-files",
    "No answer file in the image calls Sysprep.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Unsupported Scenarios (RunSynchronous)",
    work="reseal.checks.answer_files.calls:calls_of_sysprep",
)
def answer_files() -> None:
    """Calling Sysprep from RunSynchronous of Microsoft-Windows-Deployment is not supported.

    In specialize it would generalize the clone during its own setup. The setting Generalize serves this
    purpose. One build diary reports that the call works in auditUser. The finding does not show the
    command, since it may contain passwords.
    """
