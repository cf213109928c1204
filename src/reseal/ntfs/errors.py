"""Why a volume can't be opened, or can't be opened for writing."""

from __future__ import annotations

from reseal.errors import ImageError


class VolumeError(ImageError):
    """A volume can't be opened."""


class NotNtfsError(VolumeError):
    """The device does not hold an NTFS volume."""


class TruncatedError(VolumeError):
    """The end of the volume is missing."""


class BitLockerError(VolumeError):
    """The volume is encrypted with BitLocker."""


class DirtyVolumeError(VolumeError):
    """Windows did not close the volume cleanly; writing to it would damage it."""


class HibernatedError(VolumeError):
    """Windows is hibernated on the volume, or was shut down with fast startup."""
