r"""Removal of devices: their instances and every place that names them.

| place | what is removed | mark |
|---|---|---|
| `Enum\…\<instance>` | the instance, then device and enumerator keys that are empty | documented |
| `Hardware Profiles\NNNN\System\CurrentControlSet\Enum\…\<instance>` | the same | seen |
| `Control\Class\{class}\NNNN` | the key that the instance's `Driver` names; never a class key, its filters, or anything of the classes of network clients, services and protocols | seen |
| `Control\DeviceClasses\{interface}\##?#…` | interfaces whose `DeviceInstance` is gone | seen |
| `Control\DeviceContainers\{container}` | the instance's name among the members; the container if no members are left | seen in Windows 10 |
| `Enum` `NextParentID.<hash>.<level>` | the counters for the instance's `ParentIdPrefix` | inferred from their form |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reseal.windows.values import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.providers.pnp.devices import Device
    from reseal.session import Session

_DRIVER = re.compile(r"(\{[0-9a-f-]{36}\})\\\d{4}", re.IGNORECASE)
_PREFIX = re.compile(r"([0-9a-f]+)&([0-9a-f]+)&", re.IGNORECASE)
#: Network clients, services and protocols: their keys refer to one another by number.
_KEPT_CLASSES = frozenset({
    "{4d36e973-e325-11ce-bfc1-08002be10318}",
    "{4d36e974-e325-11ce-bfc1-08002be10318}",
    "{4d36e975-e325-11ce-bfc1-08002be10318}",
})  # fmt: skip
#: The container of the computer itself (seen: it holds ROOT devices on every machine).
COMPUTER_CONTAINER = "{00000000-0000-0000-FFFF-FFFFFFFFFFFF}"
#: Manufacturer, model and friendly name of a container (documented: devpkey.h,
#: DEVPKEY_DeviceContainer_*). On the computer's own container they are the maker, the model and the
#: computer's name (seen); Windows writes them after the name is set (seen).
_CONTAINER_NAMES = "{656a3bb3-ecc0-43fd-8477-4ae0404a96cd}"


def forget(session: Session, control_set: str, removed: list[Device], kept: list[Device]) -> None:
    """Stage the removal of devices from one control set.

    Args:
        session: the opened installation.
        control_set: the control set's name, such as `ControlSet001`.
        removed: the devices to remove.
        kept: the devices that stay; what they share with removed ones stays.
    """
    root = rf"HKLM\SYSTEM\{control_set}"
    for enum in (rf"{root}\Enum", *_profiles(session, root)):
        _instances(session, enum, removed)
    _class_keys(session, root, removed, kept)
    names = {device.id.upper() for device in removed}
    _interfaces(session, root, names)
    _containers(session, root, names)
    _counters(session, root, removed, kept)


def _profiles(session: Session, root: str) -> list[str]:
    """Return the keys in which hardware profiles list devices."""
    profiles = rf"{root}\Hardware Profiles"
    return [
        rf"{profiles}\{profile.name}\System\CurrentControlSet\Enum"
        for profile in session.registry.subkeys(profiles)
    ]


def _instances(session: Session, enum: str, removed: Iterable[Device]) -> None:
    parents: dict[str, None] = {}
    for device in removed:
        if session.delete_key(rf"{enum}\{device.id}"):
            parents[rf"{enum}\{device.enumerator}\{device.device}"] = None
    for path in [*parents, *dict.fromkeys(path.rpartition("\\")[0] for path in parents)]:
        key = session.registry.key(path)
        if key is not None and next(key.subkeys(), None) is None:
            session.delete_key(path)


def _class_keys(
    session: Session, root: str, removed: Iterable[Device], kept: Iterable[Device]
) -> None:
    in_use = {(device.driver or "").lower() for device in kept}
    for device in removed:
        match = _DRIVER.fullmatch(device.driver or "")
        if not match or match[1].lower() in _KEPT_CLASSES or match[0].lower() in in_use:
            continue
        session.delete_key(rf"{root}\Control\Class\{match[0]}")


def _interfaces(session: Session, root: str, names: set[str]) -> None:
    classes = rf"{root}\Control\DeviceClasses"
    for interface in session.registry.subkeys(classes):
        for entry in list(interface.subkeys()):
            if (text(entry, "DeviceInstance") or "").upper() in names:
                session.delete_key(rf"{classes}\{interface.name}\{entry.name}")


def _containers(session: Session, root: str, names: set[str]) -> None:
    containers = rf"{root}\Control\DeviceContainers"
    for container in session.registry.subkeys(containers):
        path = rf"{containers}\{container.name}"
        left = gone = 0
        for base in session.registry.subkeys(rf"{path}\BaseContainers"):
            for member in list(base.values()):
                if member.name.upper() in names:
                    session.delete_value(rf"{path}\BaseContainers\{base.name}", member.name)
                    gone += 1
                else:
                    left += 1
        if container.name.upper() == COMPUTER_CONTAINER:
            session.delete_key(rf"{path}\Properties\{_CONTAINER_NAMES}")
        elif gone and not left:
            session.delete_key(path)


def _counters(
    session: Session, root: str, removed: Iterable[Device], kept: Iterable[Device]
) -> None:
    """Delete the counters from which the instance names of the devices' children were made.

    The prefix `4&2d689036&0` belongs to the counter `NextParentID.2d689036.4`.
    """
    for name in sorted(_counter_names(removed) - _counter_names(kept)):
        session.delete_value(rf"{root}\Enum", name)


def _counter_names(devices: Iterable[Device]) -> set[str]:
    matches = (_PREFIX.match(device.parent_prefix or "") for device in devices)
    return {f"NextParentID.{match[2].lower()}.{match[1].lower()}" for match in matches if match}
