"""Files that lie beside an image: properties, a script, a domain."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from uuid import uuid4
from xml.sax.saxutils import escape, quoteattr

from reseal.destinations.machine import Machine

#: Memory and processors of a new machine; enough for every Windows (documented: its requirements).
_MEMORY_MIB, _PROCESSORS = 4096, 2
#: Proxmox's types of Windows by the first build: Windows 11, 10, 8, 7 (documented: qm(1), ostype).
_PROXMOX_TYPES = ((22000, "win11"), (10240, "win10"), (9200, "win8"), (0, "win7"))
#: Server 2022 and 2025 go by win11 (documented: qm(1)).
_SERVER_2022 = 20348
_ARCHITECTURES = {"amd64": "x86_64", "x86": "i686", "arm64": "aarch64"}
#: q35 came with Windows 8; older ones run on i440fx (inferred from their drivers).
_WINDOWS_8 = 9200


def name_of(output: Path) -> str:
    """Return a name for a machine: the output's, without what names of machines can't have."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", output.stem).strip("-")[:60] or "windows"


def architecture(machine: Machine) -> str:
    """Return the processor as QEMU and OpenStack name it."""
    return _ARCHITECTURES.get(machine.architecture, "x86_64")


def modern(machine: Machine) -> bool:
    """Whether the machine is a q35 rather than an i440fx."""
    return machine.firmware == "uefi" or (machine.build >= _WINDOWS_8 and machine.bus != "ide")


def bus_of(machine: Machine) -> str:
    """Return the bus of the disk; a q35 has no IDE."""
    return "sata" if machine.bus == "ide" and modern(machine) else machine.bus


def openstack(machine: Machine, output: Path) -> str:
    """Return the options of `openstack image create`, one in a line."""
    bus = bus_of(machine)
    properties = {
        "os_type": "windows",
        "os_distro": "windows",
        "architecture": architecture(machine),
        "hw_firmware_type": machine.firmware,
        "hw_machine_type": "q35" if modern(machine) else "pc",
        "hw_disk_bus": "scsi" if bus == "virtio-scsi" else bus,
        **({"hw_scsi_model": "virtio-scsi"} if bus == "virtio-scsi" else {}),
        "hw_vif_model": machine.network,
        **({"os_secure_boot": "optional"} if machine.secure_boot else {}),
        **({"hw_tpm_version": "2.0", "hw_tpm_model": "tpm-crb"} if machine.tpm else {}),
        **({"hw_qemu_guest_agent": "yes"} if machine.agent else {}),
    }
    lines = [
        f"--disk-format {output.suffix.lower().lstrip('.')}",
        "--container-format bare",
        f"--min-disk {-(-machine.size // (1 << 30))}",
        "--min-ram 2048",
        *(f"--property {name}={value}" for name, value in properties.items()),
    ]
    return "\n".join(lines) + "\n"


def proxmox(machine: Machine, output: Path) -> str:
    """Return a script for a Proxmox node; its arguments are the number of the machine and the storage."""
    bus = bus_of(machine)
    kind = next(kind for build, kind in _PROXMOX_TYPES if machine.build >= build)
    if machine.server and machine.build >= _SERVER_2022:
        kind = "win11"
    slot = {"virtio-scsi": "scsi0", "virtio": "virtio0", "sata": "sata0", "ide": "ide0"}[bus]
    network = "virtio" if machine.network == "virtio" else "e1000"
    uefi = machine.firmware == "uefi"
    keys = ",pre-enrolled-keys=1" if machine.secure_boot else ""
    create = [
        f'qm create "$vmid" --name {name_of(output)} --ostype {kind}',
        f"--memory {_MEMORY_MIB} --cores {_PROCESSORS}",
        f"--machine {'q35' if modern(machine) else 'pc'}",
        f"--bios {'ovmf' if uefi else 'seabios'}",
        *(["--scsihw virtio-scsi-single"] if bus == "virtio-scsi" else []),
        f"--net0 {network},bridge=vmbr0",
        *(["--agent enabled=1"] if machine.agent else []),
    ]
    lines = [
        "#!/bin/sh",
        f"# Make a virtual machine of {output.name} on a Proxmox node.",
        "set -eu",
        'if [ $# -lt 1 ]; then echo "Usage: $0 VMID [STORAGE]" >&2; exit 2; fi',
        "vmid=$1 storage=${2:-local-lvm}",
        f'disk=$(cd "$(dirname "$0")" && pwd)/{shlex.quote(output.name)}',
        " \\\n    ".join(create),
        *([f'qm set "$vmid" --efidisk0 "$storage:1,efitype=4m{keys}"'] if uefi else []),
        *(['qm set "$vmid" --tpmstate0 "$storage:1,version=v2.0"'] if machine.tpm else []),
        f'qm set "$vmid" --{slot} "$storage:0,import-from=$disk"',
        f'qm set "$vmid" --boot order={slot}',
    ]
    return "\n".join(lines) + "\n"


