"""Disk images with a Windows on a volume that BitLocker encrypts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from reseal.disk import FileDevice
from reseal.ntfs import Volume
from reseal.testing.disks import BASIC_DATA, convert, gpt_disk
from reseal.testing.machine import Machine, tree
from reseal.testing.volumes import ntfs_volume, populate
from tests.bitlocker import encryptor
from tests.bitlocker.encryptor import Made, Protector

FORMATS = {".qcow2": "qcow2", ".vhdx": "vhdx", ".raw": "raw"}
STATUS = {"BitLockerStatus": {"BootStatus": 1}}
#: What Windows says of itself where it was started from an encrypted volume.
ENCRYPTED = Machine(system={"ControlSet001": {"Control": STATUS}})


def encrypted_windows(
    path: Path,
    protectors: Sequence[Protector],
    *,
    made: Made | None = None,
    machine: Machine = ENCRYPTED,
    used_space_only: bool = True,
    others: Sequence[tuple[Path, str, str]] = (),
    partitioned: bool = True,
) -> Path:
    """Make an image of a sample Windows whose volume is encrypted.

    Args:
        path: where it goes: .qcow2, .vhdx or .raw.
        protectors: what opens the volume.
        made: how it is encrypted.
        machine: the Windows.
        used_space_only: whether free space stays as it was, as Windows 10 and later do by default.
        others: volumes that follow on the disk.
        partitioned: whether the volume is a partition of a disk.
    """
    one = made or Made()
    with TemporaryDirectory(dir=path.parent) as folder:
        volume, disk = Path(folder) / "volume", Path(folder) / "disk"
        ntfs_volume(volume, 48 << 20, sector_size=one.sector)
        device = FileDevice(volume, read_only=False)
        with Volume.open(device, read_only=False, name="sample") as opened:
            populate(opened, tree(machine))
        device.close()
        places = encryptor.make_room(volume)
        content = volume.read_bytes()
        if used_space_only:
            one.untouched = _holes(content, one.sector, places, one.header_size)
        encryptor.encrypt_file_from(content, volume, one, places, protectors)
        if partitioned:
            rows = [(volume, BASIC_DATA, "Basic data partition"), *others]
            gpt_disk(disk, rows, sector=512)
        convert(disk if partitioned else volume, path, FORMATS[path.suffix])
    return path


def _holes(
    content: bytes, sector: int, places: encryptor.Places, header: int
) -> list[tuple[int, int]]:
    """Clusters of nothing but zeros. In the sample that is free space, and zeros in files."""
    own = [(place, encryptor.BLOCK) for place in places.metadata]
    own += [(places.header, header), (0, header)]
    size = max(sector, 4096)
    return [
        (at, size)
        for at in range(0, len(content), size)
        if not any(content[at : at + size])
        and not any(place < at + size and at < place + length for place, length in own)
    ]
