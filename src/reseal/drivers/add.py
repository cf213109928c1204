r"""Add driver packages to a powered-off image.

| place | what is written | mark, source |
|---|---|---|
| `Windows\Drivers\reseal\<name>` | the package: its INF file, its catalogue and all its files | inferred: Windows itself does not use this folder |
| `SOFTWARE\Microsoft\Windows\CurrentVersion` `DevicePath` | that folder is added; `%SystemRoot%\inf` stays | documented: Microsoft, Configure Windows to Search Additional Folders for Device Drivers: if no package in the driver store fits a new device, Windows searches these folders, imports the package into the driver store and installs it from there |

A storage driver that starts at boot is also registered, since Windows needs it before it can search any
folder (see `registering`). A package is used only if it has devices for the architecture and version of
the image; of several versions of one package, the one that matches this version most closely.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import tempfile
from pathlib import Path

from reseal.disk.iso import is_iso, unpack_drivers
from reseal.drivers import registering
from reseal.drivers.inf import MAX_SIZE, InfError
from reseal.drivers.installed import InstalledInfs, language, read_inf
from reseal.drivers.package import Package
from reseal.drivers.result import AddedPackage, Outcome
from reseal.drivers.signature import Executable
from reseal.drivers.source import Candidate, Source, best
from reseal.drivers.target import Target
from reseal.errors import CheckError, UsageError
from reseal.regf import types
from reseal.session import Mark, Session
from reseal.tree import join

PROVIDER = "drivers"
STAGING = r"Drivers\reseal"
CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
_INF_FOLDER = r"%SystemRoot%\inf"


def add_packages(session: Session, folder: Path) -> list[AddedPackage]:
    """Stage the driver packages of a local folder that fit the image.

    Args:
        session: the installation; the changes are staged by the provider `drivers`.
        folder: holds INF files with their other files, at any depth; or an ISO with them.

    Returns:
        Every package found, ordered by path, and its result.

    Raises:
        UsageError: the folder can't be read, or holds no package that fits.
        CheckError: the image's version or architecture is unknown.
        ImageError: a hive of the image is damaged.
    """
    target = Target.of(session.installation)
    if target is None:
        msg = "The image's version or architecture is unknown, so no driver can be chosen."
        raise CheckError(msg, "Examine it with `reseal inspect`; nothing was changed.")
    source = Source(_unpacked(folder) if is_iso(folder) else folder)
    results: dict[Path, AddedPackage] = {}
    candidates = []
    included = InstalledInfs(session)
    for path in source.infs():
        try:
            package = source.package(path, target, language(session), included.find)
            if package.models:
                candidates.append(Candidate(path, package))
                continue
            reason = _why_none(Candidate(path, package))
        except InfError as error:
            reason = error.message
        results[path] = AddedPackage(source.shown(path), Outcome.LEFT_OUT, reason)
    taken, passed = best(candidates)
    for one in passed:
        results[one.path] = _result(
            source,
            one,
            Outcome.LEFT_OUT,
            "Another version of this package fits this Windows better.",
        )
    with session.acting(PROVIDER, Mark.REPORTED):
        names: set[str] = set()
        for one in taken:
            stem = _free_name(session, one, names)
            names.add(stem.lower())
            results[one.path] = _add(session, source, one, stem)
    found = [results[path] for path in sorted(results)]
    if all(one.outcome is Outcome.LEFT_OUT for one in found):
        why = f"{found[0].inf}: {found[0].reason}"
        msg = f"None of the {len(found)} driver packages in {folder} can be added ({why})."
        raise UsageError(msg, _wanted(target))
    _tell(session, found)
    return found


def _unpacked(medium: Path) -> Path:
    """Copy the driver packages of an ISO into the worker's folder, which its parent deletes."""
    folder = Path(tempfile.mkdtemp())
    unpack_drivers(medium, folder)
    return folder


def _add(session: Session, source: Source, one: Candidate, stem: str) -> AddedPackage:
    package = one.package
    try:
        files, lacking = _files(source, one)
        if lacking:
            reason = f"The folder lacks files of this package: {', '.join(lacking)}."
            return _result(source, one, Outcome.LEFT_OUT, reason)
        warnings = _unsigned(package.catalog, files)
        outcome, reason, services = (
            Outcome.STAGED,
            "Windows installs it when it detects a matching device.",
            [],
        )
        try:
            wanted = registering.plan(package)
            if wanted:
                services = [service.name for service in wanted.services.values()]
                outcome, reason = _register(session, one, wanted, files, stem, warnings)
        except registering.RefusalError as refusal:
            services = []
            warnings.append(f"It is not registered to start at boot: {refusal}")
        _stage(session, files, stem)
    except InfError as error:
        return _result(source, one, Outcome.LEFT_OUT, error.message)
    return _result(source, one, outcome, reason, tuple(services), tuple(warnings))


def _files(source: Source, one: Candidate) -> tuple[dict[str, bytes], list[str]]:
    """Return a package's files by their path in it, and the names of missing ones."""
    package = one.package
    needed = {
        name.lower() for install in package.configurations for name in package.copied(install)
    }
    needed |= {
        service.binary.rpartition("\\")[2].lower()
        for configuration in package.configurations.values()
        for service in configuration.services
    }
    files = {one.path.name: source.read(one.path, MAX_SIZE)}
    lacking = []
    for name, path in package.files.items():
        found = source.find(one.path.parent, path)
        if found is not None:
            files[path] = source.read(found)
        elif name in needed:
            lacking.append(path)
    return files, sorted(lacking)


