"""Write filters, which discard what the first boot writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.mark import Mark
from reseal.windows.services import DISABLED, SERVICES, start_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: Where the Unified Write Filter keeps whether it is on, in two copies (reported).
_UNIFIED = rf"{SERVICES}\uwfvol\Parameters\Static"
_COPIES = ("Copy0", "Copy1")
#: Drivers of other filters, the product of each, and how to turn it off. Whether one is on can't be read
#: from its files.
_OTHERS = {
    "ewf": ("the Enhanced Write Filter", "run `ewfmgr c: -commitanddisable`"),
    "fbwf": ("the File-Based Write Filter", "run `fbwfmgr /disable`"),
    "DeepFrz": ("Deep Freeze", "thaw it in the console of Deep Freeze"),
    "diskpt": ("Shadow Defender", "turn it off in its console"),
}


@check(
    "write-filters",
    "No write filter discards what the first boot writes.",
    mark=Mark.REPORTED,
    source="that a write filter redirects all writes to an overlay: documented (Microsoft, Unified Write "
    "Filter); UwfEnabled: a public tool that reads it (reported); the drivers' names: reported",
)
def write_filters(session: Session) -> Iterable[Finding]:
    r"""Specialize and OOBE write to a volume, and a write filter forgets it at the restart between them.

    The check reads `UwfEnabled` of the Unified Write Filter, and looks for the drivers of others.
    """
    registry = session.registry
    on = any(registry.number(rf"{_UNIFIED}\{name}", "UwfEnabled") for name in _COPIES)
    if on and start_of(registry, "uwfvol") not in {None, DISABLED}:
        yield warning(
            "The Unified Write Filter is on: what specialize and OOBE write is lost at the next restart.",
            "Boot the image, run `uwfmgr filter disable`, restart, and shut it down.",
        )
    for driver, (product, cure) in _OTHERS.items():
        if start_of(registry, driver) not in {None, DISABLED}:
            yield warning(
                f"{product[:1].upper()}{product[1:]} is installed (driver {driver}). If it protects the "
                "volume, what specialize and OOBE write is lost at the next restart.",
                f"Boot the image, {cure}, restart, and shut it down.",
                items=(driver,),
            )
