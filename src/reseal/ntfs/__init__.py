"""NTFS volumes inside a device, through libntfs-3g."""

from reseal.ntfs.encrypted import EncryptedFiles, encrypted_files
from reseal.ntfs.errors import (
    BitLockerError,
    DirtyVolumeError,
    HibernatedError,
    NotNtfsError,
    TruncatedError,
    VolumeError,
)
from reseal.ntfs.volume import Volume

__all__ = [
    "BitLockerError",
    "DirtyVolumeError",
    "EncryptedFiles",
    "HibernatedError",
    "NotNtfsError",
    "TruncatedError",
    "Volume",
    "VolumeError",
    "encrypted_files",
]
