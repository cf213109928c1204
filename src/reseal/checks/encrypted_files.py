"""Files that EFS encrypts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal import ntfs
from reseal.checks.declaration import Finding, NotCheckableError, check, error
from reseal.session import Mark
from reseal.tree import TreeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session


@check(
    "encrypted-files",
    "No file is encrypted with EFS.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Limitations",
)
def encrypted_files(session: Session) -> Iterable[Finding]:
    """After Sysprep, encrypted files and folders are unreadable for good; Sysprep does not ask.

    The keys hang on accounts of the old machine. Since what is lost can't be had back, it is an error
    here, and `--force encrypted-files` is the consent.
    """
    volume = session.installation.tree
    if not isinstance(volume, ntfs.Volume):
        msg = "whether files are encrypted with EFS shows only in a disk image, not in a folder."
        raise NotCheckableError(msg)
    try:
        found = ntfs.encrypted_files(volume)
    except TreeError as problem:
        raise NotCheckableError(problem.message) from problem
    if found.count:
        count = f"{found.count} {'file or folder' if found.count == 1 else 'files and folders'}"
        yield error(
            f"EFS encrypts {count}, which nobody can read any more once the image is generalized.",
            "Boot the image, log on as their owner and decrypt them (`cipher /d`), or delete them.",
            items=found.paths,
        )
