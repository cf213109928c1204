"""Images that are half merged, wherever they went from their journal.

A qcow2 carries a mark. Any other container is known by its journal: the one for its name, or one in the
same folder that was written for this very file (renamed), or whose samples say that this file has begun to
become what the merge makes (copied byte for byte).

A block device is known by any journal in the scratch folder whose samples fit it, if the device has the
identity that the journal names, or if the merge has visibly begun on it. So it may have got another name,
or be a copy of the device.

What can't be known: a container other than qcow2 that was moved to a folder without its journal, or to
another file system; a copy of it that was made before the first sample was written; and an image that
another program has converted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from reseal.disk import scratch
from reseal.disk.chain import Link
from reseal.disk.journal import Journal, decision, remove_journal
from reseal.disk.sample import progress
from reseal.disk.sidecar import journal_path, overlay_path, sync_folder
from reseal.errors import ImageError

_SUFFIX = ".reseal-journal"
#: More journals in one folder than this are not looked at.
_MAX_JOURNALS = 64


def journals_in(folder: Path) -> Iterator[tuple[Path, Journal]]:
    """Yield the journals in a folder that can be understood."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(one.name for one in entries if one.name.endswith(_SUFFIX))
    except OSError:  # a folder that may be entered and not listed
        return
    for name in names[:_MAX_JOURNALS]:
        file = folder / name
        try:
            # A link in the default scratch folder leads to a journal in another one.
            file = file.readlink() if file.is_symlink() else file
            journal = Journal.read_file(file)
        except (ImageError, OSError):
            continue
        if journal:
            yield file, journal


def image_of(journal: Path) -> Path | None:
    """Return the image that a journal lies beside; None where its name was too long to be kept."""
    name = journal.name.removeprefix(".").removesuffix(_SUFFIX)
    image = journal.with_name(name)
    return image if journal_path(image) == journal else None


def adopt(link: Link) -> bool:
    """Give the journal of an image that was renamed, and the overlay with it, the image's new name.

    Returns:
        Whether there is one.

    Raises:
        ImageError: it belongs to another image that is still there, or is not in the image's folder.
    """
    journal = journal_of(link)
    if journal is None:
        return False
    if journal.parent != link.path.parent or not os.path.lexists(journal):
        raise ImageError(
            f"the journal of the merge into {link.path} is not here; it was {journal}.",
            hint="Move the journal and its overlay into the folder of the image, and resume again.",
        )
    if journal == journal_path(link.path):
        return True
    original = image_of(journal)
    if original and original.exists():
        raise ImageError(
            f"{link.path} is a copy of {original} that was made while that was incomplete.",
            hint=f"Resume {original}, then copy it again.",
        )
    old = (
        overlay_path(original)
        if original
        else journal.with_name(journal.name.removesuffix(_SUFFIX) + ".reseal-overlay")
    )
    if os.path.lexists(old):
        old.rename(overlay_path(link.path))
    journal.rename(journal_path(link.path))
    sync_folder(journal.parent)
    return True


def journal_of(link: Link) -> Path | None:
    """Return the journal that says that a merge into an image has begun, wherever it is; or None."""
    if link.scratch:
        return next(iter(of_device(link)), None)
    beside = journal_path(link.path)
    if os.path.lexists(beside):
        return None if _is_void(link, beside) else beside
    if link.header.mark:
        for path, journal in journals_in(link.path.parent):
            if journal.id == link.header.mark.ident:
                return path
        return link.header.mark.journal
    for path, journal in journals_in(link.path.parent):
        if _is_of(link, journal):
            return path
    return None


def is_note(path: Path) -> bool:
    """Tell whether a journal is of a run on several disks, and the journal that decides is not there."""
    try:
        journal = Journal.read_file(path)
        return journal is not None and decision(path, journal) is None
    except ImageError:
        return False


def _is_void(link: Link, path: Path) -> bool:
    """Tell whether a journal is a note of a run on several disks that was never committed.

    Where the first disk is not there, the journal that decides may have gone with it, and where the merge has
    visibly begun, it has.
    """
    if not is_note(path):
        return False
    journal = Journal.read_file(path)
    assert journal
    first = Path(journal.first)
    if not (first.exists() or link.path.with_name(first.name).exists()):
        return False
    return progress(link, journal.samples, subject=str(link.path)) == 0


def clear_notes(link: Link) -> None:
    """Delete the notes of runs on several disks that were never committed, with their overlays."""
    if link.scratch:
        found = (one for folder in scratch.folders(link.scratch) for one in journals_in(folder))
        places = [scratch.place_of(path) for path, one in found if one.ids == link.ids]
    else:
        places = [link.path]
    for place in places:
        if is_note(journal_path(place)) and _is_void(link, journal_path(place)):
            remove_journal(place)
            scratch.forget(place)


def of_device(link: Link) -> list[Path]:
    """Return the journals in the scratch folders that fit a block device."""
    assert link.scratch
    found = (one for folder in scratch.folders(link.scratch) for one in journals_in(folder))
    fitting = dict.fromkeys(path for path, journal in found if _is_of(link, journal))
    return [path for path in fitting if not _is_void(link, path)]


def _is_of(link: Link, journal: Journal) -> bool:
    """Tell whether a journal was written for an image, or for the one that it is a copy of."""
    if (journal.format, journal.size) != (link.header.format, link.header.size):
        return False
    if link.scratch:
        same = link.ids[:1] == journal.ids[:1] != []
    else:
        status = link.path.stat()
        if status.st_size < journal.file_size:
            return False
        same = (status.st_dev, status.st_ino) == (journal.device, journal.inode)
    try:
        done = progress(link, journal.samples, subject=str(link.path))
    except ImageError:
        return same
    return done is not None and (same or done > 0)