def libvirt(machine: Machine, output: Path) -> str:
    """Return the XML of a domain for QEMU."""
    return domain(machine, output.resolve(), name_of(output))


def domain(machine: Machine, disk: Path, name: str) -> str:
    """Return the XML of a domain for QEMU.

    Args:
        machine: what the image needs.
        disk: the image, absolute; its suffix names the format.
        name: the domain's name.
    """
    bus = bus_of(machine)
    target = {"virtio-scsi": ("sda", "scsi"), "virtio": ("vda", "virtio"), "sata": ("sda", "sata")}
    device, kind = target.get(bus, ("hda", "ide"))
    uefi = machine.firmware == "uefi"
    secure = "yes" if machine.secure_boot else "no"
    firmware = (
        "<firmware>\n"
        f"      <feature enabled='{secure}' name='enrolled-keys'/>\n"
        f"      <feature enabled='{secure}' name='secure-boot'/>\n"
        "    </firmware>"
    )
    parts = [
        "<domain type='kvm'>",
        f"  <name>{escape(name)}</name>",
        f"  <uuid>{uuid4()}</uuid>",
        f"  <title>{escape(_printable(machine.product_name))}</title>",
        f"  <memory unit='MiB'>{_MEMORY_MIB}</memory>",
        f"  <vcpu>{_PROCESSORS}</vcpu>",
        "  <os firmware='efi'>" if uefi else "  <os>",
        f"    <type arch='{architecture(machine)}' machine='{'q35' if modern(machine) else 'pc'}'>hvm</type>",
        *([f"    {firmware}"] if uefi else []),
        "    <boot dev='hd'/>",
        "  </os>",
        "  <features>",
        "    <acpi/>",
        "    <apic/>",
        "    <hyperv mode='custom'>",
        "      <relaxed state='on'/>",
        "      <vapic state='on'/>",
        "      <spinlocks state='on' retries='8191'/>",
        "    </hyperv>",
        *(["    <smm state='on'/>"] if machine.secure_boot else []),
        "  </features>",
        "  <cpu mode='host-passthrough'/>",
        "  <clock offset='localtime'>",
        "    <timer name='hypervclock' present='yes'/>",
        "  </clock>",
        "  <devices>",
        "    <disk type='file' device='disk'>",
        f"      <driver name='qemu' type={quoteattr(disk.suffix.lower().lstrip('.'))}/>",
        f"      <source file={quoteattr(str(disk))}/>",
        f"      <target dev='{device}' bus='{kind}'/>",
        "    </disk>",
        *(["    <controller type='scsi' model='virtio-scsi'/>"] if kind == "scsi" else []),
        "    <interface type='network'>",
        "      <source network='default'/>",
        f"      <model type='{machine.network if modern(machine) else 'e1000'}'/>",
        "    </interface>",
        *(
            [
                "    <channel type='unix'>",
                "      <target type='virtio' name='org.qemu.guest_agent.0'/>",
                "    </channel>",
            ]
            if machine.agent
            else []
        ),
        *(
            [
                "    <tpm model='tpm-crb'>",
                "      <backend type='emulator' version='2.0'/>",
                "    </tpm>",
            ]
            if machine.tpm
            else []
        ),
        "    <input type='tablet' bus='usb'/>",
        "    <graphics type='vnc'/>",
        "    <video>",
        "      <model type='vga'/>",
        "    </video>",
        "  </devices>",
        "</domain>",
    ]
    return "\n".join(parts) + "\n"


def _printable(text: str) -> str:
    """Return a text of the image without what XML can't hold."""
    return "".join(one for one in text if one.isprintable())[:200] or "Windows"
