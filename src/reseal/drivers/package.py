r"""A driver package: the devices, drivers and files of an INF file, for one Windows.

The sections that lead from a device to its driver (documented: Microsoft, Overview of INF Files):

| section | content |
|---|---|
| `[Version]` | class, provider, date and version, catalogue |
| `[Manufacturer]` | models sections, and the Windows versions that have their own |
| `[<models>.<decoration>]` | description, install section, hardware id, compatible ids |
| `[<install>]` | files, and settings of the driver; `Include` and `Needs` add sections of other files |
| `[<install>.HW]` | settings of the device, its filters |
| `[<install>.Services]` | services; the one with flag 2 is the device's driver |
| `[SourceDisksFiles]`, `[SourceDisksNames]` | the places of files in the package |
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from uuid import UUID

from reseal.drivers import addreg
from reseal.drivers.addreg import Setting
from reseal.drivers.inf import Inf, InfError, Line
from reseal.drivers.model import Configuration, Model, Service, is_name
from reseal.drivers.target import Target

#: SPSVCINST_ASSOCSERVICE: the service is the device's driver (documented, INF AddService Directive).
_FUNCTION_DRIVER = 0x2
#: Longest hardware id (documented: MAX_DEVICE_ID_LEN).
_MAX_ID = 200
#: Real packages stay far below these limits.
_MAX_IDS = 200_000
_MAX_SECTIONS = 256
_MAX_FILES = 10_000
_DATE = re.compile(r"\s*(\d{1,2})[/-](\d{1,2})[/-](\d{4})\s*")
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


class Package:
    """An INF file, read for one Windows.

    Attributes:
        inf: the file.
        target: the Windows.
        missing: names of included files that were not found.
    """

    def __init__(
        self, inf: Inf, target: Target, include: Callable[[str], Inf | None] = lambda _: None
    ) -> None:
        """Read a package.

        Args:
            inf: its INF file.
            target: the Windows that it is for.
            include: finds an INF file of that Windows by name.
        """
        self.inf = inf
        self.target = target
        self.missing: list[str] = []
        self._include = include
        self._included: dict[str, Inf] = {}

    # [Version]

    @property
    def class_name(self) -> str | None:
        """The setup class, such as `SCSIAdapter`."""
        return self.inf.value("Version", "Class")

    @cached_property
    def class_guid(self) -> UUID | None:
        """The setup class's GUID; None if there is none."""
        try:
            return UUID((self.inf.value("Version", "ClassGuid") or "").strip("{} "))
        except ValueError:
            return None

    @property
    def provider(self) -> str | None:
        """The manufacturer of the package."""
        return self.inf.value("Version", "Provider")

    @property
    def catalog(self) -> str | None:
        """The name of its catalogue; the most specific one for this Windows."""
        for suffix in (f".NT{self.target.architecture}", ".NT", ""):
            name = self.inf.value("Version", f"CatalogFile{suffix}")
            if name:
                return name
        return None

    @property
    def version(self) -> tuple[int, int, int, int]:
        """DriverVer's version; zeros if there is none."""
        line = next(self.inf.values("Version", "DriverVer"), None)
        numbers = re.findall(r"\d{1,9}", line.field(1) if line else "")[:4]
        parts = [min(int(one), 0xFFFF) for one in numbers] + [0] * 4
        return parts[0], parts[1], parts[2], parts[3]

    @property
    def date(self) -> datetime | None:
        """DriverVer's date; None if there is none."""
        match = _DATE.fullmatch(self.inf.value("Version", "DriverVer") or "")
        try:
            return datetime(int(match[3]), int(match[1]), int(match[2]), tzinfo=UTC) \
                if match and int(match[3]) > _EPOCH.year else None  # fmt: skip
        except ValueError:
            return None

    @property
    def version_record(self) -> bytes:
        """Date and version as the driver database packs them: a FILETIME, then four words."""
        ticks = int((self.date - _EPOCH).total_seconds()) * 10_000_000 if self.date else 0
        return struct.pack("<Q4H", ticks, *reversed(self.version))

    # Models

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """The devices that it supports in this Windows.

        Raises:
            InfError: it has more devices than any real package.
        """
        found: list[Model] = []
        count = 0
        for maker in self.inf.lines("Manufacturer"):
            section = self._models_section(maker)
            for line in self.inf.lines(section) if section else ():
                install, hardware = line.field(0), line.field(1)
                compatible = tuple(one for one in line.fields[2:] if _is_id(one))
                hardware_id = hardware if _is_id(hardware) else None
                if line.raw_key is None or not is_name(install):
                    continue
                if not (hardware_id or compatible):
                    continue
                count += 1 + len(compatible)
                if count > _MAX_IDS:
                    msg = f"{self.inf.name} names more than {_MAX_IDS} devices."
                    raise InfError(msg)
                name = self._decorated(install) or self.inf.spelled(install)
                maker_name = maker.raw_key or maker.field(0)
                found.append(Model(maker_name, line.raw_key, name, hardware_id, compatible))
        return tuple(found)

    def _models_section(self, maker: Line) -> str | None:
        """Return a maker's models section that this Windows uses; None if there is none."""
        if maker.key is None:
            return maker.field(0) if self.target.architecture == "x86" else None
        base, decorations = maker.field(0), [one for one in maker.fields[1:] if one]
        ranked = [(self.target.rank(one), one) for one in decorations]
        fitting = [(rank, one) for rank, one in ranked if rank is not None]
        if self.target.architecture != "x86":
            fitting = [(rank, one) for rank, one in fitting if rank[-1]]
        if fitting:
            return f"{base}.{max(fitting)[1]}"
        return base if self.target.architecture == "x86" and base in self.inf else None

    @property
    def fit(self) -> tuple[int, ...]:
        """How closely the package matches this Windows, to compare packages of one device."""
        ranks = [
            self.target.rank(one)
            for maker in self.inf.lines("Manufacturer")
            for one in maker.fields[1:]
        ]
        return max((rank for rank in ranks if rank is not None), default=())

    def _decorated(self, base: str) -> str | None:
        """Return the section of this name that matches this Windows best, as the file spells it."""
        best: tuple[tuple[int, ...], str] | None = ((), base) if base in self.inf else None
        for name in self._by_base.get(base.lower(), ()):
            rank = self.target.rank(name[len(base) + 1 :])
            if rank is not None and (best is None or rank > best[0]):
                best = (rank, name)
        return self.inf.spelled(best[1]) if best else None

    @cached_property
    def _by_base(self) -> dict[str, list[str]]:
        """Sections whose decoration begins with .NT, by the name before it, in lower case."""
        found: dict[str, list[str]] = {}
        for name in self.inf.sections():
            base, dot, _ = name.lower().partition(".nt")
            if dot:
                found.setdefault(base, []).append(name)
        return found

    # Install sections

    @cached_property
    def configurations(self) -> dict[str, Configuration]:
        """The effect of each install section that a model names, in the order of the models."""
        names = dict.fromkeys(model.install for model in self.models)
        return {name: self._configuration(name) for name in names}

    def _configuration(self, name: str) -> Configuration:
        device = list(self._settings(f"{name}.HW"))
        filters = {
            one.name: one
            for one in device
            if not one.path and one.name.lower() in {"upperfilters", "lowerfilters"}
        }
        return Configuration(
            name,
            tuple(self._services(f"{name}.Services")),
            tuple(one for one in device if one not in filters.values()),
            tuple(self._settings(name)),
            filters,
        )

    def _settings(self, section: str) -> Iterator[Setting]:
        for inf, one in self._walk(section):
            for line in inf.values(one, "AddReg"):
                for name in line.fields:
                    yield from addreg.settings(inf.lines(name))

    def _services(self, section: str) -> Iterator[Service]:
        for inf, one in self._walk(section):
            for line in inf.values(one, "AddService"):
                flags = addreg.number(line.field(1)) or 0
                if is_name(line.field(0)):
                    yield _service(inf, line.field(0), flags, line.field(2))

    def _walk(self, section: str) -> Iterator[tuple[Inf, str]]:
        """Yield a section and the sections that it needs, including those of included files."""
        pending: list[tuple[Inf, str]] = [(self.inf, section)]
        seen: set[tuple[str, str]] = set()
        for inf, name in pending:
            if (inf.name, name.lower()) in seen or len(seen) >= _MAX_SECTIONS:
                continue
            seen.add((inf.name, name.lower()))
            yield inf, name
            others = [self.inf, *self._includes(inf, name)]
            for line in inf.values(name, "Needs"):
                for needed in line.fields:
                    pending += [(one, needed) for one in others if needed and needed in one][:1]

    def _includes(self, inf: Inf, section: str) -> list[Inf]:
        found = []
        for line in inf.values(section, "Include"):
            for name in line.fields:
                key = name.lower()
                if not is_name(name) or len(self._included) >= _MAX_SECTIONS:
                    continue
                if key not in self._included and name not in self.missing:
                    other = self._include(name)
                    if other is None:
                        self.missing.append(name)
                        continue
                    self._included[key] = other
                if key in self._included:
                    found.append(self._included[key])
        return found

    # Files

    @cached_property
    def files(self) -> dict[str, str]:
        r"""The paths of its files, relative to the INF file, by name in lower case.

        Raises:
            InfError: a path leads out of the package, or there are too many.
        """
        found: dict[str, str] = {}
        for section in self._for_architecture("SourceDisksFiles"):
            for line in self.inf.lines(section):
                name = line.key or line.field(0)
                disk, folder = (line.field(0), line.field(1)) if line.key else ("", "")
                path = _relative(self.inf.name, self._disk_path(disk), folder, name)
                found.setdefault(name.lower(), path)
                if len(found) > _MAX_FILES:
                    msg = f"{self.inf.name} names more than {_MAX_FILES} files."
                    raise InfError(msg)
        if self.catalog:
            found[self.catalog.lower()] = _relative(self.inf.name, self.catalog)
        return found

    def copied(self, name: str) -> Iterator[str]:
        """Yield the names of the files that an install section copies out of the package."""
        for inf, section in self._walk(name):
            if inf is not self.inf:
                continue
            for line in inf.values(section, "CopyFiles"):
                for one in line.fields:
                    if one.startswith("@"):
                        yield one[1:]
                    else:
                        for copied in inf.lines(one):
                            yield copied.field(1) or copied.field(0)

    def _disk_path(self, disk: str) -> str:
        for section in self._for_architecture("SourceDisksNames"):
            for line in self.inf.values(section, disk):
                return line.field(3)
        return ""

    def _for_architecture(self, section: str) -> tuple[str, str]:
        return f"{section}.{self.target.architecture}", section


