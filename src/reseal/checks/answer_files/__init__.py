"""Answer files that call Sysprep by themselves."""

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

    In specialize it would generalize the clone while that is being set up. The setting Generalize is
    there for it. One build diary reports that it works in auditUser. The command itself is not shown,
    since it may hold passwords.
    """
