"""A disk with large sectors does not go into a format that can't say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from reseal.disk import DiskError, FileDevice
from reseal.disk.form import require_small_sectors


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("kind", ["vhdx", "vhd", "vmdk", "vdi", "raw", "qcow2"])
def test_large_sectors_are_refused_where_they_would_be_lost(
    tmp_path: Path, sector: int, kind: str
) -> None:
    disk = tmp_path / "disk.raw"
    data = bytearray(16384)
    data[sector : sector + 8] = b"EFI PART"
    disk.write_bytes(data)
    device = FileDevice(disk)
    try:
        if sector == 512 or kind in {"raw", "qcow2"}:
            require_small_sectors(device, kind, "disk.raw")
            return
        with pytest.raises(DiskError, match="sectors of 4096") as error:
            require_small_sectors(device, kind, "disk.raw")
        assert ".qcow2 or .raw" in str(error.value.hint)
    finally:
        device.close()
