"""Images that are half merged, wherever they went from their journal.

A qcow2 carries a mark. Any other container is known by its journal: the one for its name, or one in the
same folder that was written for this very file (renamed), or whose samples say that this file has begun to
become what the merge makes (copied byte for byte).

What can't be known: a container other than qcow2 that was moved to a folder without its journal, or to
another file system; a copy of it that was made before the first sample was written; and an image that
another program has converted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from reseal.disk.chain import Link
from reseal.disk.journal import Journal
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
        try:
            journal = Journal.read_file(folder / name)
        except ImageError:
            continue
        if journal:
            yield folder / name, journal


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
    beside = journal_path(link.path)
    if os.path.lexists(beside):
        return beside
    if link.header.mark:
        for path, journal in journals_in(link.path.parent):
            if journal.id == link.header.mark.ident:
                return path
        return link.header.mark.journal
    for path, journal in journals_in(link.path.parent):
        if _is_of(link, journal):
            return path
    return None


def _is_of(link: Link, journal: Journal) -> bool:
    """Tell whether a journal was written for an image, or for the one that it is a copy of."""
    if (journal.format, journal.size) != (link.header.format, link.header.size):
        return False
    status = link.path.stat()
    if status.st_size < journal.file_size:
        return False
    same = (status.st_dev, status.st_ino) == (journal.device, journal.inode)
    try:
        done = progress(link, journal.samples, subject=str(link.path))
    except ImageError:
        return same
    return done is not None and (same or done > 0)
