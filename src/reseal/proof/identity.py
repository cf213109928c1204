r"""The identity of a machine, as it was found: what a search for its remains looks for.

| what | where | mark, source |
|---|---|---|
| machine SID, computer name, MachineGuid | `reseal.windows.identity` | see there |
| product id | `SOFTWARE\Microsoft\Windows NT\CurrentVersion` `ProductId` | seen in real hives |
| MAC address | `Services\Tcpip6\Parameters` `Dhcpv6DUID`, its last six bytes | documented: RFC 8415, 11.2 and 11.4 |
| MAC address | `Control\NetworkSetup2\Interfaces\{…}\Kernel` `PermanentAddress`, `CurrentAddress` | seen in real hives |
| MAC address | `Control\Class\{4d36e972-…}\NNNN` `NetworkAddress` | documented: the setting of network drivers |
| volume serial number | the boot sector | documented |
| partition and disk id | the partition table | documented |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from reseal.disk import VolumeRange
from reseal.errors import UsageError
from reseal.hostfile import open_regular
from reseal.ntfs import Volume
from reseal.windows import Installation
from reseal.windows.identity import Identity
from reseal.windows.names import CURRENT_VERSION
from reseal.windows.registry import Registry
from reseal.windows.sid import Sid

#: The form of an identity file; a reader refuses any other.
FORMAT = "reseal identity"
VERSION = 1
_MAX_FILE = 1 << 20
_MAX_ITEMS = 1000
_MAX_TEXT = 256
_SEVERAL = {"mac_addresses", "user_names", "disk_ids"}

_SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
_CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
_INTERFACES = rf"{_CONTROL}\NetworkSetup2\Interfaces"
_ADAPTERS = rf"{_CONTROL}\Class\{{4d36e972-e325-11ce-bfc1-08002be10318}}"
_MAC = 6
#: Types of a DUID that end in a link-layer address, with the bytes before it.
_DUID_HEADS = {1: 8, 3: 4}
_NO_MACS = {bytes(_MAC), b"\xff" * _MAC}


class Kind(StrEnum):
    """What identifies a machine."""

    SID = "machine SID"
    NAME = "computer name"
    MACHINE_GUID = "MachineGuid"
    PRODUCT_ID = "product id"
    MAC = "MAC address"
    USER = "user name"
    VOLUME = "volume id"
    DISK = "disk or partition id"
    AGENT = "identity of an agent"
    PASSWORD = "password"  # noqa: S105  a kind of finding
    ADDRESS = "static address"


@dataclass(frozen=True, slots=True)
class MachineIdentity:
    """What made an installation one machine. What is not known is None or empty.

    Attributes:
        machine_sid: `S-1-5-21-…`, without an account's number.
        computer_name: the NetBIOS name.
        machine_guid: with hyphens, without braces.
        product_id: as Windows shows it.
        mac_addresses: `00-11-22-33-44-55`, upper case.
        user_names: filled in by a person who wants them to be looked for.
        volume_serial: sixteen hexadecimal digits.
        disk_ids: ids of partitions and disks, as the partition table has them.
        fresh_sid: the SID that the run drew in place of the old one; it is the image's own and is not
            looked for.
    """

    machine_sid: str | None = None
    computer_name: str | None = None
    machine_guid: str | None = None
    product_id: str | None = None
    mac_addresses: tuple[str, ...] = ()
    user_names: tuple[str, ...] = ()
    volume_serial: str | None = None
    disk_ids: tuple[str, ...] = ()
    fresh_sid: str | None = None

    @classmethod
    def of(cls, installation: Installation, place: VolumeRange | None = None) -> MachineIdentity:
        """Read the identity that an installation has now.

        Args:
            installation: the Windows.
            place: where its volume lies on the disk, for the id of the partition.
        """
        registry, tree = installation.registry, installation.tree
        identity = Identity.of(registry)
        return cls(
            machine_sid=str(identity.machine_sid) if identity.machine_sid else None,
            computer_name=identity.computer_name,
            machine_guid=identity.machine_guid,
            product_id=registry.text(CURRENT_VERSION, "ProductId"),
            mac_addresses=tuple(sorted({_shown_mac(mac) for mac in _macs(registry)})),
            volume_serial=f"{tree.boot.serial:016x}" if isinstance(tree, Volume) else None,
            disk_ids=(place.id,) if place and place.id else (),
        )

    def items(self) -> Iterator[tuple[Kind, str]]:
        """Yield everything that is known."""
        single = (
            (Kind.SID, self.machine_sid),
            (Kind.NAME, self.computer_name),
            (Kind.MACHINE_GUID, self.machine_guid),
            (Kind.PRODUCT_ID, self.product_id),
            (Kind.VOLUME, self.volume_serial),
        )
        yield from ((kind, value) for kind, value in single if value)
        several = (
            (Kind.MAC, self.mac_addresses),
            (Kind.USER, self.user_names),
            (Kind.DISK, self.disk_ids),
        )
        yield from ((kind, value) for kind, values in several for value in values)

    def to_json(self) -> dict[str, Any]:
        """The identity as plain data, with the form of the file that holds it."""
        return {"format": FORMAT, "version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, data: object, source: str) -> MachineIdentity:
        """Read what `to_json` gave. Raises UsageError where `source` holds something else."""
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise _unusable(source, "it is not an identity file of reseal")
        if data.get("version") != VERSION:
            raise _unusable(source, f"it has version {data.get('version')}, not {VERSION}")
        kept = {
            field.name: _kept(field.name, data[field.name], source)
            for field in fields(cls)
            if data.get(field.name) is not None
        }
        identity = cls(**kept)
        if identity.machine_sid is not None:
            try:
                machine = Sid.parse(identity.machine_sid).is_machine
            except ValueError:
                machine = False
            if not machine:
                raise _unusable(source, f"{identity.machine_sid} is not a machine SID")
        return identity

    @classmethod
    def load(cls, path: Path) -> MachineIdentity:
        """Read an identity file. Raises UsageError where it can't be read."""
        try:
            with open_regular(path) as file:
                data = file.read(_MAX_FILE)
            return cls.from_json(json.loads(data), str(path))
        except (OSError, ValueError, RecursionError) as error:
            if isinstance(error, UsageError):
                raise
            raise _unusable(str(path), "it can't be read as JSON") from error

    def to_text(self) -> str:
        """Return the content of an identity file."""
        return json.dumps(self.to_json(), indent=2) + "\n"


