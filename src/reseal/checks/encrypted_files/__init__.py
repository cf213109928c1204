"""Files encrypted with EFS."""

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
    """After Sysprep, encrypted files and folders are permanently unreadable; Sysprep does not ask.

    The keys belong to accounts of the old machine. The loss is irreversible, so it is an error here;
    `--force encrypted-files` gives the consent.
    """
