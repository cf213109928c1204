"""Faults that people reported, each with the stage that has to say it, its symptom, and the cure.

The faults are those of public reports and of Microsoft's public repair scripts.
`docs/reference/boot-faults.md` is made from them.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from reseal.bcd.devices import Device, DeviceValue, GptPartition, RamDisk
from reseal.bcd.values import Value
from reseal.disk import FileDevice
from reseal.disk.partitions import volumes
from reseal.disk.tables import write_gpt
from reseal.testing import disks
from reseal.testing.boot import LOADER, standard_objects, store
from reseal.testing.disks import BASIC_DATA, EFI_SYSTEM
from reseal.testing.drivers import executable, multi, package
from reseal.testing.fat import fat_volume
from reseal.testing.firmware import efi_manager
from reseal.testing.machine import Machine
from reseal.testing.windows import (
    EFI_SIZE,
    MEBIBYTE,
    efi_files,
    uefi_partitions,
    with_logs,
)
from tests.rehearsal.samples import COMPONENT, answer_file, healthy

DISK = "{4d36e967-e325-11ce-bfc1-08002be10318}"
VIRTIO = r"PCI\VEN_1AF4&DEV_1001"
STOPS, UNKNOWN, ASKS = "would stop", "can't be told", "would ask"
Elements = dict[int, Value | None]


@dataclass(frozen=True)
class Case:
    """A fault.

    Attributes:
        id: its name.
        fault: what is wrong, as a person would say it.
        stage: the first stage that does not pass.
        result: what that stage says.
        symptom: a part of what a person would see.
        cure: a part of the cure; empty for none.
        machine: the machine in memory, for faults that need no disk.
        disk: builds the faulty disk from a healthy one: gets the raw disk to change.
        firmware: of the disk.
        request: the machine of the rehearsal.
    """

    id: str
    fault: str
    stage: str
    symptom: str = ""
    cure: str = ""
    result: str = STOPS
    machine: Callable[[], Machine] | None = None
    disk: Callable[[Path], None] | None = None
    firmware: str = "uefi"
    request: dict[str, Any] = field(default_factory=dict)


# Machines


def _system(**parts: Any) -> dict[str, Any]:
    return {"ControlSet001": parts}


def _system32(**files: Any) -> dict[str, Any]:
    return {"Windows": {"System32": files}}


def _without(name: str) -> Callable[[], Machine]:
    *folders, last = name.split("/")
    files: dict[str, Any] = {last: None}
    for one in reversed(["Windows", "System32", *folders]):
        files = {one: files}
    return lambda: healthy(files)


def _armed(files: dict[str, Any] | None = None, **system: Any) -> Callable[[], Machine]:
    return lambda: healthy(files, system, armed=True)


def _service(name: str, data: bytes | None = None, **values: Any) -> Machine:
    files = _system32(drivers={f"{name}.sys": data}) if data is not None else {}
    return healthy(files, _system(Services={name: values}))


def _filtered(kind: str, *names: str, services: dict[str, Any] | None = None) -> Machine:
    own = _system(Control={"Class": {DISK: {kind: multi(*names, "")}}}, Services=services or {})
    files = {f"{name}.sys": executable() for name in services or {}}
    return healthy(_system32(drivers=files), own)


def _viostor(*, version: bool = True, database: bool = True, **service: Any) -> Machine:
    made = package("oem1.inf", "oem1.inf_amd64_1", {VIRTIO: "viostor"})
    if not version:
        del made[r"DriverPackages\oem1.inf_amd64_1"]["Version"]
    system = _system(
        Services={"viostor": {"Start": 0, "Type": 1, "Group": "SCSI miniport"} | service}
    )
    if database:
        system["DriverDatabase"] = made
    return healthy(_system32(drivers={"viostor.sys": executable()}), system)


def _answers(**parts: str) -> Callable[[], Machine]:
    return _armed({"Windows": {"Panther": {"unattend.xml": answer_file(**parts)}}})


def _command(text: str) -> str:
    return (
        f'<component name="Microsoft-Windows-Deployment" {COMPONENT}><RunSynchronous>'
        f'<RunSynchronousCommand wcm:action="add"><Order>1</Order><Path>{text}</Path>'
        "</RunSynchronousCommand></RunSynchronous></component>"
    )


def _setup(**values: Any) -> Callable[[], Machine]:
    return _armed(None, Setup=values)


def writable(program: bytes) -> bytes:
    """Add a section to an executable that is writable and executable."""
    place = struct.unpack_from("<I", program, 0x3C)[0]
    data = bytearray(program.ljust(4096, b"\0"))
    struct.pack_into("<H", data, place + 6, 1)
    start = place + 24 + struct.unpack_from("<H", data, place + 20)[0]
    data[start : start + 40] = b"RWX".ljust(36, b"\0") + struct.pack("<I", 0xE0000020)
    return bytes(data)


# Disks


def _patch(offset: int, data: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    return change


def _not_active(path: Path) -> None:
    for number in range(4):
        _patch(446 + 16 * number, b"\0")(path)


def esp(
    path: Path, change: Callable[[dict[str, Any]], Any] | None = None, boot: bytes | None = None
) -> None:
    """Write another EFI system partition into a disk.

    Args:
        path: the raw disk.
        change: changes the files.
        boot: the boot store.
    """
    partitions = uefi_partitions(Path("disk"))
    files = efi_files(boot or store(standard_objects(*partitions, uefi=True)))
    if change:
        change(files)
    with tempfile.TemporaryDirectory() as folder:
        volume = fat_volume(Path(folder) / "efi", EFI_SIZE, files)
        put(path, volume, MEBIBYTE)


def put(path: Path, volume: Path, offset: int) -> None:
    """Write a volume into a disk, and count its hidden sectors."""
    _patch(offset, volume.read_bytes())(path)
    with path.open("r+b") as file:
        disks._count_hidden_sectors(file.fileno(), offset, volume.stat().st_size)


def _files(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    return lambda path: esp(path, change)


def _elements(
    loader: Elements | None = None, *, drop: tuple[UUID, ...] = ()
) -> Callable[[Path], None]:
    """Write a boot store whose loader has other elements, or that lacks objects."""

    def change(path: Path) -> None:
        made = standard_objects(*uefi_partitions(Path("disk")), uefi=True)
        for number, value in (loader or {}).items():
            if value is None:
                del made[LOADER][1][number]
            else:
                made[LOADER][1][number] = value
        for one in drop:
            del made[one]
        esp(path, boot=store(made))

    return change


def _table(*rows: int, kind: str = EFI_SYSTEM) -> Callable[[Path], None]:
    """Write another GPT over the same volumes: which of the three partitions it has.

    Args:
        rows: numbers of the partitions to keep.
        kind: the type of the first one.
    """

    def change(path: Path) -> None:
        device = FileDevice(path, read_only=False)
        found = volumes(device)
        kept = [
            replace(one, type=kind) if one.number == 1 else one
            for one in found
            if one.number in rows
        ]
        write_gpt(device, UUID(found[0].disk), kept)
        device.close()

    return change


def _elsewhere() -> Device:
    return GptPartition(UUID(int=7), UUID(int=8))


def _drop_manager(files: dict[str, Any]) -> None:
    del files["EFI"]["Microsoft"]["Boot"]["bootmgfw.efi"]


def _drop_store(files: dict[str, Any]) -> None:
    for name in with_logs(b""):
        del files["EFI"]["Microsoft"]["Boot"][name]


def _memory_test(path: Path) -> None:
    made = standard_objects(*uefi_partitions(Path("disk")), uefi=True)
    _, values = made[LOADER]
    values[0x12000002] = r"\EFI\Microsoft\Boot\memtest.efi"
    made[LOADER] = (0x10200005, values)
    esp(path, boot=store(made))


def _recovery(path: Path) -> None:
    partitions = uefi_partitions(Path("disk"))
    made = standard_objects(*partitions, uefi=True)
    made[LOADER][1][0x14000008] = [UUID(int=9)]
    wim = RamDisk(partitions[1], r"\Recovery\WindowsRE\Winre.wim")
    made[UUID(int=9)] = (0x10200003, {0x11000001: DeviceValue(wim, UUID(int=10))})
    esp(path, boot=store(made))


def _no_fat(path: Path) -> None:
    _patch(MEBIBYTE, bytes(64 << 10))(path)


_OTHER = DeviceValue(_elsewhere())

CASES = (
    Case("no-esp", "No EFI system partition: Windows alone on a GPT disk", "firmware",
         "UEFI shell", "reseal deploy", disk=_table(2, 3)),
    Case("esp-type", "The EFI system partition has the type of a data partition", "firmware",
         result=UNKNOWN, cure="sgdisk", disk=_table(1, 2, 3, kind=BASIC_DATA)),
    Case("esp-not-fat", "The EFI system partition is not formatted with FAT", "firmware",
         "UEFI shell", "--repair", disk=_no_fat),
    Case("no-fallback", r"\EFI\Boot\bootx64.efi is missing, and the machine is new", "firmware",
         "No bootable device", "--repair", disk=_files(lambda files: files["EFI"].pop("Boot"))),
    Case("no-bootmgfw", r"The fallback is there, \EFI\Microsoft\Boot\bootmgfw.efi is missing",
         "boot-manager", "No bootable device", "--repair", result=UNKNOWN,
         disk=_files(_drop_manager)),
    Case("other-fallback", "The fallback is another loader (GRUB, an old shim)", "firmware",
         cure="--repair", result=UNKNOWN,
         disk=_files(lambda files: files["EFI"]["Boot"].update({"bootx64.efi": efi_manager("x")}))),
    Case("not-active", "MBR without an active partition", "firmware",
         "Missing operating system", "--repair", disk=_not_active, firmware="bios"),
    Case("no-signature", "The first sector does not end with 0x55AA", "firmware",
         "No bootable device", disk=_patch(510, bytes(2)), firmware="bios",
         request={"firmware": "bios"}),
    Case("gpt-on-bios", "A GPT disk on a machine with BIOS", "firmware",
         "No bootable device", "deploy", disk=lambda _: None, request={"machine": "hyper-v-gen1"}),
    Case("mbr-on-uefi", "An MBR disk on a machine with UEFI", "firmware",
         "No bootable device", "deploy", disk=lambda _: None, firmware="bios",
         request={"machine": "hyper-v-gen2"}),
    Case("no-bcd", "The boot store is missing", "boot-manager",
         r"0xc000000f for \EFI", "--repair", disk=_files(_drop_store)),
    Case("bad-bcd", "The boot store is damaged", "boot-manager",
         "0xc000014c", "--repair", disk=lambda path: esp(path, boot=b"regf" + bytes(8188))),
    Case("other-disk", "The loader's device is a partition of another disk", "boot-manager",
         "0xc000000e", "--repair", disk=_elements({0x11000001: _OTHER, 0x21000001: _OTHER})),
    Case("wrong-loader", "winload.exe in the store of a UEFI machine", "boot-manager",
         "0xc000000f", "--repair",
         disk=_elements({0x12000002: r"\Windows\system32\winload.exe"})),
    Case("no-default", "The default entry is not there", "boot-manager",
         "0xc0000034", "--repair", disk=_elements(drop=(LOADER,))),
    Case("no-osdevice", "The loader's entry has no osdevice", "boot-manager",
         "0xc000000f", "--repair", disk=_elements({0x21000001: None})),
    Case("setup-entry", "The default entry is left over from Windows Setup", "boot-manager",
         "Setup starts again", "--repair",
         disk=_elements({0x12000002: r"\$WINDOWS.~BT\Windows\system32\winload.efi"})),
    Case("memory-test", "The default entry is the memory test", "boot-manager",
         "memory test", "--repair", disk=_memory_test),
    Case("no-systemroot", "The loader's entry has no systemroot", "boot-manager",
         "0xc000000f", "--repair", disk=_elements({0x22000002: None})),
    Case("safe-mode", "The loader's entry has safeboot", "boot-manager", cure="bcd delete",
         result=UNKNOWN, disk=_elements({0x25000080: 0})),
    Case("system-root", "systemroot names a folder that is not there", "boot-manager",
         "0xc000000f", "--repair", disk=_elements({0x22000002: r"\WINNT"})),
    Case("winpe", "The loader's entry has winpe yes", "loader",
         "Windows PE", "--repair", disk=_elements({0x26000022: True})),
    Case("imcdevice", "The loader's entry has imcdevice of Hyper-V", "loader",
         "0x67", "--repair", disk=_elements({0x21000138: _OTHER})),
    Case("no-winload", "winload is missing", "loader", "0xc000000f", "Restore",
         machine=lambda: healthy(_system32(**{"winload.efi": None, "winload.exe": None}))),
    Case("bad-system", "The SYSTEM hive is damaged", "loader", "0xc000014c", "backup",
         machine=lambda: healthy(_system32(config={"SYSTEM": b"regf" + bytes(16380)}))),
    Case("no-control-set", "Select names a control set that is not there", "loader",
         "0x74", "backup",
         machine=lambda: healthy(system={"Select": {
             "Current": 2, "Default": 2, "Failed": 0, "LastKnownGood": 1}})),
    Case("no-kernel", "ntoskrnl.exe is missing", "loader", "0xc0000221", "Restore",
         machine=_without("ntoskrnl.exe")),
    Case("no-hal", "hal.dll is missing", "loader", "0xc0000221", "Restore",
         machine=_without("hal.dll")),
    Case("no-driver-file", "A critical boot driver has no file", "loader", "acmeflt",
         "--remove-filter acmeflt",
         machine=lambda: _service("acmeflt", Start=0, Type=1, ErrorControl=3)),
    Case("unsigned", "A boot driver without a signature, on x64", "loader", "0xc0000428",
         "--drivers",
         machine=lambda: _service("acmeflt", executable(signed=False), Start=0, Type=1)),
    Case("wrong-architecture", "A critical boot driver for x86, on x64", "loader", "0xc0000359",
         machine=lambda: _service("acmeflt", executable("x86"), Start=0, Type=1, ErrorControl=3)),
    Case("memory-integrity", "A driver that Memory integrity (HVCI) refuses", "loader",
         result=UNKNOWN,
         machine=lambda: healthy(
             _system32(drivers={"acmeflt.sys": writable(executable())}),
             _system(Services={"acmeflt": {"Start": 0, "Type": 1}}, Control={"DeviceGuard": {
                 "Scenarios": {"HypervisorEnforcedCodeIntegrity": {"Enabled": 1}}}}))),
    Case("device-filter", "A device has a filter whose service is gone", "storage",
         result=UNKNOWN, cure="--remove-filter",
         machine=lambda: healthy(system=_system(Enum={"SCSI": {"Disk&Ven_X": {"4&1": {
             "UpperFilters": multi("gone", "")}}}}))),
    Case("critical-service", "A critical service whose program is missing", "storage",
         "reboot loop", "--service RDAgentX:disabled",
         machine=lambda: healthy(system=_system(Services={"RDAgentX": {
             "Start": 2, "Type": 0x10, "ErrorControl": 3,
             "ImagePath": r"C:\Program Files\RDAgent\agent.exe"}}))),
    Case("no-virtio", "No virtio driver, on KVM", "storage", "0x7B", "--drivers",
         machine=healthy, request={"machine": "kvm-virtio"}),
    Case("start-override", "StartOverride 3 on the only driver", "storage", "0x7B",
         "--enable-storage",
         machine=lambda: healthy(system=_system(Services={"storahci": {"StartOverride": {"0": 3}}})),
         request={"machine": "kvm-sata"}),
    Case("ahci-7", "Windows 7 that ran on IDE, moved to AHCI", "storage", "0x7B",
         "--enable-storage",
         machine=lambda: healthy(
             system=_system(Services={"storahci": {"Start": 3, "Group": "SCSI miniport"}}),
             build=7601, product="Windows 7 Professional"),
         request={"machine": "kvm-sata"}),
    Case("storage-disabled", "The only suitable driver is disabled", "storage", "0x7B",
         "--enable-storage",
         machine=lambda: healthy(system=_system(Services={"storahci": {"Start": 4}})),
         request={"machine": "kvm-sata"}),
    Case("no-database-entry", "A virtio driver copied by hand, without a driver database entry",
         "storage", "0x7B", "--drivers", machine=lambda: _viostor(database=False),
         request={"machine": "kvm-virtio"}),
    Case("no-version", "A driver package without Version", "storage", "0x7B", "--drivers",
         machine=lambda: _viostor(version=False), request={"machine": "kvm-virtio"}),
    Case("no-database", "No driver database at all", "storage", "0x7B", "--drivers",
         machine=lambda: healthy(system={"DriverDatabase": None})),
    Case("filter-without-service", "A filter whose service is gone", "storage", "0x7B",
         "--remove-filter tcesd", machine=lambda: _filtered("UpperFilters", "partmgr", "tcesd")),
    Case("filter-disabled", "A filter whose service is disabled", "storage", "0x7B",
         "--remove-filter prl_strg",
         machine=lambda: _filtered("LowerFilters", "prl_strg",
                                   services={"prl_strg": {"Start": 4, "Type": 1}})),
    Case("filter-empty", "A filter whose file has 0 bytes", "storage", "0x7B",
         "--remove-filter acme",
         machine=lambda: healthy(
             _system32(drivers={"acme.sys": b""}),
             _system(Control={"Class": {DISK: {"UpperFilters": multi("partmgr", "acme")}}},
                     Services={"acme": {"Start": 3, "Type": 1}}))),
    Case("filter-x86", "A filter for x86, on x64", "storage", "0x7B", "--remove-filter acme",
         machine=lambda: healthy(
             _system32(drivers={"acme.sys": executable("x86")}),
             _system(Control={"Class": {DISK: {"UpperFilters": multi("partmgr", "acme")}}},
                     Services={"acme": {"Start": 3, "Type": 1}}))),
    Case("pci-disabled", "pci is disabled", "storage", "0x7B", "--enable-storage",
         machine=lambda: healthy(system=_system(Services={"pci": {"Start": 4}}))),
    Case("install-policy", "A policy on device installation, on Windows 7", "storage", "0x7B",
         "--enable-storage",
         machine=lambda: healthy(
             system=_system(Control={"PnP": {"DisableCDDB": 1}}),
             build=7601, product="Windows 7 Professional")),
    Case("partmgr-disabled", "partmgr is disabled", "storage", "0x7B", "--enable-storage",
         machine=lambda: healthy(system=_system(Services={"partmgr": {"Start": 4}}))),
    Case("no-disk-service", "The service disk is missing", "storage", "0x7B",
         machine=lambda: healthy(system=_system(Services={"disk": None}))),
    Case("pvscsi", "A guest with LSI SAS moved to PVSCSI", "storage", "0x7B", "--drivers",
         machine=healthy, request={"machine": "vmware-pvscsi"}),
    Case("lsi-53c895a", "A guest moved to the LSI 53C895A of KVM", "storage", "0x7B", "--drivers",
         machine=healthy, request={"machine": "kvm-lsi"}),
    Case("boot-execute", "BootExecute names a program that is not there", "session-manager",
         "black screen",
         machine=lambda: healthy(system=_system(Control={"Session Manager": {
             "BootExecute": multi("autocheck autochk *", "acmeclean")}}))),
    Case("no-csrss", "SubSystems names a missing csrss", "session-manager", "0xC000021A",
         machine=lambda: healthy(system=_system(Control={"Session Manager": {"SubSystems": {
             "Windows": r"%SystemRoot%\system32\nocsrss.exe ObjectDirectory=\Windows"}}}))),
    Case("empty-csrss", "csrss.exe has 0 bytes", "session-manager", "0xC000021A", "Restore",
         machine=lambda: healthy(_system32(**{"csrss.exe": b""}))),
    Case("no-setupcl", "setupcl.exe is missing, and SETUPEXECUTE names it", "session-manager",
         "black screen", "Restore",
         machine=lambda: healthy(_system32(**{"setupcl.exe": None}),
                                 armed=True, setupexecute=("setupcl.exe",))),
    Case("bad-sam", "The SAM hive has 0 bytes", "session-manager", "0xC0000218",
         "backup", machine=lambda: healthy(_system32(config={"SAM": b""}))),
    Case("product-type", "ProductType was changed offline", "session-manager", "0x9A",
         machine=lambda: healthy(system=_system(Control={"ProductOptions": {
             "ProductType": "ServerNT"}}))),
    Case("pending-update", "An update is pending (pending.xml)", "session-manager",
         result=UNKNOWN, cure="Boot the image once",
         machine=lambda: healthy({"Windows": {"WinSxS": {"pending.xml": b"<x/>"}}})),
    Case("no-userinit", "Userinit of Winlogon is missing", "logon", "0xC000021A", "Restore",
         machine=_without("userinit.exe")),
    Case("no-shell", "The shell of Winlogon is missing", "logon", "without a desktop", "Restore",
         machine=lambda: healthy(software={"Microsoft": {"Windows NT": {"CurrentVersion": {
             "Winlogon": {"Shell": "gone.exe"}}}}})),
    Case("rpc-mapper", "RpcEptMapper and RpcSs have different ImagePaths", "logon",
         "black screen", machine=lambda: healthy(system=_system(Services={
             "RpcSs": {"ImagePath": r"%SystemRoot%\system32\svchost.exe -k rpcss -p"},
             "RpcEptMapper": {"ImagePath": r"C:\x.exe"}}))),
    Case("no-windeploy", "windeploy.exe is missing, and CmdLine names it", "logon",
         "Please wait", "Restore", machine=_armed(_system32(oobe={"windeploy.exe": None}))),
    Case("stale-command", "CmdLine of an earlier repair whose file is gone", "logon",
         "Please wait", "--reg-set", machine=lambda: healthy(system={"Setup": {
             "SetupType": 2, "CmdLine": r"C:\Temp\fix.cmd"}})),
    Case("stale-script", "CmdLine runs a script that is gone", "logon", "Please wait",
         "--reg-set", machine=lambda: healthy(
             _system32(**{"cmd.exe": executable()}),
             {"Setup": {"SetupType": 2, "CmdLine": r"cmd.exe /c C:\Temp\fix.cmd"}})),
    Case("setup-begun", "setup.exe began and did not finish", "setup", "restarted unexpectedly",
         "--recover", machine=_setup(Status={"ChildCompletion": {"setup.exe": 1}})),
    Case("pass-failed", "The pass specialize has failed", "setup", "invalid state", "--recover",
         machine=_setup(Status={"UnattendPasses": {"specialize": 3}})),
    Case("not-started", "SetupType 0 on a generalized image", "setup", "plain logon", "--oobe",
         machine=_setup(SetupType=0)),
    Case("sysprep-failed", "A run of Sysprep failed (GeneralizationState 3)", "setup",
         result=UNKNOWN, cure="--recover",
         machine=lambda: healthy(system={"Setup": {"Status": {"SysprepStatus": {
             "GeneralizationState": 3}}}})),
    Case("double-component", "An answer file with a component twice", "setup", "could not parse",
         "unattend check",
         machine=_answers(more=f'<component name="Microsoft-Windows-Shell-Setup" {COMPONENT}>'
                               "<TimeZone>UTC</TimeZone></component>")),
    Case("unknown-setting", "An answer file with an unknown setting", "setup", "could not parse",
         "unattend check", machine=_answers(shell="<NoSuchSetting>1</NoSuchSetting>")),
    Case("empty-key", "An answer file with an empty ProductKey", "setup", "could not parse",
         "unattend check", machine=_answers(shell="<ProductKey></ProductKey>")),
    Case("long-path", "An answer file with a Path of 1,407 characters", "setup",
         "could not parse", "unattend check",
         machine=_answers(more=_command("cmd /c " + "x" * 1400))),
    Case("not-xml", "An answer file that is not XML", "setup", "could not parse", "unattend",
         machine=_armed({"Windows": {"Panther": {"unattend.xml": b"<unattend"}}})),
    Case("x86-answers", "An answer file for x86 only", "setup", result=UNKNOWN,
         machine=_armed({"Windows": {"Panther": {
             "unattend.xml": answer_file().replace(b"amd64", b"x86")}}})),
    Case("no-module", "A DLL of Specialize.xml is missing", "setup", "could not configure",
         "Restore", machine=_armed(_system32(**{"capisp.dll": None}))),
    Case("module-x86", "A DLL of Specialize.xml is for x86", "setup", "could not configure",
         "Restore", machine=_armed(_system32(**{"capisp.dll": executable("x86")}))),
    Case("bad-plan", "Specialize.xml is not XML", "setup", "could not configure",
         machine=_armed(_system32(Sysprep={"ActionFiles": {"Specialize.xml": b"<sysprep"}}))),
    Case("short-names", "NtfsDisable8dot3NameCreation 1 on 26100", "setup", result=UNKNOWN,
         machine=lambda: healthy(
             system=_system(Control={"FileSystem": {"NtfsDisable8dot3NameCreation": 1}}),
             armed=True, build=26100)),
    Case("no-reserved", "A GPT disk without a Microsoft reserved partition", "setup",
         result=UNKNOWN, cure="deploy", disk=_table(1, 3)),
    Case("no-msoobe", "msoobe.exe is missing", "oobe", "OOBE does not start", "Restore",
         machine=_armed(_system32(oobe={"msoobe.exe": None}))),
    Case("no-locales", "No International-Core in oobeSystem", "oobe", "region", "--unattend",
         result=ASKS, machine=_answers(locales="")),
    Case("no-account", "No account in oobeSystem", "oobe", "an account", "--unattend",
         result=ASKS, machine=_answers(accounts="")),
    Case("no-password", "A Server without AdministratorPassword", "oobe", "password",
         "--unattend", result=ASKS,
         machine=lambda: healthy(
             {"Windows": {"Panther": {"unattend.xml": answer_file(accounts="")}}},
             _system(Control={"ProductOptions": {"ProductType": "ServerNT"}}),
             armed=True, build=20348, install_type="Server", edition="ServerStandard",
             product="Windows Server 2022 Standard")),
    Case("oobe-component-twice", "A component twice in oobeSystem", "oobe", "oobeSystem",
         "unattend check",
         machine=_armed({"Windows": {"Panther": {"unattend.xml": answer_file().replace(
             b"</settings>\n</unattend>",
             f'<component name="Microsoft-Windows-Shell-Setup" {COMPONENT}><TimeZone>UTC</TimeZone>'
             "</component></settings>\n</unattend>".encode())}}})),
    Case("no-logon-account", "AutoLogon of an account that does not exist", "first-logon",
         "logon screen", result=ASKS,
         machine=_answers(accounts="<AutoLogon><Username>eve</Username><Enabled>true</Enabled>"
                                   "<LogonCount>1</LogonCount></AutoLogon>")),
    Case("no-recovery", "The recovery environment's entry is gone", "recovery", "0xc000000f",
         result=UNKNOWN, disk=_elements({0x14000008: [UUID(int=9)]})),
    Case("no-winre", "The file of the recovery environment is gone", "recovery", "0xc000000f",
         result=UNKNOWN, disk=_recovery),
)  # fmt: skip
