"""A file system that was not closed cleanly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error
from reseal.checks.hibernation import DISCARD_HIBERNATION
from reseal.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

_HINT = "Boot the image, run `chkdsk /f` on its system drive and shut it down cleanly."


@check(
    "dirty-volume",
    "The file system is clean.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, fsutil dirty; Linux kernel documentation, ntfs3",
    forceable=False,
    order=15,  # after `hibernation`, which explains a journal that is not empty
)
def dirty_volume(session: Session) -> Iterable[Finding]:
    """Windows would run chkdsk, or replay old records of `$LogFile`, on top of every change."""
    state = session.volume_state
    if state is None:
        return
    if state.dirty:
        message = "The NTFS volume is marked dirty: Windows needs to check it first."
        yield error(message, _HINT, damaged=True)
    elif not state.log_clean and not (
        state.hibernation != "none" and DISCARD_HIBERNATION in session.switches
    ):
        yield error(
            "The journal of the NTFS volume ($LogFile) holds changes that have not been written yet.",
            _HINT,
            damaged=True,
        )
