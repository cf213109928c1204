r"""Services in `SYSTEM\CurrentControlSet\Services`.

A key without ImagePath is not a service. Windows has such keys for performance counters and for roles that
are not installed (seen: NTDS and W3SVC on real clients).
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.windows.registry import Registry

SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"

#: SERVICE_*_START (documented, CreateService).
BOOT, SYSTEM, AUTOMATIC, MANUAL, DISABLED = range(5)


def installed(registry: Registry, name: str) -> bool:
    """Whether a service or driver is installed, even if it is disabled."""
    return bool(registry.text(rf"{SERVICES}\{name}", "ImagePath"))


def start_of(registry: Registry, name: str) -> int | None:
    """The start type of a service, one of the constants above; None if it is not installed."""
    if not installed(registry, name):
        return None
    return registry.number(rf"{SERVICES}\{name}", "Start")


#: The program of an ImagePath: in quotes, or up to its extension.
_PROGRAM = re.compile(r'\s*(?:"([^"]+)"|(.+?\.exe)\b|(\S+))', re.IGNORECASE)


def program(registry: Registry, name: str) -> str | None:
    """The path in the image of a service's program; None if it is not installed or elsewhere."""
    found = _PROGRAM.match(registry.text(rf"{SERVICES}\{name}", "ImagePath") or "")
    if not found:
        return None
    return registry.path_of(next(one for one in found.groups() if one))


def named(registry: Registry, pattern: str) -> Iterator[str]:
    """Yield the installed services with this name, in which `*` matches any text."""
    if "*" not in pattern:
        names = [pattern]
    else:
        listed = (one.name for one in registry.subkeys(SERVICES))
        names = [name for name in listed if fnmatchcase(name.lower(), pattern.lower())]
    yield from (name for name in names if installed(registry, name))
