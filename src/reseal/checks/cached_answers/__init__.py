"""Answer files in the image that make all copies alike."""

from __future__ import annotations

from reseal.checks.declaration import check
from reseal.mark import Mark


@check(
    "cached-answers",
    "No answer file in the image names every copy alike or runs the build's commands again.",
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference: ComputerName, FirstLogonCommands; Windows Setup "
    "Configuration Passes: implicit answer file search order",
    work="reseal.checks.cached_answers.found:found",
)
def cached_answers() -> None:
    r"""Windows caches the builder's answer file in Panther, and the next specialize and OOBE read it.

    A fixed ComputerName in it becomes the name of every copy, and its first-logon commands run again on each.
    The finding does not show the commands, since they may contain passwords.
    """
