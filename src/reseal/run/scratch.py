"""A scratch NTFS volume in an unnamed file, for the image of a WIM.

The file is unlinked before it is written, so a run that is killed leaves nothing behind.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reseal.disk import DiskError
from reseal.disk.pour import named
from reseal.disk.staged import require_space
from reseal.process import run_tool

_MIB = 1 << 20
#: Usual maximum overhead of a file: its record, its index entry, the slack of its last cluster.
_PER_FILE = 8 << 10
#: Space for metadata and for additions by a run.
_SPARE = 256 * _MIB
_CLUSTER = 4096
_SECTOR = 512


@contextmanager
def scratch_volume(beside: Path, data: int, files: int) -> Iterator[int]:
    """Create an empty NTFS volume in a file, and yield its file descriptor for workers.

    Args:
        beside: a file; the volume is created in its folder, or in the system's temporary folder if that is
            not writable.
        data: bytes of file content that it must hold.
        files: number of files and folders that it must hold.

    Raises:
        DiskError: not enough space is free.
        EngineError: mkntfs is missing.
    """
    number = _open_nameless(beside.absolute().parent)
    try:
        folder = Path(os.readlink(named(number))).parent  # noqa: PTH115  what it names is gone
        hint = "Free some space, or set TMPDIR to another folder."
        if folder.is_dir():
            require_space(folder, data + files * _PER_FILE, "the image's scratch volume", hint)
        size = data + data // 8 + files * _PER_FILE + _SPARE
        try:
            os.ftruncate(number, -(-size // _MIB) * _MIB)
        except OSError as error:
            msg = f"a scratch volume of {size >> 20} MiB can't be created: {error.strerror}."
            raise DiskError(msg, hint) from error
        command = [
            *("mkntfs", "--force", "--quiet", "--quick", "--cluster-size", str(_CLUSTER)),
            *("--sector-size", str(_SECTOR), "--partition-start", "0", "--heads", "255"),
            *("--sectors-per-track", "63", named(number)),
        ]  # fmt: skip
        run_tool(command, pass_fds=[number])
        yield number
    finally:
        os.close(number)


def _open_nameless(folder: Path) -> int:
    for place in (folder, Path(tempfile.gettempdir())):
        with suppress(OSError):
            number, name = tempfile.mkstemp(prefix=".reseal-", dir=place)
            Path(name).unlink()
            return number
    msg = f"A scratch file can be created neither in {folder} nor in {tempfile.gettempdir()}."
    raise DiskError(msg, "Set TMPDIR to a folder with enough space.")
