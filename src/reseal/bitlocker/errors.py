"""The errors of encrypted volumes."""

from __future__ import annotations

from reseal.errors import CheckError, ImageError


class MetadataError(ImageError):
    """BitLocker's metadata of a volume is damaged, or of a kind that reseal can't read."""


class LockedError(CheckError):
    """No given key opens the volume."""
