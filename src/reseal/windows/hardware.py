r"""The hardware of an installation's last boot, from its SYSTEM hive.

| what | where | mark, source |
|---|---|---|
| the machine of the last boot | `SYSTEM\HardwareConfig!LastConfig` names a subkey with SystemManufacturer and SystemProductName of its firmware (Windows 8 and later) | seen: real hive of 16299 |
| the same, before | `Control\SystemInformation`, same values | reported |
| devices | `Enum\PCI\VEN_xxxx&DEV_…`, including removed devices | seen |
| channels of Hyper-V | `Enum\VMBUS` | inferred: only guests enumerate that bus |

Names of virtual machines: the list of systemd-detect-virt (systemd, "systemd-detect-virt", DMI vendors) and,
for Hyper-V and EC2, Microsoft and Amazon. PCI vendor numbers: the PCI ID repository.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseal.regf import Key
    from reseal.windows.registry import Registry

HARDWARE_CONFIG = r"HKLM\SYSTEM\HardwareConfig"
SYSTEM_INFORMATION = r"HKLM\SYSTEM\CurrentControlSet\Control\SystemInformation"
PCI = r"HKLM\SYSTEM\CurrentControlSet\Enum\PCI"
VMBUS = r"HKLM\SYSTEM\CurrentControlSet\Enum\VMBUS"

#: Prefixes of product or manufacturer, in lower case.
_NAMES = (
    ("kvm", "KVM"),
    ("qemu", "QEMU"),
    ("vmware", "VMware"),
    ("vmw", "VMware"),
    ("virtualbox", "VirtualBox"),
    ("innotek gmbh", "VirtualBox"),
    ("openstack", "OpenStack"),
    ("kubevirt", "KubeVirt"),
    ("ovirt", "oVirt"),
    ("rhev", "RHEV"),
    ("xen", "Xen"),
    ("hvm domu", "Xen"),
    ("bochs", "Bochs"),
    ("parallels", "Parallels"),
    ("bhyve", "bhyve"),
    ("google compute engine", "Google Compute Engine"),
    ("apple virtualization", "Apple Virtualization"),
)
#: PCI vendors whose devices exist only in virtual machines.
_VENDORS = {
    "15AD": "VMware",
    "80EE": "VirtualBox",
    "1AF4": "VirtIO",
    "1B36": "QEMU",
    "5853": "Xen",
    "1AB8": "Parallels",
}


@dataclass(frozen=True, slots=True)
class Hardware:
    """The hardware of the last boot.

    Attributes:
        manufacturer: manufacturer in the firmware; None if not recorded.
        product: product name in the firmware; None if not recorded.
        hypervisor: the hypervisor, if the machine is virtual.
        evidence: the registry path with the evidence; None if nothing is recorded.
    """

    manufacturer: str | None = None
    product: str | None = None
    hypervisor: str | None = None
    evidence: str | None = None

    @property
    def virtual(self) -> bool | None:
        """Whether it is a virtual machine; None if unknown."""
        return None if self.evidence is None else self.hypervisor is not None

    @classmethod
    def of(cls, registry: Registry) -> Hardware:
        """Read it from an installation's registry.

        Recorded firmware names take precedence over Enum, because an installation that moved from a
        virtual machine to a physical one keeps its old devices there.
        """
        last = registry.text(HARDWARE_CONFIG, "LastConfig")
        places = [rf"{HARDWARE_CONFIG}\{last}"] if last else []
        for path in (*places, SYSTEM_INFORMATION):
            maker = registry.text(path, "SystemManufacturer")
            product = registry.text(path, "SystemProductName")
            if maker or product:
                return cls(maker, product, _by_name(maker or "", product or ""), path)
        return cls._by_devices(registry)

    @classmethod
    def _by_devices(cls, registry: Registry) -> Hardware:
        if _subkeys(registry.key(VMBUS)):
            return cls(hypervisor="Hyper-V", evidence=VMBUS)
        devices = [key.name.upper() for key in _subkeys(registry.key(PCI))]
        for name in devices:
            hypervisor = _VENDORS.get(name.removeprefix("VEN_")[:4])
            if hypervisor:
                return cls(hypervisor=hypervisor, evidence=rf"{PCI}\{name}")
        return cls(evidence=PCI if devices else None)


def _by_name(maker: str, product: str) -> str | None:
    if maker == "Microsoft Corporation" and product == "Virtual Machine":
        return "Hyper-V"
    if maker == "Amazon EC2" and not product.endswith(".metal"):
        return "Amazon EC2"
    for name in (product.lower(), maker.lower()):
        for start, hypervisor in _NAMES:
            if name.startswith(start):
                return hypervisor
    return None


def _subkeys(key: Key | None) -> list[Key]:
    return list(key.subkeys()) if key else []
