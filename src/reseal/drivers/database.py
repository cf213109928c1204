r"""A package's entries in the databases from which the kernel installs drivers during the boot.

`SYSTEM\DriverDatabase` of Windows 8 and later:

| key | values | mark |
|---|---|---|
| `DriverInfFiles\<inf>` | default and `Active`: the package; `Configurations`: names | seen |
| `DeviceIds\<id>` | `<inf>` = 01 FF 00 00 for a hardware id, 02 FF 00 00 for a compatible one | seen in 4,549 of 4,787 values of a real Windows 10; the meaning of the first byte is inferred |
| `DriverPackages\<package>` | default: `<inf>`; `Provider`; `InfName`; `Version`: 00 FF, processor architecture, class GUID, FILETIME of the date, four words of the version | seen; that it is needed: reported (virt-v2v) |
| `…\Configurations\<section>` | `Service`, filters, `ConfigFlags` 0; below it `Device`, `Driver` and `Services\<name>` with what the INF file sets there | seen |
| `…\Descriptors\<id>` | `Configuration`, `Manufacturer`, `Description` | seen |
| `…\Strings` | the strings of the descriptors, by token in lower case | seen |

In these settings, 0x20000 in the type means "only if it does not exist" and 0x40000 "append" (seen; the
meanings: inferred). The other values that Windows writes say that it has checked the package, or have an
unknown meaning. They are left out, as virt-v2v does: `SignerName`, `SignerScore`, `StatusFlags`,
`ImportDate`, `OemPath`, `Properties`, `ConfigScope`, `IncludedInfs`, `ExcludeIds`, `Reboot`, `LockLevel`,
the empty `Service` of a device without a driver, values to be deleted, and the class GUID among the
`DeviceIds`.

`Control\CriticalDeviceDatabase` of Windows 7 has a key for each id, with # for \: `Service`, `ClassGUID`,
filters (documented: KB314082; seen).
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reseal.drivers.addreg import APPEND, NO_CLOBBER, Setting
from reseal.drivers.model import Configuration, Model
from reseal.drivers.package import Package
from reseal.regf import types

#: PROCESSOR_ARCHITECTURE_… (documented, SYSTEM_INFO).
_ARCHITECTURES = {"x86": 0, "arm": 5, "ia64": 6, "amd64": 9, "arm64": 12}
_HARDWARE_ID, _COMPATIBLE_ID = bytes([1, 0xFF, 0, 0]), bytes([2, 0xFF, 0, 0])
_ONLY_NEW, _ADDED = 0x20000, 0x40000
_TOKEN = re.compile(r"%([^%]+)%")


@dataclass(frozen=True, slots=True)
class Entry:
    """A value of a database: the path of its key below the database, name, type and data."""

    path: str
    name: str
    kind: int
    data: bytes


def driver_database(
    package: Package,
    inf: str,
    folder: str,
    configurations: Iterable[Configuration],
    *,
    original: str | None = None,
) -> Iterator[Entry]:
    """Yield the entries of a package in DriverDatabase.

    Args:
        package: the package.
        inf: the name of its INF file in the database.
        folder: the name of its entry among the packages.
        configurations: the configurations to include.
        original: the original name of the INF file; None if it is the same.
    """
    named = {one.name: one for one in configurations}
    models = [one for one in package.models if one.install in named]
    yield _strings(rf"DriverInfFiles\{inf}", "", [folder])
    yield _text(rf"DriverInfFiles\{inf}", "Active", folder)
    yield _strings(rf"DriverInfFiles\{inf}", "Configurations", list(named))
    for identifier, kind in _ids(models).items():
        yield Entry(rf"DeviceIds\{identifier}", inf, types.REG_BINARY, kind)
    root = rf"DriverPackages\{folder}"
    architecture = _ARCHITECTURES.get(package.target.architecture, 0)
    guid = package.class_guid.bytes_le if package.class_guid else bytes(16)
    record = struct.pack("<BBHI", 0, 0xFF, architecture, 0) + guid + package.version_record
    yield Entry(root, "Version", types.REG_BINARY, record + bytes(8))
    yield _text(root, "", inf)
    yield _text(root, "Provider", package.provider or "")
    if original:
        yield _text(root, "InfName", original)
    for one in named.values():
        yield from _configuration(rf"{root}\Configurations\{one.name}", one)
    yield from _descriptors(root, package, models)


def critical_devices(
    package: Package, configurations: Iterable[Configuration]
) -> Iterator[tuple[str, list[Entry]]]:
    """Yield each id with its entries in the CriticalDeviceDatabase."""
    named = {one.name: one for one in configurations}
    seen: set[str] = set()
    for model in package.models:
        found = named.get(model.install)
        for identifier in model.ids if found else ():
            if found is None or found.driver_service is None or identifier.lower() in seen:
                continue
            seen.add(identifier.lower())
            key = identifier.replace("\\", "#")
            guid = f"{{{package.class_guid}}}".upper()
            entries = [_text(key, "Service", found.driver_service), _text(key, "ClassGUID", guid)]
            entries += [
                Entry(key, name, one.kind, one.data)
                for name, one in found.filters.items()
                if one.kind is not None
            ]
            yield identifier, entries


def _ids(models: Iterable[Model]) -> dict[str, bytes]:
    """Return every id with its kind; an id that is both is a hardware id."""
    found: dict[str, tuple[str, bytes]] = {}
    for model in models:
        if model.hardware_id:
            found[model.hardware_id.lower()] = model.hardware_id, _HARDWARE_ID
        for one in model.compatible_ids:
            found.setdefault(one.lower(), (one, _COMPATIBLE_ID))
    return dict(found.values())


def _configuration(root: str, one: Configuration) -> Iterator[Entry]:
    if one.driver_service:
        yield _text(root, "Service", one.driver_service)
    yield Entry(root, "ConfigFlags", types.REG_DWORD, bytes(4))
    for found in one.filters.values():
        yield from _settings(root, (found,))
    yield from _settings(rf"{root}\Device", one.device)
    yield from _settings(rf"{root}\Driver", one.driver)
    for service in one.services:
        yield from _settings(rf"{root}\Services\{service.name}", service.settings)


def _settings(root: str, settings: Iterable[Setting]) -> Iterator[Entry]:
    for one in settings:
        if one.kind is None:
            continue
        kind = one.kind
        if one.flags & NO_CLOBBER:
            kind |= _ONLY_NEW
        if one.flags & APPEND:
            kind |= _ADDED
        yield Entry(rf"{root}\{one.path}" if one.path else root, one.name, kind, one.data)


def _descriptors(root: str, package: Package, models: Iterable[Model]) -> Iterator[Entry]:
    tokens: dict[str, str] = {}
    seen: set[str] = set()
    for model in models:
        names = [_lowered(one, tokens) for one in (model.manufacturer, model.description)]
        for identifier in model.ids:
            if identifier.lower() in seen:
                continue
            seen.add(identifier.lower())
            path = rf"{root}\Descriptors\{identifier}"
            yield _text(path, "Configuration", model.install)
            yield _text(path, "Manufacturer", names[0])
            yield _text(path, "Description", names[1])
    for token in tokens:
        string = package.inf.string(token)
        if string is not None:
            yield _text(rf"{root}\Strings", token, string)


def _lowered(text: str, tokens: dict[str, str]) -> str:
    """Return a text with its tokens in lower case, and collect the tokens."""

    def lower(match: re.Match[str]) -> str:
        token = match[1].lower()
        tokens[token] = token
        return f"%{token}%"

    return _TOKEN.sub(lower, text)


def _text(path: str, name: str, text: str) -> Entry:
    return Entry(path, name, types.REG_SZ, types.encode(types.REG_SZ, text))


def _strings(path: str, name: str, strings: list[str]) -> Entry:
    return Entry(path, name, types.REG_MULTI_SZ, types.encode(types.REG_MULTI_SZ, strings))
