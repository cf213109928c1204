"""The loader: Windows' hive, kernel and boot drivers."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from reseal.bcd import elements
from reseal.drivers.boot import BOOT_START, service_file
from reseal.drivers.signature import Executable, hashes, writable_code
from reseal.errors import ImageError
from reseal.mark import Mark
from reseal.regf import Key
from reseal.rehearsal import sources
from reseal.rehearsal.declaration import Fact, passes, stage, stops, unknown
from reseal.rehearsal.programs import RESTORE
from reseal.rehearsal.walk import BIOS, UEFI, Walk
from reseal.tree import Stat, TreeError, join
from reseal.wim import wof
from reseal.windows.values import number

#: Files that the loader needs beside the kernel (reported for Server on UEFI; seen since Windows 7).
CORE = ("ntoskrnl.exe", "hal.dll", "ci.dll", "kdcom.dll", "pshed.dll")
#: clfs.sys moved to the drivers in Windows 10 (seen).
_LOG_DRIVER = (r"drivers\clfs.sys", "clfs.sys")
CATALOGS = r"CatRoot\{F750E6C3-38EE-11D1-85E5-00C04FC295EE}"
#: Numbers of elements that Hyper-V's Integration Components leave, and of winpe and its like.
_IMC = (0x21000138, 0x22000137)
_WINPE = 0x26000022
_NO_CHECKS, _TEST_SIGNING = 0x16000048, 0x16000049
#: Types of services that are drivers: kernel, file system, recognizer (documented, CreateService).
_DRIVER_TYPES = frozenset({1, 2, 8})
#: ErrorControl at which a failing driver stops the boot: severe and critical (documented).
_SEVERE = 2
_SIGNED_ARCHITECTURES = frozenset({"amd64", "arm64"})
_HEAD = 4096
_MAX_DRIVER = 64 << 20
_MAX_DRIVERS = 2_000
#: Real systems have some thousand catalogues with 60 MiB.
_MAX_CATALOGS, _MAX_CATALOG_BYTES = 20_000, 512 << 20
#: The loader reads XPRESS4K from this build on, and the other forms from the second (seen).
_XPRESS4K_SINCE, _ALL_SINCE = 10240, 18362
_FILE_PROVIDER, _XPRESS4K = 2, 0
_FILE_CODES = "one of: 0xc000000f, 0xc0000225, 0xc0000221, naming the file"


@stage(
    "loader",
    "The loader reads the SYSTEM hive, the kernel and the boot drivers",
    order=4,
    mark=Mark.DOCUMENTED,
    source=f"{sources.SERVICES_TREE}; {sources.BOOT_C0000225}",
)
def loader(walk: Walk) -> Iterator[Fact]:
    """Winload reads the SYSTEM hive, the kernel with its DLLs, and all drivers with Start 0."""
    if walk.absent:
        yield stops(
            walk.trouble,
            "one of: 0xc000000f, 0xc0000225, or the boot manager's error page",
            Mark.DOCUMENTED,
            sources.BOOT_C000000F,
        )
        return
    yield from _entry(walk)
    yield from _own_file(walk)
    problem = _hive(walk)
    if problem:
        yield problem
        return
    yield from _core(walk)
    yield from _drivers(walk)


def _entry(walk: Walk) -> Iterator[Fact]:
    """Elements of the loader's entry that make it start something else."""
    if walk.loader is None:
        return
    if walk.loader.value(_WINPE) is True:
        yield stops(
            "The loader's entry has winpe: Windows would start like Windows PE and keep nothing.",
            "Windows starts as Windows PE, with a registry that is lost at each restart",
            Mark.DOCUMENTED,
            sources.BCDEDIT,
            cure="reseal bcd set IMAGE {default} winpe no, or reseal boot IMAGE --repair",
        )
    if any(walk.loader.element(one) for one in _IMC):
        yield stops(
            "The loader's entry has imcdevice or imchivename, which Hyper-V's integration left.",
            "0x67 (CONFIG_INITIALIZATION_FAILED)",
            Mark.REPORTED,
            sources.REPAIR_BCD,
            cure="reseal boot IMAGE --repair",
        )


# Complex: the file is on the Windows volume, on another, or only its usual place is known.
def _own_file(walk: Walk) -> Iterator[Fact]:
    """The file of the loader itself."""
    wanted = {UEFI: ("winload.efi",), BIOS: ("winload.exe",)}.get(
        walk.firmware or "", ("winload.efi", "winload.exe")
    )
    path = None
    if walk.loader is not None and walk.loader_volume is not None:
        text = walk.loader.value(elements.APPLICATION_PATH)
        path = text.strip("\\") if isinstance(text, str) else None
    if path and walk.opened and walk.loader_volume == walk.installation.volume:
        found, paths = walk.stat(path), [path]
    elif path and walk.loader_volume is not None:
        place = next(one for one in walk.ranges if one.number == walk.loader_volume)
        with walk.volume(place) as volume:
            stat = volume.stat(path) if volume else None
        if stat is None or stat.is_directory:
            yield _no_loader(path)
        return
    else:
        paths = [walk.system32(one) for one in wanted]
        found = next((stat for one in paths if (stat := walk.stat(one))), None)
        path = next((one for one in paths if walk.stat(one)), paths[0])
    if found is None:
        yield _no_loader(" or ".join(paths))
        return
    if fact := _file(walk, path, found, critical=True):
        yield fact
        return
    yield passes(f"{path} is there.", Mark.DOCUMENTED, sources.BOOT_C000000F)


