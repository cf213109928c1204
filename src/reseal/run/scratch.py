"""A scratch NTFS volume in a file without a name, for the image of a WIM.

Nothing of it is left behind, however the run ends: the file's name is gone before it holds anything.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reseal.disk import DiskError
from reseal.disk.pour import named
from reseal.disk.staged import require_space
from reseal.process import run_tool

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIB = 1 << 20
#: What a file takes beside its data at most, as a rule: its record, its place in an index, the rest of
#: its last cluster.
_PER_FILE = 8 << 10
#: For the file system itself and for what a run adds.
_SPARE = 256 * _MIB
_CLUSTER = 4096
_SECTOR = 512


@contextmanager
def scratch_volume(beside: Path, data: int, files: int) -> Iterator[int]:
    """Make an empty NTFS volume in a file, and yield its descriptor, which workers keep open.

    Args:
        beside: a file in whose folder it is made, or in the system's folder for temporary files where
            that folder can't be written.
        data: bytes that it has to hold.
        files: how many files and folders it has to hold.

    Raises:
        DiskError: there is no space for it.
        EngineError: mkntfs is missing.
    """
    number = _open_nameless(beside.absolute().parent)
    try:
        folder = Path(os.readlink(named(number))).parent  # noqa: PTH115  what it names is gone
        hint = "Free some space, or name another folder with TMPDIR."
        if folder.is_dir():
            require_space(folder, data + files * _PER_FILE, "the image's scratch volume", hint)
        size = data + data // 8 + files * _PER_FILE + _SPARE
        try:
            os.ftruncate(number, -(-size // _MIB) * _MIB)
        except OSError as error:
            msg = f"a scratch volume of {size >> 20} MiB can't be made: {error.strerror}."
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
    msg = f"A scratch file can be made neither in {folder} nor in {tempfile.gettempdir()}."
    raise DiskError(msg, "Name a folder with space in TMPDIR.")
