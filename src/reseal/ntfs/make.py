"""Create an empty NTFS volume with mkntfs."""

from __future__ import annotations

from reseal.disk.device import Device
from reseal.disk.pour import named, nameless, pour
from reseal.process import run_tool

_SECTOR = 512
#: Windows' default for volumes up to 16 TiB (documented: default cluster size for NTFS).
_CLUSTER = 4096
#: The geometry that firmware and Windows assume for every disk that counts in sectors.
_HEADS, _SECTORS_PER_TRACK = 255, 63


def make(device: Device, *, label: str, hidden_sectors: int) -> None:
    """Create an empty volume with 512-byte sectors on an empty device.

    Args:
        device: the partition; writable, all zeros.
        label: the volume label.
        hidden_sectors: number of sectors before the partition; boot code uses it to find the volume.

    Raises:
        EngineError: mkntfs is not installed.
        ImageError: mkntfs failed.
    """
    with nameless(device.size) as file:
        run_tool(
            [
                *("mkntfs", "--force", "--quiet", "--quick"),
                *("--cluster-size", str(_CLUSTER), "--sector-size", str(_SECTOR)),
                *("--partition-start", str(hidden_sectors)),
                *("--heads", str(_HEADS), "--sectors-per-track", str(_SECTORS_PER_TRACK)),
                *("--label", label, named(file), str(device.size // _SECTOR)),
            ],
            pass_fds=[file],
        )
        pour(file, device)
