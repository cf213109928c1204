"""Files that the next boot renames or deletes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.mark import Mark
from reseal.windows import setup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: REG_MULTI_SZ: pairs of a file and its new name; an empty name deletes the file.
NAMES = ("PendingFileRenameOperations", "PendingFileRenameOperations2")


@check(
    "pending-renames",
    "No file is to be renamed or deleted at the next boot.",
    mark=Mark.SEEN,
    source="logs of good runs with this warning (seen); the values: Microsoft, MoveFileEx (documented)",
    sysprep_says="WinMain: File operations pending",
    order=30,  # the state of Windows as a whole
)
def pending_renames(session: Session) -> Iterable[Finding]:
    """Installers request such operations. Windows carries them out at startup, before Setup continues.

    Sysprep warns and continues, and so does reseal.
    """
    pending: list[str] = []
    for name in NAMES:
        strings = session.registry.value(setup.SESSION_MANAGER, name)
        if isinstance(strings, list):
            # An odd string at the end is a pair that lost its empty second half.
            pending += (
                f"{source} -> {target}" if target else f"delete {source}"
                for source, target in zip(strings[::2], [*strings[1::2], ""], strict=False)
                if source
            )
    if pending:
        yield warning(
            f"File operations are pending: the next boot renames or deletes {len(pending)} files.",
            "If an installer has to finish first, restart the image once before you seal it.",
            items=pending,
        )
