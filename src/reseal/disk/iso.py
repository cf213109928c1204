"""Files in an ISO image: ISO 9660 with Joliet or Rock Ridge, and UDF, as Windows' own media have it.

pycdlib reads it: it takes UDF with files of more than 4 GiB, needs no program, and works in a worker. It is
only called there, since the image may be hostile.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from reseal.disk.device import DiskError
from reseal.disk.staged import require_space
from reseal.errors import ResealError, os_errors
from reseal.hostfile import open_regular
from reseal.interruption import temporary_folder
from reseal.sandbox import Limits
from reseal.worker import run_worker

if TYPE_CHECKING:
    from pycdlib import PyCdlib

#: Where the volume descriptors begin: of ISO 9660 (ECMA-119), and of UDF alone (ECMA-167).
_DESCRIPTORS = 32768
_MAGIC = (b"CD001", b"BEA01", b"NSR02", b"NSR03")
#: Bounds on what is listed; Microsoft's media have about a thousand files.
_MAX_FILES, _MAX_NAME = 200_000, 255
_BLOCK = 4 << 20
#: The images that Setup installs: a WIM, an ESD, or the parts of a split WIM.
_INSTALL = re.compile(r"(?:.*/)?sources/install(\d*)\.(wim|esd|swm)", re.IGNORECASE)
_BAD_NAME = re.compile(r"[\x00-\x1f\x7f/\\]")
#: What pycdlib raises on damaged images, besides its own exceptions.
_DAMAGE = (
    struct.error, ValueError, IndexError, KeyError, AttributeError, TypeError, EOFError,
    OverflowError, RecursionError,
)  # fmt: skip


def is_iso(path: Path) -> bool:
    """Whether a file is named as an ISO image and is one."""
    if path.suffix.lower() != ".iso":
        return False
    try:
        with open_regular(path) as file:
            file.seek(_DESCRIPTORS + 1)
            return file.read(5) in _MAGIC
    except OSError:
        return False


@contextmanager
def install_image(path: Path) -> Iterator[Path]:
    """Yield the WIM of a Windows medium, copied to a folder for temporary files; other files as they are.

    Args:
        path: an ISO, or any other file.

    Raises:
        DiskError: the ISO is damaged, or holds no install image or several.
    """
    if not is_iso(path):
        yield path
        return
    with temporary_folder() as folder:
        limits = Limits(reads=(path.resolve().parent,), writes=(folder,))
        found = run_worker(
            lambda _: {"name": _copy_install(path, folder)}, subject=str(path), limits=limits
        )
        copy = folder / found["name"]
        try:
            yield copy
        except ResealError as error:
            # The person knows the ISO, not the copy.
            shown = f"{found['name']} of {path}"
            error.args = tuple(
                one.replace(str(copy), shown) if isinstance(one, str) else one for one in error.args
            )
            raise


def unpack_drivers(path: Path, folder: Path) -> None:
    """Copy the folders of an ISO that hold INF files. Call it in a worker.

    Args:
        path: the ISO, such as virtio-win.iso.
        folder: an empty folder.

    Raises:
        DiskError: the ISO is damaged, or larger than what is free.
    """
    with _opened(path) as (iso, kind):
        files = list(_files(iso, kind, path))
        holders = {place.parent for place, _, _ in files if place.suffix.lower() == ".inf"}
        taken = [one for one in files if one[0].parent in holders]
        _require_space(path, folder, sum(size for _, size, _ in taken))
        for place, size, name in taken:
            if any(part in {"..", "."} or _BAD_NAME.search(part) for part in place.parts[1:]):
                raise _damaged(path, f"it holds a file named {str(place)[:100]!r}")
            target = folder.joinpath(*place.parts[1:])
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(iso, kind, name, target, size, path)


def _copy_install(path: Path, folder: Path) -> str:
    """Copy the install image of a medium; return the name of its first part."""
    with _opened(path) as (iso, kind):
        found = [
            (place, size, name, match)
            for place, size, name in _files(iso, kind, path)
            if (match := _INSTALL.fullmatch(place.as_posix()))
        ]
        first = [one for one in found if not one[3][1]]
        if not first:
            raise DiskError(
                f"{path} holds no install image.",
                hint=r"A Windows medium has one in sources\install.wim or sources\install.esd.",
            )
        if len(first) > 1:
            raise DiskError(
                f"{path} holds several install images: "
                f"{', '.join(str(one[0])[:100] for one in first[:10])}.",
                hint="Copy the one that you mean out of it.",
            )
        parts = [one for one in found if one[0].parent == first[0][0].parent]
        _require_space(path, folder, sum(one[1] for one in parts))
        for place, size, name, _ in parts:
            _copy(iso, kind, name, folder / place.name.lower(), size, path)
        return first[0][0].name.lower()


def _require_space(path: Path, folder: Path, size: int) -> None:
    if size > path.stat().st_size:
        raise _damaged(path, "its files claim to be larger than the image")
    hint = "Free some space, or name another folder in TMPDIR."
    require_space(folder, size, f"what is copied out of {path}", hint)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[PyCdlib, str]]:
    """Open an ISO; yield it and the kind of path that names its files best."""
    from pycdlib import PyCdlib  # noqa: PLC0415  only media need it
    from pycdlib.pycdlibexception import PyCdlibException  # noqa: PLC0415

    iso = PyCdlib()
    try:
        with open_regular(path) as file:
            iso.open_fp(file)
            kinds = {
                "udf_path": iso.has_udf(),
                "joliet_path": iso.has_joliet(),
                "rr_path": iso.has_rock_ridge(),
            }
            yield iso, next((kind for kind, there in kinds.items() if there), "iso_path")
            iso.close()
    except ResealError:
        raise
    except (PyCdlibException, *_DAMAGE) as error:
        raise _damaged(path, str(error) or type(error).__name__) from error


def _files(iso: PyCdlib, kind: str, path: Path) -> Iterator[tuple[PurePosixPath, int, str]]:
    """Yield each file: its path without a version, its size, and its path as pycdlib takes it."""
    count = 0
    for folder, _, names in iso.walk(**{kind: "/"}):
        for name in names:
            count += 1
            if count > _MAX_FILES or len(name) > _MAX_NAME:
                raise _damaged(path, "it lists more or longer names than media have")
            full = f"{folder.rstrip('/')}/{name}"
            record: Any = iso.get_record(**{kind: full})
            plain = name.partition(";")[0] if kind == "iso_path" else name
            yield PurePosixPath(folder) / plain, record.get_data_length(), full


def _copy(iso: PyCdlib, kind: str, name: str, target: Path, size: int, path: Path) -> None:
    subject = f"{name} can't be copied out of {path}"
    with os_errors(subject, DiskError), target.open("xb") as file:
        iso.get_file_from_iso_fp(file, blocksize=_BLOCK, **{kind: name})
        if file.tell() != size:
            raise _damaged(path, f"{name} is not wholly in it")


def _damaged(path: Path, how: str) -> DiskError:
    return DiskError(f"{path} is damaged: {how[:200]}.", hint="Download or copy it again.")
