r"""How a copy of Windows is licensed, as far as that can be read offline.

| what | where | mark, source |
|---|---|---|
| host of the key management service | `SoftwareProtectionPlatform` `KeyManagementServiceName`, also below `Policies` | documented: Slmgr.vbs options, /skms |
| channel of the product key | text such as `Volume:GVLK` or `OEM:DM` in `DigitalProductId4` of `CurrentVersion` | reported by many tools that show it |
| the same host for Office | `OfficeSoftwareProtectionPlatform`, or below `SoftwareProtectionPlatform` in the key of Office's application id | reported by many administrators |
| editions of volume licensing | Enterprise and Education | documented: sold by volume licensing; copies activated by subscription exist, too |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reseal.windows.names import CURRENT_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.windows.installation import Installation
    from reseal.windows.registry import Registry

PLATFORM = rf"{CURRENT_VERSION}\SoftwareProtectionPlatform"
_POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\CurrentVersion\Software Protection Platform"
#: The application id of Windows (documented: SoftwareLicensingProduct class).
_WINDOWS = rf"{PLATFORM}\55c92734-d682-4d71-983e-d6ec3f16059f"
#: The own platform of Office on Windows 7, and the application ids of Office 2010, and of 2013 and later.
_OFFICE = (
    r"HKLM\SOFTWARE\Microsoft\OfficeSoftwareProtectionPlatform",
    r"HKLM\SOFTWARE\WOW6432Node\Microsoft\OfficeSoftwareProtectionPlatform",
    rf"{PLATFORM}\59a52881-a989-479d-af46-f275c6370663",
    rf"{PLATFORM}\0ff1ce15-a989-479d-af46-f275c6370663",
)
_HOST = "KeyManagementServiceName"
_CHANNEL = re.compile(r"(?:Volume|Retail|OEM)(?::[A-Za-z]{1,10})?")
_VOLUME = "Volume"
#: Keys of this channel make a client of the key management service (documented: KMS client setup keys).
_KMS_CLIENT = "Volume:GVLK"
_VOLUME_EDITIONS = re.compile(r"(Enterprise|Education)(S|N|SN|G|GN)?", re.IGNORECASE)


def kms_host(registry: Registry) -> str | None:
    """The host of the key management service that is set; None if Windows looks for it in DNS."""
    return _first_host(registry, (PLATFORM, _POLICY, *_below(registry, _WINDOWS)))


def office_host(registry: Registry) -> str | None:
    """The host of the key management service that is set for Office; None if there is none."""
    return _first_host(registry, [key for path in _OFFICE for key in _below(registry, path)])


def _below(registry: Registry, path: str) -> list[str]:
    """A key and its subkeys, of which a product has one for each of its licenses."""
    return [path, *(rf"{path}\{one.name}" for one in registry.subkeys(path))]


def _first_host(registry: Registry, places: Iterable[str]) -> str | None:
    return next(filter(None, (registry.text(path, _HOST) for path in places)), None)


def channel(registry: Registry) -> str | None:
    """The channel of the product key, such as `Volume:GVLK`; None if it is not recorded."""
    data = registry.value(CURRENT_VERSION, "DigitalProductId4")
    if not isinstance(data, bytes):
        return None
    found = _CHANNEL.search(data[: len(data) & ~1].decode("utf-16-le", "replace"))
    return found[0] if found else None


def is_kms_client(registry: Registry) -> bool:
    """Whether the copy activates by the key management service: by its key, or by a host that is set."""
    found = channel(registry)
    return found == _KMS_CLIENT if found else kms_host(registry) is not None


def is_volume(installation: Installation) -> bool:
    """Whether the copy is licensed by volume: by its key; if that is unknown, by host or edition."""
    found = channel(installation.registry)
    if found:
        return found.startswith(_VOLUME)
    edition = installation.edition or ""
    return kms_host(installation.registry) is not None or bool(_VOLUME_EDITIONS.fullmatch(edition))
