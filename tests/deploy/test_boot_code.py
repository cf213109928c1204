"""Boot code for BIOS: as its source says, and running on SeaBIOS."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reseal.deploy import boot_code
from reseal.disk import FileDevice, Slice, VolumeRange
from reseal.disk.tables import write_mbr
from reseal.errors import ImageError
from reseal.ntfs import Volume
from reseal.ntfs.make import make
from reseal.testing.firmware import bios_manager
from reseal.testing.volumes import File, TreeSpec, ntfs_volume, populate
from tests.deploy.firmware import bios, bios_screen
from tests.ntfs.conftest import opened, writable
from tests.ntfs.judges import judge_structure

MIB = 1 << 20
SOURCES = Path(boot_code.__file__).parent
TEXT = "the stand-in was started"
Build = Callable[..., Path]


@pytest.mark.parametrize("name", ["mbr", "ntfs"])
def test_the_code_is_what_its_source_says(tmp_path: Path, name: str) -> None:
    if shutil.which("as") is None or shutil.which("ld") is None:
        pytest.skip("the assembler is not installed (apt install binutils)")
    known = subprocess.run(["ld", "-V"], check=True, capture_output=True, text=True).stdout
    if "elf_i386" not in known:
        pytest.skip("the assembler is not one for x86")
    built, linked = tmp_path / "code.o", tmp_path / "code.bin"
    subprocess.run(["as", "--32", "-o", built, SOURCES / f"{name}.S"], check=True)
    subprocess.run(
        ["ld", "-m", "elf_i386", "-Ttext", "0", "--oformat", "binary", "-o", linked, built],
        check=True,
    )
    assert linked.read_bytes() == (SOURCES / f"{name}.bin").read_bytes()


def test_it_has_the_sizes_that_it_may_have() -> None:
    assert len(boot_code.mbr()) <= 440
    assert len(boot_code.ntfs()) == boot_code.BOOT_SIZE
    assert boot_code.ntfs()[510:512] == b"\x55\xaa"


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Make a disk with one active volume that reseal's code is to start."""

    def make_disk(fill: Callable[[Volume], None] | TreeSpec, *, start: int = 1) -> Path:
        path, volume = tmp_path / "disk.raw", tmp_path / "volume"
        with path.open("wb") as file:
            file.truncate(64 * MIB)
        device = FileDevice(path, read_only=False)
        place = VolumeRange(2, start * MIB, 48 * MIB, "mbr", "07", disk="00000001", active=True)
        write_mbr(device, 1, [place])
        boot_code.install_mbr(device)
        part = Slice(device, place.offset, place.size)
        make(part, label="System", hidden_sectors=place.offset // 512)
        boot_code.install(part, boot_code.ntfs())
        volume.write_bytes(part.read(0, part.size))
        with writable(volume) as writing:
            if callable(fill):
                fill(writing)
            else:
                populate(writing, fill)
        judge_structure(volume)
        part.write(0, volume.read_bytes())
        device.close()
        return path

    return make_disk


MANAGER = bios_manager(TEXT)


def _crowd(volume: Volume) -> None:
    """Fill the root folder, so that its index lies in blocks, and delete some of it."""
    for number in range(300):
        volume.create(f"a file with a rather long name {number:04}.txt", b"x")
    volume.create("BOOTMGR.old", b"not this one")
    for number in range(0, 300, 2):
        volume.delete(f"a file with a rather long name {number:04}.txt")
    volume.create("bootmgr", MANAGER)


def _fragment(volume: Volume) -> None:
    """Leave little but holes of one cluster between files, and write bootmgr into them."""
    volume.make_directory("crowd")
    for number in range(400):
        volume.create(f"crowd\\{number}", bytes(4096))
    with volume.metadata(6) as bitmap:
        used = sum(byte.bit_count() for byte in bitmap.read(0x80))
    volume.create("fill", bytes((volume.boot.size // 4096 - used - 20) * 4096))
    for number in range(0, 400, 2):
        volume.delete(f"crowd\\{number}")
    volume.create("bootmgr")
    for start in range(0, len(MANAGER), 4096):
        volume.patch("bootmgr", start, MANAGER[start : start + 4096])


@pytest.mark.parametrize(
    ("fill", "start"),
    [
        pytest.param({"bootmgr": MANAGER}, 1, id="plain"),
        pytest.param({"BOOTMGR": MANAGER}, 1, id="capitals"),
        pytest.param({"bootmgr": MANAGER}, 13, id="elsewhere on the disk"),
        pytest.param(_crowd, 1, id="a root folder in blocks"),
        pytest.param(_fragment, 1, id="in fragments"),
    ],
)
def test_it_starts_bootmgr(
    build: Build, fill: Callable[[Volume], None] | TreeSpec, start: int
) -> None:
    assert TEXT in bios(build(fill, start=start))


def test_a_bootmgr_in_fragments_has_them(build: Build, tmp_path: Path) -> None:
    """The case above is what it says."""
    build(_fragment)
    with opened(tmp_path / "volume") as volume, volume._entry("bootmgr") as inode:
        size = sum(len(raw) for raw in inode._records(0x80, None))
    assert size > 150  # bytes of the attribute; of a file in one piece 72


def test_a_bootmgr_in_its_record_is_started_too(build: Build) -> None:
    # A program so small that NTFS keeps it in its record: it sends one letter to the serial port.
    small = bytes.fromhex("ba f8 03 b0 52 ee ba f4 00 b0 21 ee f4 eb fd")
    assert bios(build({"bootmgr": small})) == "R"


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"bootmgr2": MANAGER, "ootmgr": b"x"}, "bootmgr is missing"),
        ({"bootmgr": File(b"abc" * 90_000, compressed=True)}, "bootmgr is compressed or too large"),
        ({"bootmgr": bytes(600 << 10)}, "bootmgr is compressed or too large"),
    ],
)
def test_what_it_can_t_start_it_says(build: Build, tree: TreeSpec, message: str) -> None:
    assert f"reseal: {message}" in bios_screen(build(tree), "reseal: ")


def test_a_disk_without_an_active_partition_is_told(build: Build) -> None:
    path = build({"bootmgr": MANAGER})
    with path.open("r+b") as file:
        file.seek(446 + 16)
        file.write(b"\0")
    assert "reseal: no partition is active" in bios_screen(path, "reseal: ")


def test_the_volume_s_own_parameters_stay(tmp_path: Path) -> None:
    path = tmp_path / "volume"
    ntfs_volume(path, 16 * MIB)
    before = path.read_bytes()
    device = FileDevice(path, read_only=False)
    assert boot_code.of_volume(device) is None
    boot_code.install(device, boot_code.ntfs())
    after = path.read_bytes()
    assert after[3:0x54] == before[3:0x54]
    assert after[0x54:8192] == boot_code.ntfs()[0x54:]
    assert after[8192:-512] == before[8192:-512]
    assert after[-512:] == after[:512]
    judge_structure(path)
    with pytest.raises(ImageError, match="does not fit into an NTFS volume"):
        boot_code.install(device, b"x")


@pytest.mark.corpus
def test_code_that_windows_placed_is_known(vss_volume: Path, windows_volume: Path) -> None:
    """A volume that Windows formatted has Windows's own code, which is copied as it is."""
    for path in (vss_volume, windows_volume):
        found = boot_code.of_volume(FileDevice(path))
        assert found
        assert b"BOOTMGR is missing" in found
