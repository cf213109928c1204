"""Find files encrypted with EFS, through the NTFS engine."""

from __future__ import annotations

from collections.abc import Iterable

from reseal import ntfs
from reseal.checks.declaration import Finding, NotCheckableError, error
from reseal.session import Session
from reseal.tree import TreeError


def encrypted_files(session: Session) -> Iterable[Finding]:
    """Yield the files that would become unreadable; see the package."""
    volume = session.installation.tree
    if not isinstance(volume, ntfs.Volume):
        msg = "EFS encryption is visible only in a disk image, not in a folder."
        raise NotCheckableError(msg)
    try:
        found = ntfs.encrypted_files(volume)
    except TreeError as problem:
        raise NotCheckableError(problem.message) from problem
    if found.count:
        count = f"{found.count} {'file or folder' if found.count == 1 else 'files and folders'}"
        yield error(
            f"EFS encrypts {count}, which can't be read any more once the image is generalized.",
            "Boot the image, log on as the owner and decrypt them (`cipher /d`), or delete them.",
            items=found.paths,
        )
