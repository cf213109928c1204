"""Answer files in the image that make all copies alike."""

from __future__ import annotations

from reseal.checks.declaration import check
from reseal.mark import Mark

#: The switch of a session that gets an answer file of the user's own.
GIVEN = "answer-file"


@check(
    "cached-answers",
    "No answer file in the image makes copies alike or runs the build's commands again.",
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference: ComputerName, FirstLogonCommands; Windows Setup "
    "Configuration Passes: implicit answer file search order",
    work="reseal.checks.cached_answers.found:found",
)
def cached_answers() -> None:
    r"""Windows caches the builder's answer file in Panther, and the next specialize and OOBE read it.

    The finding names the file and the passes that are used again, a fixed ComputerName, which becomes the
    name of every copy, the accounts that it creates, the number of its passwords, whether in plain text or
    only encoded, and the number of its commands. It shows neither commands nor passwords. It is left out if
    the run has an answer file of its own.
    """