def _kept(name: str, value: object, source: str) -> Any:
    """One field of an identity file, after a look at its form."""
    if name not in _SEVERAL:
        if _is_text(value):
            return value
        raise _unusable(source, f"{name} is not a short text")
    if isinstance(value, list) and len(value) <= _MAX_ITEMS and all(map(_is_text, value)):
        return tuple(value)
    raise _unusable(source, f"{name} is not a list of short texts")


def _unusable(source: str, why: str) -> UsageError:
    return UsageError(
        f"{source} can't be used: {why}.",
        "Name a file that `reseal generalize --save-identity FILE` wrote.",
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_TEXT


def _shown_mac(raw: bytes) -> str:
    return raw.hex("-").upper()


def _macs(registry: Registry) -> Iterator[bytes]:
    """Yield the MAC addresses that the registry holds of the machine's own adapters."""
    found = [_duid_mac(registry.value(rf"{_SERVICES}\Tcpip6\Parameters", "Dhcpv6DUID"))]
    interfaces = registry.key(_INTERFACES)
    for interface in interfaces.subkeys() if interfaces else ():
        kernel = rf"{_INTERFACES}\{interface.name}\Kernel"
        for name in ("PermanentAddress", "CurrentAddress"):
            value = registry.value(kernel, name)
            found.append(value if isinstance(value, bytes) else None)
    adapters = registry.key(_ADAPTERS)
    for adapter in adapters.subkeys() if adapters else ():
        text = registry.text(rf"{_ADAPTERS}\{adapter.name}", "NetworkAddress") or ""
        digits = re.sub(r"[-:]", "", text)
        if re.fullmatch(r"[0-9A-Fa-f]{12}", digits):
            found.append(bytes.fromhex(digits))
    yield from (raw for raw in found if raw and len(raw) == _MAC and raw not in _NO_MACS)


def _duid_mac(value: object) -> bytes | None:
    if not isinstance(value, bytes) or len(value) < 2:
        return None
    head = _DUID_HEADS.get(int.from_bytes(value[:2], "big"))
    return value[head:] if head else None
