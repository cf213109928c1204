r"""Device instances in `Enum`.

`Control Set\Enum\<enumerator>\<device>\<instance>` is one device that Windows has ever seen
(documented: "HKLM\SYSTEM\CurrentControlSet\Enum Registry Tree"); its values were seen in real hives of
Windows 7 and 10:

| value | holds |
|---|---|
| HardwareID, CompatibleIDs | the ids of the device, the most specific first |
| Service, UpperFilters, LowerFilters | the services that drive it |
| ClassGUID | its setup class |
| Driver | `{class}\NNNN`, its key below `Control\Class` |
| ParentIdPrefix | the prefix of its children's instance names |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.windows.values import strings, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.regf import Key

#: Enumerators of devices that the system creates itself and needs to boot (inferred from their
#: services in real hives: volmgr, spaceport, vdrvroot, ACPI, …). They don't describe the hardware.
SYSTEM_ENUMERATORS = frozenset({"ROOT", "HTREE", "ACPI_HAL", "SWD"})


@dataclass(frozen=True, slots=True)
class Device:
    r"""One device instance.

    Attributes:
        enumerator: the bus driver that found it, such as `PCI`.
        device: its device id below the enumerator.
        instance: its instance id.
        ids: hardware ids, then compatible ids.
        service: the service of its function driver.
        class_guid: its setup class in lower case.
        driver: `{class}\NNNN`.
        parent_prefix: the prefix of its children's instance ids.
    """

    enumerator: str
    device: str
    instance: str
    ids: tuple[str, ...]
    service: str | None
    class_guid: str
    driver: str | None
    parent_prefix: str | None

    @property
    def id(self) -> str:
        """The whole instance id."""
        return f"{self.enumerator}\\{self.device}\\{self.instance}"

    @property
    def of_the_system(self) -> bool:
        """Whether Windows creates the device itself and needs it to boot."""
        return self.enumerator.upper() in SYSTEM_ENUMERATORS


def list_devices(enum: Key) -> Iterator[Device]:
    """Yield every device instance below a control set's `Enum`."""
    for enumerator in enum.subkeys():
        for device in enumerator.subkeys():
            for instance in device.subkeys():
                yield Device(
                    enumerator.name,
                    device.name,
                    instance.name,
                    (*strings(instance, "HardwareID"), *strings(instance, "CompatibleIDs")),
                    text(instance, "Service") or None,
                    (text(instance, "ClassGUID") or "").lower(),
                    text(instance, "Driver"),
                    text(instance, "ParentIdPrefix"),
                )
