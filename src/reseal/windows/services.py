r"""Services in `SYSTEM\CurrentControlSet\Services`.

A key without ImagePath is not a service. Windows has such keys for performance counters and for roles that
are not installed (seen: NTDS and W3SVC on real clients).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