def _no_loader(path: str) -> Fact:
    return stops(
        f"The loader is missing: {path}.",
        "0xc000000f for winload",
        Mark.DOCUMENTED,
        sources.BOOT_C000000F,
        cure=RESTORE,
    )


def _hive(walk: Walk) -> Fact | None:
    """Open the SYSTEM hive, and find the control set."""
    path = walk.system32("config", "SYSTEM")
    symptom = r"one of: 0xc000014c, 0xc0000225 for config\SYSTEM, 0x74"
    cure = "Restore the hive from a backup"
    stat = walk.stat(path)
    if stat is None or not stat.size:
        what = "is missing" if stat is None else "is empty"
        return stops(f"{path} {what}.", symptom, Mark.DOCUMENTED, sources.BOOT_C000014C, cure=cure)
    try:
        hive = walk.registry.hive("SYSTEM")
        select = hive.key("Select") if hive else None
    except (ImageError, ValueError, struct.error) as error:
        said = getattr(error, "message", type(error).__name__)
        return stops(
            f"The SYSTEM hive can't be loaded: {said}",
            symptom,
            Mark.DOCUMENTED,
            sources.BOOT_C000014C,
            cure=cure,
        )
    wanted = number(select, "Default")
    if wanted is None:
        wanted = number(select, "Current")
    name = f"ControlSet{wanted:03}" if wanted is not None and 0 <= wanted < 1000 else None
    if hive is None or name is None or hive.key(name) is None:
        return stops(
            f"Select names {name or 'no control set'}, which the SYSTEM hive does not have.",
            "one of: 0x74, 0xc0000225",
            Mark.INFERRED,
            sources.BUGCHECKS,
            cure=cure,
        )
    walk.control_set = name
    return None


def _core(walk: Walk) -> Iterator[Fact]:
    bad = 0
    for name in CORE:
        path = walk.system32(name)
        found = walk.stat(path)
        fact = _file(walk, path, found, critical=True) if found else _missing(path)
        if fact:
            bad += 1
            yield fact
    if not any(walk.stat(walk.system32(one)) for one in _LOG_DRIVER):
        bad += 1
        yield _missing(walk.system32(_LOG_DRIVER[0]))
    if not bad:
        yield passes(
            f"The kernel and its files are there ({', '.join(CORE)}, clfs.sys).",
            Mark.REPORTED,
            sources.REPAIR_SECURE_BOOT,
        )


def _missing(path: str) -> Fact:
    return stops(
        f"{path} is missing.",
        _FILE_CODES,
        Mark.DOCUMENTED,
        sources.BOOT_C0000221,
        cure=RESTORE,
    )


def _drivers(walk: Walk) -> Iterator[Fact]:
    services = walk.registry.key(walk.services)
    boot = []
    for key in services.subkeys() if services else ():
        if number(key, "Start") == BOOT_START and number(key, "Type") in _DRIVER_TYPES:
            boot.append(key)
            if len(boot) > _MAX_DRIVERS:
                yield unknown(
                    "There are more boot drivers than in any Windows.",
                    Mark.SEEN,
                    sources.THIS_IMAGE,
                )
                break
    unsigned: dict[str, tuple[Key, bytes]] = {}
    bad = 0
    for key in boot:
        critical = (number(key, "ErrorControl") or 0) >= _SEVERE
        path = service_file(walk.registry, key)
        found = walk.stat(path) if path else None
        if path is None or found is None:
            bad += 1
            yield _no_driver(key.name, path, critical=critical)
            continue
        fact = _file(walk, path, found, critical=critical, unsigned=unsigned, key=key)
        if fact:
            bad += 1
            yield fact
    for fact in _unsigned(walk, unsigned):
        bad += 1
        yield fact
    if not bad:
        yield passes(
            f"{len(boot)} drivers start at boot; each has its file.",
            Mark.DOCUMENTED,
            sources.SERVICES_TREE,
        )


def _no_driver(name: str, path: str | None, *, critical: bool) -> Fact:
    text = f"The boot driver {name} has no file {path or 'in the image'}"
    cure = f"reseal customize IMAGE --remove-filter {name}"
    if critical:
        return stops(
            f"{text}, and its ErrorControl makes that matter.",
            f"one of: 0xc000000f, 0xc0000225, naming {name}",
            Mark.DOCUMENTED,
            sources.BOOT_C000000F,
            cure=cure,
        )
    return unknown(
        f"{text}. Its ErrorControl lets the kernel go on; whether the loader does is not documented.",
        Mark.INFERRED,
        sources.SERVICES_TREE,
        cure=cure,
    )


