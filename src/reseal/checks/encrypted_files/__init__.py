"""Files that EFS encrypts."""

from __future__ import annotations

from reseal.checks.declaration import check
from reseal.mark import Mark


@check(
    "encrypted-files",
    "No file is encrypted with EFS.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Limitations",
    work="reseal.checks.encrypted_files.scan:encrypted_files",
)
def encrypted_files() -> None:
    """After Sysprep, encrypted files and folders are unreadable for good; Sysprep does not ask.

    The keys hang on accounts of the old machine. Since what is lost can't be had back, it is an error
    here, and `--force encrypted-files` is the consent.
    """
