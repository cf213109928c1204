r"""The identity of a machine: name, SID, MachineGuid and domain.

| what | where | mark, source |
|---|---|---|
| computer name | `Control\ComputerName\ComputerName!ComputerName` | seen in real hives |
| machine SID | `SECURITY\Policy\PolAcDmS` default value, a raw SID; the same numbers end the value `V` of `SAM\SAM\Domains\Account` | seen; libyal winreg-kb "Security Account Manager" |
| domain SID | `SECURITY\Policy\PolPrDmS` default value | seen |
| domain or workgroup name | `SECURITY\Policy\PolPrDmN`, DNS name `PolDnDDN`: length (2 bytes), maximum length (2), offset (4), text | seen |
| MachineGuid | `SOFTWARE\Microsoft\Cryptography` | reported |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.windows.sid import Sid

if TYPE_CHECKING:
    from reseal.windows.registry import Registry

COMPUTER_NAME = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName"
TCPIP = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
POLICY = r"HKLM\SECURITY\Policy"
ACCOUNT_DOMAIN = r"HKLM\SAM\SAM\Domains\Account"
CRYPTOGRAPHY = r"HKLM\SOFTWARE\Microsoft\Cryptography"

_UNICODE_STRING = 8
_MACHINE_NUMBERS = 12


@dataclass(frozen=True, slots=True)
class Domain:
    """Domain membership. `joined` is None if unknown."""

    joined: bool | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of one installation; unknown fields are None."""

    computer_name: str | None
    machine_sid: Sid | None
    machine_guid: str | None
    domain: Domain

    @classmethod
    def of(cls, registry: Registry) -> Identity:
        """Read the identity from an installation's registry."""
        return cls(
            registry.text(COMPUTER_NAME, "ComputerName"),
            machine_sid(registry),
            registry.text(CRYPTOGRAPHY, "MachineGuid"),
            domain(registry),
        )


def machine_sid(registry: Registry) -> Sid | None:
    """The SID of the machine's account domain, from SECURITY or SAM."""
    sid = _policy_sid(registry, "PolAcDmS")
    if sid is not None:
        return sid
    key = registry.key(ACCOUNT_DOMAIN)
    value = key.value("V") if key else None
    if value is None or len(value.data) < _MACHINE_NUMBERS:
        return None
    return Sid(5, (21, *struct.unpack("<3I", value.data[-_MACHINE_NUMBERS:])))


def domain_sid(registry: Registry) -> Sid | None:
    """The SID of the machine's domain, or None in a workgroup."""
    return _policy_sid(registry, "PolPrDmS")


def domain(registry: Registry) -> Domain:
    """Domain membership, from SECURITY or, without that hive, from the DNS domain of TCP/IP."""
    if registry.key(POLICY) is not None:
        if _policy_sid(registry, "PolPrDmS") is None:
            return Domain(joined=False, name=None)
        name = _policy_text(registry, "PolDnDDN") or _policy_text(registry, "PolPrDmN")
        return Domain(joined=True, name=name)
    name = registry.text(TCPIP, "Domain")
    return Domain(joined=True, name=name) if name else Domain(joined=None, name=None)


def _policy_data(registry: Registry, name: str) -> bytes:
    key = registry.key(rf"{POLICY}\{name}")
    value = key.value("") if key else None
    return value.data if value else b""


def _policy_sid(registry: Registry, name: str) -> Sid | None:
    try:
        return Sid.from_bytes(_policy_data(registry, name))
    except ValueError:
        return None


def _policy_text(registry: Registry, name: str) -> str | None:
    data = _policy_data(registry, name)
    if len(data) < _UNICODE_STRING:
        return None
    length, _, offset = struct.unpack_from("<HHI", data)
    return data[offset : offset + length].decode("utf-16-le", "replace") or None