def _register(
    session: Session,
    one: Candidate,
    wanted: registering.Registration,
    files: dict[str, bytes],
    stem: str,
    warnings: list[str],
) -> tuple[Outcome, str]:
    by_name = {path.rpartition("\\")[2].lower(): data for path, data in files.items()}
    drivers: dict[str, bytes] = {}
    for name, path in wanted.files.items():
        data = by_name.get(name)
        if data is None:
            if session.files.stat(session.installation.path(path)) is None:
                msg = f"Neither the package nor the image has the driver file {name}."
                raise registering.RefusalError(msg)
            continue
        _judge(name, data, one, warnings)
        drivers[path] = data
    if registering.present(session, one.package, wanted):
        registering.start_at_boot(session, [each.name for each in wanted.services.values()])
        return Outcome.PRESENT, "Windows has already installed this driver; it starts at boot."
    warnings += registering.register(session, one.package, wanted, stem, one.path.name)
    for path, data in drivers.items():
        session.write_file(session.installation.path(path), data)
    _catalog(session, one, files, warnings)
    return Outcome.REGISTERED, "Its driver starts at boot."


def _judge(name: str, data: bytes, one: Candidate, warnings: list[str]) -> None:
    """Check whether Windows could load a driver at boot.

    Raises:
        RefusalError: it is not an executable, or is for another processor.
    """
    target = one.package.target
    executable = Executable.read(data)
    if executable is None:
        msg = f"{name} is not an executable."
        raise registering.RefusalError(msg)
    if executable.architecture != target.architecture:
        msg = f"{name} is for {executable.architecture or 'another processor'}."
        raise registering.RefusalError(msg)
    if not executable.signed and target.architecture != "x86":
        warnings.append(
            f"{name} has no embedded signature; Windows for {target.architecture} starts no such "
            "driver at boot."
        )


def _catalog(
    session: Session, one: Candidate, files: dict[str, bytes], warnings: list[str]
) -> None:
    name = one.package.catalog
    if not name or name not in files:
        return
    path = session.installation.path(registering.CATALOGS, name)
    if session.files.stat(path) is not None and session.files.read(path) != files[name]:
        warnings.append(f"The image has another catalogue {name}, which stays.")
        return
    with session.acting(PROVIDER, Mark.INFERRED):
        session.write_file(path, files[name])


def _unsigned(catalog: str | None, files: dict[str, bytes]) -> list[str]:
    if catalog is None:
        return ["It names no catalogue, so it is not signed; Windows may refuse to install it."]
    if catalog not in files:
        return [f"Its catalogue {catalog} is missing; Windows may refuse to install it."]
    return []


def _stage(session: Session, files: dict[str, bytes], stem: str) -> None:
    folder = join(STAGING, stem)
    with session.acting(PROVIDER, Mark.DOCUMENTED):
        for path, data in files.items():
            session.write_file(session.installation.path(folder, path), data)
        _search(session, rf"%SystemRoot%\{folder}")


def _search(session: Session, folder: str) -> None:
    """Add a folder to the ones that Windows searches for drivers."""
    found = session.registry.text(CURRENT_VERSION, "DevicePath") or _INF_FOLDER
    folders = [one for one in found.split(";") if one.strip()]
    if folder.lower() not in (one.strip().lower() for one in folders):
        kind = types.REG_EXPAND_SZ
        text = ";".join([*folders, folder])
        session.set_value(CURRENT_VERSION, "DevicePath", kind, types.encode(kind, text))


def _free_name(session: Session, one: Candidate, names: set[str]) -> str:
    """Return a name for a package that no other has, in this run or in the image.

    An earlier version of the same package in the image is overwritten.
    """
    stem, number = one.path.stem, 1
    name = stem
    while name.lower() in names or _other_is_there(session, one, name):
        number += 1
        name = f"{stem}-{number}"
    return name


def _other_is_there(session: Session, one: Candidate, name: str) -> bool:
    folder = session.installation.path(STAGING, name)
    if session.files.stat(folder) is None and not session.files.list(folder):
        return False
    found = read_inf(session, join(folder, one.path.name))
    if found is None:
        return True
    other = Candidate(one.path, Package(found, one.package.target))
    try:
        return not one.replaces(other)
    except InfError:
        return True


def _why_none(one: Candidate) -> str:
    package = one.package
    if not package.inf.lines("Manufacturer"):
        return "It installs no device."
    target = package.target
    return (
        f"It is not for Windows {target.major}.{target.minor} build {target.build} "
        f"({target.architecture})."
    )


def _wanted(target: Target) -> str:
    return (
        f"Name a folder with drivers for Windows {target.major}.{target.minor}, build "
        f"{target.build}, {target.architecture}. Nothing was changed."
    )


def _result(
    source: Source,
    one: Candidate,
    outcome: Outcome,
    reason: str,
    services: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> AddedPackage:
    package = one.package
    return AddedPackage(
        source.shown(one.path),
        outcome,
        reason,
        package.class_name,
        package.provider,
        ".".join(map(str, package.version)),
        package.date.date().isoformat() if package.date else None,
        len({identifier.lower() for model in package.models for identifier in model.ids}),
        services,
        warnings,
    )


def _tell(session: Session, found: list[AddedPackage]) -> None:
    for one in found:
        for warning in one.warnings:
            session.note(f"{one.inf}: {warning}")
    session.note(
        rf"Driver packages are in Windows\{STAGING}, which Windows searches when it detects a new "
        "device. The driver store (FileRepository, OemInfMap, the DRIVERS hive) is not changed, since "
        "its format is not public; Windows imports the packages itself."
    )
    if any(one.outcome is Outcome.REGISTERED for one in found):
        session.note(
            "Boot drivers are registered in the form known from real hives and from virt-v2v. That "
            "Windows starts from them is not proved."
        )
