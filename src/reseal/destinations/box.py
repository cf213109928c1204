"""Boxes of Vagrant: an archive with the disk, its metadata, and a Vagrantfile (documented)."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from reseal.destinations.container import add, plain_tar
from reseal.destinations.texts import bus_of, modern

if TYPE_CHECKING:
    from reseal.destinations.machine import Machine

_MEMORY_MIB, _PROCESSORS = 4096, 2
_WINRM = """\
  config.vm.guest = :windows
  config.vm.communicator = "winrm"
  config.vm.boot_timeout = 1800
"""


def libvirt(disk: Path, target: Path, machine: Machine) -> None:
    """Make a box for vagrant-libvirt of a qcow2.

    Args:
        disk: the qcow2, named `box.img`.
        target: the box to make.
        machine: what the image says about its machine.
    """
    # vagrant-libvirt reads virtual_size as a whole number of GiB (documented: Creating Boxes).
    size = -(-machine.size // (1 << 30))
    metadata = {"provider": "libvirt", "format": "qcow2", "virtual_size": size}
    bus = bus_of(machine)
    lines = [
        f"    provider.memory = {_MEMORY_MIB}",
        f"    provider.cpus = {_PROCESSORS}",
        f'    provider.machine_type = "{"q35" if modern(machine) else "pc"}"',
        f'    provider.disk_bus = "{"scsi" if bus == "virtio-scsi" else bus}"',
        f'    provider.nic_model_type = "{machine.network}"',
    ]
    if machine.firmware == "uefi":
        # Debian's and Ubuntu's place of OVMF; others set their own in the project's Vagrantfile.
        lines += [
            '    loader = "/usr/share/OVMF/OVMF_CODE.fd"',
            "    provider.loader = loader if File.exist?(loader)",
        ]
    if machine.tpm:
        lines += [
            '    provider.tpm_type = "emulator"',
            '    provider.tpm_version = "2.0"',
            '    provider.tpm_model = "tpm-crb"',
        ]
    vagrantfile = _vagrantfile("libvirt", lines)
    _write(target, metadata, vagrantfile, disk)


def virtualbox(disk: Path, target: Path, machine: Machine) -> None:
    """Make a box for VirtualBox of a stream-optimized VMDK.

    Args:
        disk: the VMDK.
        target: the box to make.
        machine: what the image says about its machine.
    """
    lines = [
        f"    provider.memory = {_MEMORY_MIB}",
        f"    provider.cpus = {_PROCESSORS}",
    ]
    if machine.firmware == "uefi":
        lines.append('    provider.customize ["modifyvm", :id, "--firmware", "efi"]')
    if machine.tpm:
        lines.append('    provider.customize ["modifyvm", :id, "--tpm-type", "2.0"]')
    vagrantfile = _vagrantfile("virtualbox", lines)
    ovf = ovf_of(disk, machine)
    _write(target, {"provider": "virtualbox"}, vagrantfile, disk, {"box.ovf": ovf})


def _vagrantfile(provider: str, lines: list[str]) -> str:
    body = "\n".join(lines)
    return (
        f'Vagrant.configure("2") do |config|\n{_WINRM}'
        f"  config.vm.provider :{provider} do |provider|\n{body}\n  end\nend\n"
    )


def _write(
    target: Path,
    metadata: dict[str, object],
    vagrantfile: str,
    disk: Path,
    others: dict[str, str] | None = None,
) -> None:
    """Write the archive; the disk comes last, as the small files are read first."""
    texts = {"metadata.json": json.dumps(metadata), "Vagrantfile": vagrantfile, **(others or {})}
    with plain_tar(target) as archive:
        for name, text in texts.items():
            data = text.encode()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
        add(archive, disk, disk.name)


def ovf_of(disk: Path, machine: Machine) -> str:
    """Return the OVF descriptor of a machine with one disk (documented: DMTF DSP0243, CIM resources)."""
    bits = "_64" if machine.architecture == "amd64" else ""
    release = "2022" if machine.server else ("11" if machine.tpm else "10")
    kind = f"Windows{release}{bits}"

    def item(number: int, resource: int, name: str, **fields: object) -> str:
        # The schema wants the elements in the order of their names.
        texts = {"ElementName": name, "InstanceID": number, "ResourceType": resource, **fields}
        rows = "".join(
            f"<rasd:{key}>{escape(str(value))}</rasd:{key}>" for key, value in sorted(texts.items())
        )
        return f"      <Item>{rows}</Item>"

    items = [
        item(1, 3, "processors", VirtualQuantity=_PROCESSORS),
        item(2, 4, "memory", AllocationUnits="byte * 2^20", VirtualQuantity=_MEMORY_MIB),
        item(3, 20, "sata", ResourceSubType="AHCI", Address=0),
        item(4, 17, "disk", HostResource="ovf:/disk/disk1", Parent=3, AddressOnParent=0),
        item(
            5, 10, "network", ResourceSubType="E1000", AutomaticAllocation="true", Connection="NAT"
        ),
    ]
    return f"""\
<?xml version="1.0"?>
<Envelope ovf:version="1.0" xml:lang="en-US" xmlns="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
    xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References>
    <File ovf:href={quoteattr(disk.name)} ovf:id="file1"/>
  </References>
  <DiskSection>
    <Info>The disks of the machine</Info>
    <Disk ovf:capacity="{machine.size}" ovf:diskId="disk1" ovf:fileRef="file1"
        ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>The networks of the machine</Info>
    <Network ovf:name="NAT"/>
  </NetworkSection>
  <VirtualSystem ovf:id="windows">
    <Info>A virtual machine</Info>
    <OperatingSystemSection ovf:id="1">
      <Info>The system in it</Info>
      <Description>{kind}</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Its hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>windows</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>virtualbox-2.2</vssd:VirtualSystemType>
      </System>
{chr(10).join(items)}
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
"""
