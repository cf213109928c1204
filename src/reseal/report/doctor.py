"""The programs and packages on this machine that reseal needs, and those that are missing."""

from __future__ import annotations

import ctypes
import importlib.metadata
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reseal.disk.locks import LOCK_FILE, Lock
from reseal.disk.scratch import state_folder
from reseal.disk.torn import journals_in
from reseal.errors import EngineError, ImageError
from reseal.ntfs import library as ntfs
from reseal.process import PACKAGES, load_library, run_tool
from reseal.sandbox import layers
from reseal.version import __version__
from reseal.worker import run_worker

_IMAGES = "every command on a disk image"
_WINDOWS = "every command on the Windows of a disk image"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)")


@dataclass(frozen=True, slots=True)
class Engine:
    """An external program or library that reseal uses.

    Attributes:
        name: of the program or library.
        package: the Debian package that has it.
        needed_for: the commands that need it.
        version: finds it and returns its version, a line of text.
    """

    name: str
    package: str
    needed_for: str
    version: Callable[[], str]

    def look(self) -> dict[str, Any]:
        """Look for it: `name`, `package`, `needed_for`, `version` (None: missing) and `problem`."""
        version, problem = None, None
        try:
            version = self.version()
        except (EngineError, ImageError) as error:
            problem = f"{error.message} {error.hint or ''}".strip()
        return {
            "name": self.name,
            "package": self.package,
            "needed_for": self.needed_for,
            "version": version,
            "problem": problem,
        }


def _program(name: str, needed_for: str) -> Engine:
    def version() -> str:
        return run_tool([name, "--version"]).splitlines()[0]

    return Engine(name, PACKAGES[name], needed_for, version)


def _maker(name: str, needed_for: str) -> Engine:
    """A program without a version option."""

    def version() -> str:
        run_tool([name, "--help"])
        return "found"

    return Engine(name, PACKAGES[name], needed_for, version)


def _libnbd() -> str:
    library = load_library(["libnbd.so.0"], "libnbd0")
    create, get, close = library.nbd_create, library.nbd_get_version, library.nbd_close
    create.restype, get.restype = ctypes.c_void_p, ctypes.c_char_p
    get.argtypes = close.argtypes = [ctypes.c_void_p]
    handle = create()
    found = get(handle).decode(errors="replace")
    close(handle)
    return str(found)


def _libntfs() -> str:
    # The library doesn't tell its own version; its soname is the version of its interface.
    return f"{ntfs.load().calls._name}, tested"


def _libwim() -> str:
    get = load_library(["libwim.so.15"], "wimtools").wimlib_get_version
    get.restype = ctypes.c_uint32
    number = get()
    return f"{number >> 20}.{number >> 10 & 0x3FF}.{number & 0x3FF}"


def _bitlocker() -> str:
    try:
        from reseal.bitlocker.ciphers import tested  # noqa: PLC0415  its arrays take long to load
    except ImportError as error:
        raise EngineError(f"It can't be loaded: {error}.") from error
    return tested()


ENGINES = (
    _program("qemu-img", _IMAGES),
    _program("qemu-storage-daemon", _IMAGES),
    Engine("libnbd", "libnbd0", _IMAGES, _libnbd),
    Engine("libntfs-3g", "libntfs-3g89, or ntfs-3g", _WINDOWS, _libntfs),
    _maker("mkntfs", "deploy, and work on WIM files"),
    _maker("mkfs.vfat", "deploy for UEFI"),
    _program("mcopy", "deploy for UEFI"),
    Engine("BitLocker", "pycryptodomex (pip)", "volumes that BitLocker encrypts", _bitlocker),
    Engine("libwim", "wimtools", "files that CompactOS compressed, and WIM files", _libwim),
)


def examine(engines: Iterable[Engine] = ENGINES) -> dict[str, Any]:
    """Look for everything that reseal needs.

    Returns:
        `reseal`, `python`, `system` (texts), `engines` (see `Engine.look`), `packages` (a list of `name`
        and `version`, None where it is missing), `missing`, the names of what was not found,
        `sandbox`, the layers that are in force in a worker (see `reseal.sandbox.layers.look`), and
        `interrupted`, the block devices and network disks that are to be resumed, by their journals in the
        default scratch folder.
    """
    looked = [one.look() for one in engines]
    packages = [_package(name) for name in _requirements()]
    return {
        "reseal": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": _system(),
        "engines": looked,
        "packages": packages,
        "missing": [one["name"] for one in (*looked, *packages) if one["version"] is None],
        "sandbox": _sandbox(),
        "interrupted": {str(path): one.name for path, one in journals_in(state_folder())},
    }


def _sandbox() -> list[dict[str, Any]]:
    """Measure the layers of the sandbox in a worker."""
    outside = layers.outside()
    found = run_worker(lambda _: layers.look(outside), subject="the sandbox")
    return [
        {
            "name": str(one["name"]),
            "in_force": one["in_force"] is True,
            "detail": str(one["detail"]),
        }
        for one in found
    ]


def locks_of(image: Path) -> str:
    """Return how reseal locks an image on its file system.

    Raises:
        ImageError: it is in use, or can't be opened.
    """
    lock = Lock(image)
    try:
        lock.share()
        return str(lock.way)
    finally:
        lock.close()


def _requirements() -> list[str]:
    """The Python packages that reseal declares for its runs."""
    try:
        declared = importlib.metadata.requires("reseal") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    plain = (one for one in declared if "extra ==" not in one)
    return sorted(found.group(1) for one in plain if (found := _REQUIREMENT.match(one)))


def _package(name: str) -> dict[str, Any]:
    try:
        return {"name": name, "version": importlib.metadata.version(name)}
    except importlib.metadata.PackageNotFoundError:
        return {"name": name, "version": None}


def _system() -> str:
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = platform.system()
    return f"{system}, Linux {platform.release()}, {platform.machine()}"


def text(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of `reseal doctor`."""
    yield f"reseal    {record['reseal']}, from {Path(__file__).parents[1]}"
    yield f"Python    {record['python']}"
    yield f"System    {record['system']}"
    yield f"Command   {shutil.which('reseal') or 'reseal is not on the PATH'}"
    yield "Engines"
    for one in record["engines"]:
        yield f"  {'ok' if one['version'] else 'MISSING':<8}{one['name']:<20} {one['version'] or ''}".rstrip()
        if one["problem"]:
            yield f"          needed for {one['needed_for']}"
            yield f"          {one['problem']}"
    yield "Python packages"
    for one in record["packages"]:
        yield f"  {'ok' if one['version'] else 'MISSING':<8}{one['name']:<20} {one['version'] or ''}".rstrip()
    yield "Sandbox, measured in a worker"
    for one in record["sandbox"]:
        detail = f" ({one['detail']})" if one["detail"] else ""
        yield f"  {'ok' if one['in_force'] else 'MISSING':<8}{one['name']}{detail}"
    if record.get("locks"):
        yield f"Locks     {record['image']} is locked by {record['locks']}"
        if record["locks"] == LOCK_FILE:
            yield "          This file system has no locks. Work on the image from one computer at a time."
    for journal, device in record["interrupted"].items():
        yield f"Resume    {device}: a run was interrupted ({journal})"
    yield _conclusion(record)


def _conclusion(record: dict[str, Any]) -> str:
    if record["missing"]:
        return f"Missing: {', '.join(record['missing'])}."
    absent = [one["name"] for one in record["sandbox"] if not one["in_force"]]
    without = f" Not in force in the sandbox: {', '.join(absent)}." if absent else ""
    return f"Every engine and package is there.{without}"
