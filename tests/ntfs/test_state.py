"""How Windows left a volume, and what that forbids."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from reseal.ntfs import DirtyVolumeError, HibernatedError
from tests.ntfs.conftest import make_journal, opened, writable
from tests.ntfs.judges import judge, run

RESUMABLE = b"HIBR" + bytes(8188)


def log_file(path: Path) -> int:
    """Return the byte offset of $LogFile, which mkntfs makes in one piece."""
    info = run("ntfsinfo", "--inode", "2", "--verbose", path).stdout
    _, cluster, _ = info[info.index("Runlist:") :].splitlines()[1].split()
    return int(cluster, 16) * 4096


def restart_page(*, clean: bool, version: tuple[int, int]) -> bytes:
    """Build a restart page of $LogFile (documented by the Linux-NTFS project)."""
    page = bytearray(4096)
    major, minor = version
    struct.pack_into("<4sHHQIIHHH", page, 0, b"RSTR", 30, 9, 0, 4096, 4096, 0x30, minor, major)
    # One client, in use; a log of 2 MiB has 45 bits of sequence numbers.
    flags = 2 if clean else 0
    struct.pack_into("<QHHHHIHHQ", page, 0x30, 4096, 1, 0xFFFF, 0, flags, 45, 0xE0, 0x40, 2 << 20)
    struct.pack_into("<IHHII", page, 0x58, 112, 0x30, 0x40, 1, 0)
    struct.pack_into("<QQHHHHI", page, 0x70, 0, 4096, 0xFFFF, 0xFFFF, 0, 0, 0)
    struct.pack_into("<I8s", page, 0x8C, 8, "NTFS".encode("utf-16-le"))
    # The update sequence: the last two bytes of each sector are kept beside its number.
    struct.pack_into("<H", page, 30, 1)
    for sector in range(8):
        end = 512 * sector + 510
        page[32 + 2 * sector : 34 + 2 * sector] = page[end : end + 2]
        struct.pack_into("<H", page, end, 1)
    return bytes(page)


def write_log(path: Path, *, clean: bool, version: tuple[int, int] = (1, 1)) -> None:
    start = log_file(path)
    with path.open("r+b") as file:
        file.seek(start)
        file.write(restart_page(clean=clean, version=version) * 2)


def test_a_clean_volume_says_what_it_is(make: Callable[..., Path]) -> None:
    path = make(label="Windows ☃")
    with opened(path) as volume:
        assert volume.state.label == "Windows ☃"
        assert volume.state.version == (3, 1)
        assert not volume.dirty
        assert volume.state.log_clean
        assert volume.state.hibernation == "none"
        serial = f"{volume.boot.serial:016x}"
    assert serial == run("blkid", "-p", "-o", "value", "-s", "UUID", path).stdout.strip().lower()


def test_a_dirty_volume_is_read_and_not_written(make: Callable[..., Path]) -> None:
    path = make({"file": b"1"})
    with writable(path) as volume:
        volume.set_dirty(dirty=True)
    assert "Volume Flags: 0x0001" in run("ntfsinfo", "--mft", "--force", path).stdout
    with opened(path) as volume:
        assert volume.dirty
        assert volume.read("file") == b"1"
    before = path.read_bytes()
    with pytest.raises(DirtyVolumeError, match="is marked dirty"), writable(path):
        pass
    assert path.read_bytes() == before


def test_the_dirty_flag_is_cleared_again(make: Callable[..., Path]) -> None:
    path = make()
    with writable(path) as volume:
        volume.set_dirty(dirty=True)
        volume.set_dirty(dirty=False)
    with writable(path) as volume:
        assert not volume.dirty
    judge(path)


@pytest.mark.parametrize(
    ("clean", "version", "expected"),
    [
        (True, (1, 1), (True, "none")),
        (False, (1, 1), (False, "none")),
        (True, (2, 0), (False, "fast startup")),
        (False, (2, 0), (False, "fast startup")),
    ],
)
def test_the_log_tells_how_windows_left(
    make: Callable[..., Path], *, clean: bool, version: tuple[int, int], expected: tuple[bool, str]
) -> None:
    path = make({"file": b"1"})
    write_log(path, clean=clean, version=version)
    with opened(path) as volume:
        assert (volume.state.log_clean, volume.state.hibernation) == expected
        assert volume.read("file") == b"1"
    before = path.read_bytes()
    if expected == (True, "none"):
        with writable(path):
            pass
    else:
        error = HibernatedError if version == (2, 0) else DirtyVolumeError
        with pytest.raises(error), writable(path):
            pass
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "hibernated"),
    [
        (RESUMABLE, True),
        (b"hibr" + RESUMABLE[4:], True),
        (b"", True),
        (b"WAKE" + RESUMABLE[4:], False),
        (bytes(8192), False),
    ],
)
def test_a_hibernated_volume_is_read_and_not_written(
    make: Callable[..., Path], content: bytes, *, hibernated: bool
) -> None:
    path = make({"Hiberfil.sys": content, "file": b"1"})
    with opened(path) as volume:
        assert volume.state.hibernation == ("hibernated" if hibernated else "none")
        assert volume.read("file") == b"1"
    if not hibernated:
        with writable(path):
            return
    before = path.read_bytes()
    with pytest.raises(HibernatedError, match="hibernated"), writable(path):
        pass
    assert path.read_bytes() == before


@pytest.mark.parametrize("log_clean", [True, False])
def test_hibernation_is_discarded_on_demand(make: Callable[..., Path], *, log_clean: bool) -> None:
    path = make({"hiberfil.sys": RESUMABLE, "file": b"1"})
    write_log(path, clean=log_clean)
    with opened(path, read_only=False, discard_hibernation=True) as volume:
        volume.delete("hiberfil.sys")
        volume.write("file", b"2")
    with opened(path) as volume:
        assert volume.read("file") == b"2"
        assert volume.state.hibernation == "none"
        assert volume.state.log_clean
        # Without its log the file system may contradict itself, so chkdsk is to run.
        assert volume.dirty != log_clean
    if log_clean:
        judge(path)


def test_a_journal_of_changes_is_seen(make: Callable[..., Path]) -> None:
    path = make()
    with opened(path) as volume:
        assert not volume.state.journal
    with writable(path) as volume:
        make_journal(volume)
    with opened(path) as volume:
        assert volume.state.journal
