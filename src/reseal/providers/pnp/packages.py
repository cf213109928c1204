r"""`remove-drivers`: remove third-party driver packages from the driver store.

| place | what is removed | mark, source |
|---|---|---|
| `DriverDatabase` of SYSTEM and of the hive DRIVERS | `DriverInfFiles\oemNN.inf`, its `DriverPackages`, its values below `DeviceIds` | seen in a real SYSTEM hive; the same form in DRIVERS: reported |
| `System32\DriverStore\FileRepository\<package>` | the package's folder | documented: Microsoft, Driver Store |
| `INF\oemNN.inf`, `oemNN.PNF` | the published INF file and its compiled form | documented |

A package stays, and is reported, if one of its services starts at boot or any remaining key below
`Control\Class` was installed from it (a device that stays, a network filter, …). Services, their files
below `System32\drivers` and signature catalogues stay, since no source says which of them are shared.
Packages of Windows 7 stay because the index of its store is a binary file of unknown format.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reseal.drivers.boot import DRIVER_DATABASE
from reseal.providers.pnp.boot import BootDrivers
from reseal.windows.values import strings, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.regf import Key
    from reseal.session import Session

SWITCH = "remove-drivers"
_DATABASES = (DRIVER_DATABASE, r"HKLM\DRIVERS\DriverDatabase")
_THIRD_PARTY = re.compile(r"oem\d{1,5}\.inf", re.IGNORECASE)
_REPOSITORY = r"System32\DriverStore\FileRepository"
#: Below DeviceIds there are at most the enumerator's name and the id.
_DEVICE_ID_DEPTH = 4


def remove_packages(session: Session) -> None:
    """Stage the removal of every third-party package that no remaining device or service needs."""
    databases = [path for path in _DATABASES if session.registry.key(path) is not None]
    if not databases:
        session.note(
            "Driver packages were not removed: this image has no driver database that can be "
            "edited (Windows 7 and older). Use `dism /image /remove-driver`."
        )
        return
    installed = _installed_from(session)
    stay = []
    for inf, packages in sorted(_third_party(session, databases).items()):
        if inf in installed or _boots(session, databases, inf, packages):
            stay.append(inf)
        else:
            _remove(session, databases, inf, packages)
    if stay:
        session.note(f"Driver packages that are still in use stay: {', '.join(stay)}.")


def _third_party(session: Session, databases: list[str]) -> dict[str, set[str]]:
    """Return the packages' folders in the driver store by INF name, in lower case."""
    found: dict[str, set[str]] = {}
    for database in databases:
        for inf in session.registry.subkeys(rf"{database}\DriverInfFiles"):
            if _THIRD_PARTY.fullmatch(inf.name):
                found.setdefault(inf.name.lower(), set()).update(strings(inf, ""))
    return found


def _installed_from(session: Session) -> set[str]:
    r"""Return the INF files, in lower case, that any key below `Control\Class` was installed from."""
    found: set[str] = set()
    for control_set in session.registry.control_sets:
        for one in session.registry.subkeys(rf"HKLM\SYSTEM\{control_set}\Control\Class"):
            found.update((text(key, "InfPath") or "").lower() for key in one.subkeys())
    return found


def _boots(session: Session, databases: list[str], inf: str, packages: set[str]) -> bool:
    """Return whether a service of the package starts at boot."""
    for control_set in session.registry.control_sets:
        drivers = BootDrivers(session.registry, control_set)
        owned = [
            service.name
            for service in session.registry.subkeys(rf"HKLM\SYSTEM\{control_set}\Services")
            if inf in (owner.lower() for owner in strings(service, "Owners"))
        ]
        if any(drivers.starts(name) for name in (*owned, *_services(session, databases, packages))):
            return True
    return False


def _services(session: Session, databases: list[str], packages: set[str]) -> Iterator[str]:
    for database in databases:
        for package in packages:
            path = rf"{database}\DriverPackages\{package}\Configurations"
            for one in session.registry.subkeys(path):
                yield text(one, "Service") or ""


def _remove(session: Session, databases: list[str], inf: str, packages: set[str]) -> None:
    for database in databases:
        identifiers = session.registry.key(rf"{database}\DeviceIds")
        if identifiers is not None:
            for identifier in list(_naming(identifiers, inf)):
                session.delete_value(rf"{database}\DeviceIds\{identifier}", inf)
                _drop_empty(session, rf"{database}\DeviceIds\{identifier}")
        for package in sorted(packages):
            session.delete_key(rf"{database}\DriverPackages\{package}")
        session.delete_key(rf"{database}\DriverInfFiles\{inf}")
    path = session.installation.path
    for package in sorted(packages):
        if package and "\\" not in package and package not in {".", ".."}:
            session.delete_tree(path(rf"{_REPOSITORY}\{package}"))
    for name in (inf, inf.replace(".inf", ".PNF")):
        session.delete_file(path(rf"INF\{name}"))


def _naming(key: Key, inf: str, path: str = "") -> Iterator[str]:
    """Yield the paths below a key that have a value of this name."""
    for below in key.subkeys():
        here = rf"{path}\{below.name}" if path else below.name
        if below.value(inf) is not None:
            yield here
        if here.count("\\") < _DEVICE_ID_DEPTH:
            yield from _naming(below, inf, here)


def _drop_empty(session: Session, path: str) -> None:
    """Delete an id that no package names any more."""
    key = session.registry.key(path)
    if key and next(key.values(), None) is None and next(key.subkeys(), None) is None:
        session.delete_key(path)