def _service(inf: Inf, name: str, flags: int, section: str) -> Service:
    numbers = [
        addreg.number(inf.value(section, key) or "")
        for key in ("ServiceType", "StartType", "ErrorControl")
    ]
    kind, start, error = numbers
    return Service(
        name,
        bool(flags & _FUNCTION_DRIVER),
        1 if kind is None else kind & 0xFFFFFFFF,
        3 if start is None else start & 0xFFFFFFFF,
        1 if error is None else error & 0xFFFFFFFF,
        inf.value(section, "ServiceBinary") or "",
        inf.value(section, "LoadOrderGroup"),
        inf.value(section, "DisplayName"),
        tuple(
            one
            for line in inf.values(section, "AddReg")
            for part in line.fields
            for one in addreg.settings(inf.lines(part))
        ),
    )


def _is_id(text: str) -> bool:
    parts = text.split("\\")
    return len(text) <= _MAX_ID and all(parts) and text.isprintable()


def _relative(name: str, *parts: str) -> str:
    """Join parts to a path inside the package."""
    pieces = [one for part in parts for one in re.split(r"[\\/]", part) if one not in {"", "."}]
    if not pieces or not all(map(is_name, pieces)):
        msg = f"{name} names a file outside its package: {chr(92).join(parts)[:200]!r}."
        raise InfError(msg)
    return "\\".join(pieces)
