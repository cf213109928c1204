"""What goes wrong below or inside the file system is an error that says so."""

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reseal.disk.device import DiskError, FileDevice
from reseal.errors import EngineError, ImageError
from reseal.ntfs import Volume, library
from reseal.ntfs.callbacks import RunawayError
from reseal.tree import TreeError
from tests.ntfs.conftest import opened, writable
from tests.ntfs.index_blocks import first_entry, protected, unprotected


class Failing(FileDevice):
    """A device that fails from some moment on."""

    failing = False

    def read(self, offset: int, size: int) -> bytes:
        if self.failing:
            msg = "The disk is gone."
            raise DiskError(msg)
        return super().read(offset, size)

    def write(self, offset: int, data: bytes) -> None:
        if self.failing:
            msg = "The disk is gone."
            raise DiskError(msg)
        super().write(offset, data)


def test_an_error_of_the_device_comes_through_the_library(make: Callable[..., Path]) -> None:
    path = make({"file": bytes(8 << 20)})
    device = Failing(path, read_only=False)
    volume = Volume.open(device, read_only=False, name="disk")
    device.failing = True
    with pytest.raises(DiskError, match="gone"):
        volume.read("file")
    with pytest.raises(DiskError, match="gone"):
        volume.write("file", bytes(range(256)) * 4096)
    volume.create("new", b"x")
    with pytest.raises(DiskError, match="gone"):
        volume.close()
    device.close()


def test_keyboard_interrupts_come_through_the_library(make: Callable[..., Path]) -> None:
    path = make({"file": bytes(8 << 20)})
    device = FileDevice(path)
    volume = Volume.open(device, read_only=True, name="disk")

    def interrupted(_offset: int, _size: int) -> bytes:
        raise KeyboardInterrupt

    device.read = interrupted  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        volume.read("file")
    volume.close()
    device.close()


def test_a_closed_volume_says_so(make: Callable[..., Path]) -> None:
    path = make({"file": b"1"})
    with writable(path) as volume:
        pass
    volume.close()
    with pytest.raises(TreeError, match="is closed"):
        volume.read("file")


def test_an_index_that_runs_in_circles_ends(make: Callable[..., Path]) -> None:
    path = make({f"a long enough file name {number}": b"" for number in range(60)})
    raw = bytearray(path.read_bytes())
    # Let what comes after the last name of an index block be the block itself.
    start = 0
    while (start := raw.find(b"INDX", start)) >= 0:
        block = unprotected(raw[start : start + 4096])
        (number,) = struct.unpack_from("<Q", block, 16)
        position = first_entry(block)
        while True:
            length, flags = struct.unpack_from("<H2xH", block, position + 8)
            if flags & 2:
                break
            position += length
        struct.pack_into("<HHHHQ", block, position + 8, 24, 0, 3, 0, number)
        struct.pack_into("<I", block, 28, position + 24 - 24)
        block[36] = 1
        raw[start : start + 4096] = protected(block)
        start += 4096
    path.write_bytes(raw)
    with pytest.raises(RunawayError, match="cycle"), opened(path) as volume:
        volume.stat("zzz")


def test_the_librarys_messages_stay_off_stderr(make: Callable[..., Path]) -> None:
    path = make({"file": b"1"})
    raw = bytearray(path.read_bytes())
    raw[16384:16388] = b"JUNK"
    path.write_bytes(raw)
    program = (
        "import sys; from pathlib import Path; from reseal.errors import ImageError\n"
        "from reseal.disk.device import FileDevice; from reseal.ntfs import Volume\n"
        "try: Volume.open(FileDevice(Path(sys.argv[1])), read_only=True, name='disk')\n"
        "except ImageError as error: print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, path], check=True, capture_output=True, text=True
    )
    assert result.stderr == ""
    assert "disk can't be opened: its file system is damaged (" in result.stdout


def test_a_missing_library_is_an_engine_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "SONAMES", ("libntfs-3g.so.0",))
    with pytest.raises(EngineError, match="not installed") as caught:
        library.load.__wrapped__()
    assert "libntfs-3g89" in (caught.value.hint or "")


def test_another_library_is_an_engine_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "SONAMES", ("libc.so.6",))
    with pytest.raises(EngineError, match="is incompatible"):
        library.load.__wrapped__()


def test_tree_errors_are_image_and_os_errors() -> None:
    error = TreeError("file on disk is damaged.", hint="Copy it again.")
    assert isinstance(error, ImageError)
    assert isinstance(error, OSError)
    assert (str(error), error.hint, error.exit_code) == (
        "file on disk is damaged.",
        "Copy it again.",
        4,
    )
