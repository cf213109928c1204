r"""How a copy of Windows is licensed, as far as that can be read offline.

| what | where | mark, source |
|---|---|---|
| host of the key management service | `SoftwareProtectionPlatform` `KeyManagementServiceName`, also below `Policies` | documented: Slmgr.vbs options, /skms |
| channel of the product key | text such as `Volume:GVLK` or `OEM:DM` in `DigitalProductId4` of `CurrentVersion` | reported by many tools that show it |
| editions of volume licensing | Enterprise and Education | documented: sold by volume licensing; copies activated by subscription exist, too |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reseal.windows.names import CURRENT_VERSION

if TYPE_CHECKING:
    from reseal.windows.installation import Installation
    from reseal.windows.registry import Registry

PLATFORM = rf"{CURRENT_VERSION}\SoftwareProtectionPlatform"
_POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\CurrentVersion\Software Protection Platform"
_HOST = "KeyManagementServiceName"
_CHANNEL = re.compile(r"(?:Volume|Retail|OEM)(?::[A-Za-z]{1,10})?")
_VOLUME = "Volume"
#: Keys of this channel make a client of the key management service (documented: KMS client setup keys).
_KMS_CLIENT = "Volume:GVLK"
_VOLUME_EDITIONS = re.compile(r"(Enterprise|Education)(S|N|SN|G|GN)?", re.IGNORECASE)


def kms_host(registry: Registry) -> str | None:
    """The host of the key management service that is set; None if Windows looks for it in DNS."""
    return registry.text(PLATFORM, _HOST) or registry.text(_POLICY, _HOST)


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
