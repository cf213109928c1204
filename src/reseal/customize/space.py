r"""Space: wipe unused space in the volume and in hives, and shrink the image's file.

| what | what happens to it | mark |
|---|---|---|
| free clusters, slack of files, file records and indexes | zeroed, so that the image needs no space for them; see `reseal.ntfs.wipe` | documented: layout by the Linux-NTFS project |
| `$LogFile` | emptied, since it records deleted data | inferred: a clean log has nothing to replay |
| free cells of hives, and hive logs after replay | zeroed, and emptied | documented: format by libyal; inferred |
| page, swap and hibernation files | deleted; Windows creates them again | inferred |
| shadow copies | deleted, as after any change | see `restore-points` |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from reseal.customize.shared import Run
from reseal.customize.step import Given
from reseal.errors import ImageError, UsageError
from reseal.providers.page_files import FILES
from reseal.session import Session
from reseal.sid import hives


def wipe_free(run: Run, _: Given) -> None:
    """Do the step `wipe-free`."""
    if not run.session.parts:
        msg = "A folder has no free clusters to wipe."
        raise UsageError(msg, "Use a disk image.")
    run.at_end["wipe-free"] = lambda: _wipe(run.session)


def shrink(run: Run, _: Given) -> None:
    """Do the step `shrink`; the command rewrites the file when the image is done."""


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
            session.release(loaded)
        except ImageError as error:
            if path.lower() in hives.needed(session):
                raise
            session.note(f"The free space in {path} was not wiped: {error.message}")
    session.note(
        "The volume's USN journal, if any, is not wiped; it contains names of deleted files. To remove it, "
        "run `fsutil usn deletejournal /d C:` in Windows before you seal the image."
    )
    session.wipe_free_space()


def _no_hibernation(session: Session) -> bool:
    return session.volume_state is None or session.volume_state.hibernation == "none"
