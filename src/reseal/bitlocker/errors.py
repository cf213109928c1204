"""The errors of encrypted volumes."""

from __future__ import annotations

from reseal.errors import CheckError, ImageError


class MetadataError(ImageError):
    """What BitLocker keeps of a volume is damaged, or of a kind that reseal does not read."""


class LockedError(CheckError):
    """No key was given that opens the volume."""
