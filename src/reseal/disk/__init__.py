"""Containers, partitions and overlays: a disk image as a seekable device.

The parent process opens an `Image`, begins a `Transaction` and serves both to a worker, which
`connect`s and finds its volumes with `volumes`. Only the parent commits.
"""

from reseal.disk.device import Device, DiskError, FileDevice, Patched, Slice
from reseal.disk.image import Image
from reseal.disk.locks import InUseError
from reseal.disk.nbd import connect
from reseal.disk.partitions import VolumeRange, volumes
from reseal.disk.resume import Resumed, resume
from reseal.disk.transaction import Transaction

__all__ = [
    "Device",
    "DiskError",
    "FileDevice",
    "Image",
    "InUseError",
    "Patched",
    "Resumed",
    "Slice",
    "Transaction",
    "VolumeRange",
    "connect",
    "resume",
    "volumes",
]
