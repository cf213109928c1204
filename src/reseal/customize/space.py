r"""Space: what is nobody's any more goes, from the volume and from the image's file.

| what | what becomes of it | mark |
|---|---|---|
| clusters that nobody has, slack of files, file records and indexes | zeros, for which the image needs no space; see `reseal.ntfs.wipe` | documented: layout by the Linux-NTFS project |
| `$LogFile` | emptied: it tells of what was deleted | inferred: a log that is clean has nothing to replay |
| free cells of hives, and hive logs after they were replayed | zeros, and empty | documented: format by libyal; inferred |
| page, swap and hibernation files | deleted; Windows makes them anew | inferred |
| shadow copies | given up, as after any change | see `restore-points` |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.errors import ImageError, UsageError
from reseal.providers.page_files import FILES
from reseal.sid import hives

if TYPE_CHECKING:
    from reseal.customize.shared import Run
    from reseal.customize.step import Given
    from reseal.session import Session


def wipe_free(run: Run, _: Given) -> None:
    """The work of `wipe-free`."""
    if not run.session.parts:
        msg = "A folder has no free clusters that could be wiped."
        raise UsageError(msg, "Work on a disk image.")
    run.at_end["wipe-free"] = lambda: _wipe(run.session)


def shrink(run: Run, _: Given) -> None:
    """The work of `shrink`."""


def _wipe(session: Session) -> None:
    if session.switches & {"discard-hibernation"} or _no_hibernation(session):
        for name in FILES:
            session.delete_file(name)
    for path in hives.paths(session):
        try:
            loaded = session.registry.load_file(path)
            if loaded is None:
                continue
            session.wipe_hive(loaded)
            if loaded.name == loaded.file and loaded.name not in session.edited_hives:
                session.registry.unload(loaded)
        except ImageError as error:
            if path.lower() in hives.needed(session):
                raise
            session.note(f"The free space in {path} was not wiped: {error.message}")
    session.note(
        "A USN journal, where the volume has one, is not wiped: it keeps names of files that were deleted. "
        "`fsutil usn deletejournal /d C:` in Windows, before the image is sealed, takes it away."
    )
    session.wipe_free_space()


def _no_hibernation(session: Session) -> bool:
    return session.volume_state is None or session.volume_state.hibernation == "none"
