"""Containers, partitions and overlays: a disk image as a seekable device."""

from reseal.disk.device import Device, DiskError, FileDevice, Slice

__all__ = ["Device", "DiskError", "FileDevice", "Slice"]
