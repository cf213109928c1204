r"""INF files written anew from what a real SYSTEM hive keeps of them in DriverDatabase.

The hive says what Windows made of each INF file; a file that says the same in the language of INF files
must give the same entries again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from reseal.drivers.database import Entry
from reseal.regf import Key, Value, types
from reseal.windows.values import strings as strings_of

#: Values that reseal leaves out on purpose; see reseal.drivers.database.
LEFT_OUT = {
    "SignerScore", "SignerName", "StatusFlags", "ImportDate", "OemPath", "ConfigScope", "Product",
    "NeedsReconfig", "IncludedInfs", "Reboot", "ExcludeIds", "LockLevel",
}  # fmt: skip
_FLAGS = {
    types.REG_SZ: 0, types.REG_MULTI_SZ: 0x10000, types.REG_EXPAND_SZ: 0x20000,
    types.REG_BINARY: 1, types.REG_DWORD: 0x10001, types.REG_NONE: 0x20001,
}  # fmt: skip
#: What a type carries where the INF file deletes the value (seen; the meaning is inferred).
_DELETED = 0x300000
_FILTERS = {"upperfilters", "lowerfilters"}


def device_ids(database: Key) -> dict[str, list[tuple[str, Value]]]:
    """The values below DeviceIds by INF file in lower case, each with its path."""
    found: dict[str, list[tuple[str, Value]]] = {}
    for path, value in _values(_key(database, "DeviceIds"), "DeviceIds"):
        found.setdefault(value.name.lower(), []).append((path, value))
    return found


def entries(
    database: Key, inf: Key, ids: list[tuple[str, Value]]
) -> tuple[set[tuple[str, str, int, bytes]], set[str]]:
    """What the hive has of an INF file, in lower case, and the names of what is left out of it."""
    found: set[tuple[str, str, int, bytes]] = set()
    left: set[str] = set()
    package = package_of(database, inf)
    places = [(rf"DriverInfFiles\{inf.name}", inf), (rf"DriverPackages\{package.name}", package)]
    for start, key in places:
        for path, value in _values(key, start):
            if value.name in LEFT_OUT or r"\properties\{" in path.lower():
                left.add(r"Properties" if value.name not in LEFT_OUT else value.name)
            elif value.type & _DELETED:
                left.add("value that is to be deleted")
            elif value.name == "Service" and not value.decoded:
                left.add("Service of a device without a driver")
            else:
                found.add((path.lower(), value.name.lower(), value.type, value.data))
    for path, value in ids:
        if value.type == types.REG_NONE:
            left.add("class GUID among the DeviceIds")
        else:
            found.add((path.lower(), inf.name.lower(), value.type, value.data))
    return {_without_origin(*one) for one in found}, left


def plain(found: Iterator[Entry]) -> set[tuple[str, str, int, bytes]]:
    """The same of entries that were built."""
    return {
        _without_origin(one.path.lower(), one.name.lower(), one.kind, one.data) for one in found
    }


def _without_origin(path: str, name: str, kind: int, data: bytes) -> tuple[str, str, int, bytes]:
    """A version without what tells packages of Windows from others, and what is not known of it."""
    if name == "version" and path.startswith("driverpackages\\") and path.count("\\") == 1:
        data = data[1:40]
    return path, name, kind, data


def package_of(database: Key, inf: Key) -> Key:
    """The package that an INF file belongs to."""
    active = inf.value("Active")
    assert active
    return _key(database, "DriverPackages\\" + str(active.decoded))


def text_of(database: Key, inf: Key) -> str:
    """An INF file that says what the hive says."""
    package = package_of(database, inf)
    lines = [*_version(package)]
    sections: list[str] = []
    models: dict[str, list[str]] = {}
    ids = _key(database, "DeviceIds")
    order = [one.lower() for one in strings_of(inf, "Configurations")]
    described_ids = sorted(
        _descriptors(package),
        key=lambda one: (
            order.index(_text(one[1], "Configuration").lower())
            if _text(one[1], "Configuration").lower() in order
            else 0
        ),
    )
    for identifier, described in described_ids:
        listed = ids.key(identifier)
        value = listed.value(inf.name) if listed else None
        first = "" if value is not None and value.data[0] != 1 else identifier
        install = _text(described, "Configuration")
        base = install[: install.lower().rindex(".nt")] if ".nt" in install.lower() else install
        more = "" if first else f", {_quoted(identifier)}"
        models.setdefault(_text(described, "Manufacturer"), []).append(
            f"{_text(described, 'Description')} = {base}, {_quoted(first)}{more}"
        )
    lines.append("[Manufacturer]")
    for number, (maker, named) in enumerate(models.items()):
        lines.append(f"{maker} = Models{number}, NTx86, NTamd64.6.1 ; a comment")
        sections += [f"[Models{number}.NTamd64.6.1]", *named]
    configurations = package.key("Configurations")
    for number, one in enumerate(configurations.subkeys() if configurations else ()):
        sections += _configuration(one, f"s{number}")
    strings = package.key("Strings")
    sections.append("[Strings]")
    for value in strings.values() if strings else ():
        sections.append(f"{_quoted(value.name)} = {_quoted(str(value.decoded))}")
    return "\r\n".join([*lines, *sections]) + "\r\n"


def _version(package: Key) -> Iterator[str]:
    value = package.value("Version")
    assert value
    ticks, *words = struct.unpack_from("<Q4H", value.data, 24)
    date = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)
    yield "[VERSION]"
    yield 'Signature = "$Windows NT$"'
    yield f"ClassGuid = {{{UUID(bytes_le=value.data[8:24])}}}"
    yield f"Provider = {_quoted(_text(package, 'Provider'))}"
    yield f"DriverVer = {date:%m/%d/%Y},{'.'.join(map(str, reversed(words)))}"


def _configuration(one: Key, short: str) -> Iterator[str]:
    services = one.key("Services")
    named = {each.name: each for each in (services.subkeys() if services else ())}
    driver = _text(one, "Service")
    yield f"[{one.name}]"
    yield f"AddReg = {short}.driver"
    yield f"[{one.name}.HW]"
    yield f"AddReg = {short}.device, {short}.filters"
    yield f"[{one.name}.Services]"
    for name in dict.fromkeys([*([driver] if driver else []), *named]):
        yield f"AddService = {name}, {2 if name == driver else 0:#x}, {short}.{name}"
    for name in dict.fromkeys([*([driver] if driver else []), *named]):
        yield f"[{short}.{name}]"
        yield f"AddReg = {short}.{name}.values"
        yield f"[{short}.{name}.values]"
        yield from _settings(named.get(name))
    yield f"[{short}.driver]"
    yield from _settings(one.key("Driver"))
    yield f"[{short}.device]"
    yield from _settings(one.key("Device"))
    yield f"[{short}.filters]"
    for value in one.values():
        if value.name.lower() in _FILTERS:
            yield _setting("", value)


def _settings(key: Key | None) -> Iterator[str]:
    for path, value in _values(key, "") if key else ():
        if not value.type & _DELETED:
            yield _setting(path, value)


def _setting(path: str, value: Value) -> str:
    """A line of an AddReg section; long ones go on after a backslash."""
    flags = (2 if value.type & 0x20000 else 0) | (8 if value.type & 0x40000 else 0)
    kind = value.type & 0xFFFF
    flags |= _FLAGS.get(kind, kind << 16 | 1)
    decoded = types.decode(kind, value.data)
    if isinstance(decoded, str):
        data = [_quoted(decoded)]
    elif isinstance(decoded, list):
        data = [_quoted(each) for each in decoded]
    elif isinstance(decoded, int):
        data = [f"{decoded:#x}"]
    else:
        data = [f"{each:02x}" for each in decoded]
    head = f"HKR, {_quoted(path)}, {_quoted(value.name)}, {flags:#010x}"
    return ", \\ ; and so on\r\n  ".join([head, *data])


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""').replace("%", "%%") + '"'


def _text(key: Key, name: str) -> str:
    value = key.value(name)
    return str(value.decoded) if value else ""


def _key(parent: Key, path: str) -> Key:
    found = parent.key(path)
    assert found
    return found


def _values(key: Key, start: str) -> Iterator[tuple[str, Value]]:
    pending = [(start, key)]
    while pending:
        path, one = pending.pop()
        for value in one.values():
            yield path, value
        pending += [(rf"{path}\{each.name}".strip("\\"), each) for each in one.subkeys()]


def _descriptors(package: Key) -> Iterator[tuple[str, Key]]:
    top = package.key("Descriptors")
    pending = [("", top)] if top else []
    while pending:
        path, one = pending.pop()
        assert one
        if one.value("Configuration"):
            yield path, one
        pending += [(rf"{path}\{each.name}".strip("\\"), each) for each in one.subkeys()]