# Complex: one case for each way in which a file is unfit.
def _file(
    walk: Walk,
    path: str,
    stat: Stat,
    *,
    critical: bool,
    unsigned: dict[str, tuple[Key, bytes]] | None = None,
    key: Key | None = None,
) -> Fact | None:
    """Return why the loader would refuse a file, or None; collect unsigned drivers."""
    if stat.reparse_tag == wof.REPARSE_TAG and (fact := _compressed(walk, path)):
        return fact
    try:
        data = walk.session.files.head(path, _HEAD)
    except TreeError as error:
        return unknown(f"{path} can't be read: {error.message}", Mark.SEEN, sources.THIS_IMAGE)
    found = Executable.read(data, stat.size)
    make = stops if critical else _perhaps
    cure = f"reseal customize IMAGE --remove-filter {key.name}" if key else RESTORE
    if found is None:
        what = "is empty" if not stat.size else "is not a program"
        return make(
            f"{path} {what}.", _FILE_CODES, Mark.DOCUMENTED, sources.BOOT_C0000221, cure=cure
        )
    if found.architecture != walk.architecture and walk.architecture:
        return make(
            f"{path} is for {found.architecture or 'another machine'}, but this Windows is for "
            f"{walk.architecture}.",
            "0xc0000359",
            Mark.DOCUMENTED,
            sources.BOOT_C0000359,
            cure=cure,
        )
    if key is not None and walk.memory_integrity and (section := writable_code(data)):
        return unknown(
            f"{path} keeps the section {section}, which is writable and executable; Memory integrity (HVCI), "
            "which is on, refuses that where the processor supports it.",
            Mark.REPORTED,
            sources.REPAIR_INTEGRITY,
        )
    if not found.signed and key is not None and unsigned is not None:
        unsigned[path] = key, data
    return None


def _perhaps(text: str, symptom: str, mark: Mark, source: str, *, cure: str | None = None) -> Fact:
    return unknown(
        f"{text} Its ErrorControl lets the kernel go on; whether the loader does is not documented.",
        mark,
        source,
        symptom=f"if it matters, {symptom}",
        cure=cure,
    )


def _compressed(walk: Walk, path: str) -> Fact | None:
    """May the loader of this build read a WOF-compressed file?"""
    data = walk.session.files.reparse(path)[8:]
    if len(data) < 16:
        return None
    _, provider, _, algorithm = struct.unpack_from("<4I", data)
    if provider != _FILE_PROVIDER or not walk.build:
        return None
    since = _XPRESS4K_SINCE if algorithm == _XPRESS4K else _ALL_SINCE
    if walk.build >= since:
        return None
    return stops(
        f"{path} is compressed (CompactOS) in a form that the loader of build {walk.build} can't read.",
        _FILE_CODES,
        Mark.SEEN,
        sources.WIMLIB,
        cure="compact /exe /u on it, in another Windows",
    )


def _unsigned(walk: Walk, drivers: dict[str, tuple[Key, bytes]]) -> Iterator[Fact]:
    """Drivers without an embedded signature need a catalogue."""
    if not drivers or walk.architecture not in _SIGNED_ARCHITECTURES:
        return
    wanted: dict[bytes, str] = {}
    for path in drivers:
        stat = walk.stat(path)
        if stat and stat.size <= _MAX_DRIVER:
            for digest in hashes(walk.session.files.read(path)):
                wanted[digest] = path
    missing = set(drivers) - _in_catalogs(walk, wanted)
    lenient = (
        walk.loader is not None
        and walk.secure_boot in {None, "off"}
        and any(walk.loader.value(one) is True for one in (_NO_CHECKS, _TEST_SIGNING))
    )
    for path in sorted(missing):
        text = f"{path} has no embedded signature, and no catalogue of the image names it"
        if lenient:
            yield unknown(
                f"{text}; the loader's entry allows test signatures, which Secure Boot ignores.",
                Mark.REPORTED,
                sources.SIGNING,
            )
            continue
        yield stops(
            f"{text}.",
            "0xc0000428, naming the driver",
            Mark.DOCUMENTED,
            sources.SIGNING,
            cure="Replace it with a signed driver: reseal generalize IMAGE --drivers FOLDER",
        )


def _in_catalogs(walk: Walk, wanted: dict[bytes, str]) -> set[str]:
    """Return the files of which a catalogue holds a digest, as bytes or as a member's name."""
    folder = walk.system32(CATALOGS)
    named = {digest.hex().upper().encode("utf-16-le"): path for digest, path in wanted.items()}
    found: set[str] = set()
    try:
        listed = walk.session.files.list(folder)
    except TreeError:
        return found
    room = _MAX_CATALOG_BYTES
    for one in listed[:_MAX_CATALOGS]:
        if one.is_directory or not one.name.lower().endswith(".cat") or one.size > room:
            continue
        room -= one.size
        data = walk.session.files.read(join(folder, one.name))
        found.update(
            path
            for digest, path in (wanted | named).items()
            if path not in found and digest in data
        )
    return found
