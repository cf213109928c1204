"""Files and folders that are named by a SID."""

from __future__ import annotations

from reseal.errors import ImageError
from reseal.session import Session
from reseal.sid import places
from reseal.sid.replacement import Replacement
from reseal.tree import join, parent


def with_sid(session: Session, replacement: Replacement) -> dict[str, str]:
    """The paths whose last part holds the old SID, with that part's new form."""
    found = {}
    for place in places.NAMES:
        for path, entry in places.found(session, place):
            new = replacement.in_text(entry.name)
            if new != entry.name:
                found[path] = new
    return found


def replace(session: Session, replacement: Replacement) -> list[str]:
    """Stage the new names; return the old paths.

    Raises:
        ImageError: a new name is taken.
    """
    found = with_sid(session, replacement)
    for path, new in found.items():
        if session.files.stat(join(parent(path), new)) is not None:
            msg = f"{path} can't be renamed, because {new} already exists in its folder. Nothing was changed."
            raise ImageError(msg, "Choose another SID.")
        session.rename_last(path, new)
    return list(found)
