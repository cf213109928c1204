r"""Build driver packages in a folder, and the installed drivers of a sample machine.

The formats follow real ones: the INF file is like those of the virtio drivers, the driver databases like
those in real hives of Windows 7 and 10.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from reseal.regf import types

SCSI_ADAPTER = "{4D36E97B-E325-11CE-BFC1-08002BE10318}"
NET = "{4D36E972-E325-11CE-BFC1-08002BE10318}"
VIOSTOR = (r"PCI\VEN_1AF4&DEV_1001&SUBSYS_00021AF4&REV_00", r"PCI\VEN_1AF4&DEV_1001")
VIOSCSI = (r"PCI\VEN_1AF4&DEV_1048&SUBSYS_11001AF4&REV_01", r"PCI\VEN_1AF4&DEV_1048")
#: Drivers that come with Windows: the device's id, the INF file, the load order group.
INBOX = {
    "storahci": (r"PCI\CC_010601", "mshdc.inf", "SCSI Miniport"),
    "stornvme": (r"PCI\CC_010802", "stornvme.inf", "SCSI Miniport"),
    "intelide": (r"PCI\VEN_8086&DEV_7010", "mshdc.inf", "System Bus Extender"),
    "LSI_SAS": (r"PCI\VEN_1000&DEV_0054", "lsi_sas.inf", "SCSI Miniport"),
    "vmbus": (r"ACPI\VMBus", "wvmbus.inf", "System Bus Extender"),
    "storvsc": (r"VMBUS\{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}", "wstorvsc.inf", "Base"),
}
_MACHINES = {"x86": 0x14C, "amd64": 0x8664, "arm64": 0xAA64}

_INF = """\
; A storage or network driver, written like those of virtio-win.
[Version]
Signature="$Windows NT$"
Class={class_name}
ClassGUID={class_guid}
Provider=%VENDOR%
DriverVer={driver_ver} ; the date, then the version
CatalogFile={name}.cat

[SourceDisksNames]
1 = %DiskId%,,,""

[SourceDisksFiles]
{name}.sys = 1,,

[DestinationDirs]
Driver_Files = {directory}

[Manufacturer]
%VENDOR% = Models,{decoration}

[Models.{decoration}]
%{name}.DeviceDesc% = inst, {ids}

[Driver_Files]
{name}.sys,,,2

[inst]
CopyFiles=Driver_Files

[inst.Services]
AddService = {name}, 0x00000002, Service_Inst, EventLog_Inst

[Service_Inst]
ServiceType    = %SERVICE_KERNEL_DRIVER%
StartType      = {start}
ErrorControl   = 1
ServiceBinary  = %{directory}%\\{name}.sys
LoadOrderGroup = SCSI miniport
AddReg         = Parameters_AddReg

[inst.HW]
AddReg         = Interrupts_AddReg

[EventLog_Inst]
AddReg = EventLog_AddReg

[EventLog_AddReg]
HKR,,EventMessageFile,0x00020000,"%%SystemRoot%%\\System32\\IoLogMsg.dll"

[Parameters_AddReg]
HKR, "Parameters\\PnpInterface", "5", %REG_DWORD%, 0x00000001
HKR, "Parameters", "BusType", %REG_DWORD%, 0x0000000A

[Interrupts_AddReg]
HKR, "Interrupt Management",, 0x00000010
HKR, "Interrupt Management\\MessageSignaledInterruptProperties", MSISupported, 0x00010001, 1

[Strings]
VENDOR = "Example, Inc."
DiskId = "Installation Disk"
{name}.DeviceDesc = "Example controller"
REG_DWORD = 0x00010001
SERVICE_KERNEL_DRIVER = 1
"""


def executable(architecture: str = "amd64", *, signed: bool = True) -> bytes:
    """Return the headers of a driver file; a signed one has bytes in place of a signature."""
    plus = architecture != "x86"
    optional = bytearray(240 if plus else 224)
    struct.pack_into("<H", optional, 0, 0x20B if plus else 0x10B)
    first = 112 if plus else 96
    struct.pack_into("<I", optional, first - 4, 16)
    size = 128 + 24 + len(optional)
    if signed:
        struct.pack_into("<II", optional, first + 8 * 4, size, 8)
    header = struct.pack("<HHIIIHH", _MACHINES[architecture], 0, 0, 0, 0, len(optional), 0x22)
    start = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 128)
    return start.ljust(128, b"\0") + b"PE\0\0" + header + optional + b"signature"[: 8 * signed]


def inf(
    name: str,
    ids: tuple[str, ...] = VIOSTOR,
    *,
    decoration: str = "NTamd64.10.0",
    directory: int = 12,
    start: int = 0,
    class_name: str = "SCSIAdapter",
    class_guid: str = SCSI_ADAPTER,
    driver_ver: str = "05/21/2024,100.95.104.26200",
) -> str:
    """Return the text of an INF file.

    Args:
        name: name of the driver, its file and its service.
        ids: the hardware id, then compatible ids.
        decoration: target Windows version and architecture.
        directory: 12 for the drivers folder, 13 to run it from the driver store.
        start: start type of the driver; 0 starts it at boot.
        class_name: the setup class.
        class_guid: its GUID.
        driver_ver: date and version.
    """
    return _INF.format(
        name=name, ids=", ".join(ids), decoration=decoration, directory=directory, start=start,
        class_name=class_name, class_guid=class_guid, driver_ver=driver_ver,
    )  # fmt: skip


def driver_package(
    folder: Path, name: str, ids: tuple[str, ...] = VIOSTOR, *, signed: bool = True, **more: Any
) -> Path:
    """Write a driver package into a folder; return its INF file.

    Args:
        folder: the folder.
        name: name of the driver.
        ids: the hardware id, then compatible ids.
        signed: whether the driver file has a signature.
        more: further arguments of `inf`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = inf(name, ids, **more)
    architecture = next((one for one in _MACHINES if one in text.lower()), "amd64")
    (folder / f"{name}.sys").write_bytes(executable(architecture, signed=signed))
    (folder / f"{name}.cat").write_bytes(b"0\x82catalogue of " + name.encode())
    path = folder / f"{name}.inf"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    return path


def multi(*strings: str) -> tuple[int, bytes]:
    """A REG_MULTI_SZ."""
    return types.REG_MULTI_SZ, types.encode(types.REG_MULTI_SZ, list(strings))


def package(inf: str, folder: str, ids: dict[str, str]) -> dict[str, Any]:
    """Return the content of DriverDatabase for a package.

    Args:
        inf: name of the INF file.
        folder: folder of the package in the driver store.
        ids: service by hardware id.
    """
    found: dict[str, Any] = {
        rf"DriverInfFiles\{inf}": {"": multi(folder), "Active": folder},
        rf"DriverPackages\{folder}": {"": inf, "Provider": "ACME", "Version": bytes(48)},
    }
    for identifier, service in ids.items():
        found[rf"DeviceIds\{identifier}"] = {inf: bytes.fromhex("01ff0000")}
        base = rf"DriverPackages\{folder}"
        found[rf"{base}\Descriptors\{identifier}"] = {"Configuration": f"{service}_Inst"}
        found[rf"{base}\Configurations\{service}_Inst"] = {"Service": service}
    return found


def with_storage(
    build: int = 22631, services: tuple[str, ...] = tuple(INBOX), *, switched_off: bool = False
) -> dict[str, Any]:
    """Return arguments of `Machine` for inbox drivers of storage controllers.

    Args:
        build: Windows 7 (7601, version 6.1) has a CriticalDeviceDatabase, later versions a DriverDatabase.
        services: the drivers, from `INBOX`.
        switched_off: whether the last hardware had other controllers.

    Returns:
        The arguments `build`, `system`, `software` and `files`.
    """
    old = build < 9200
    keys: dict[str, Any] = {}
    critical: dict[str, Any] = {}
    database: dict[str, Any] = {}
    for name in services:
        identifier, inf, group = INBOX[name]
        keys[name] = {"Type": 1, "Start": 3 if old and switched_off else 0, "Group": group}
        if switched_off and not old:
            keys[name]["StartOverride"] = {"0": 3}
        critical[identifier.replace("\\", "#")] = {
            "ClassGUID": SCSI_ADAPTER, "Service": name, "DriverPackageId": f"{inf}_x86_neutral_1",
        }  # fmt: skip
        for path, values in package(inf, f"{inf}_amd64_1", {identifier: name}).items():
            database.setdefault(path, {}).update(values)
    drivers = {f"{name}.sys": executable() for name in services}
    one: dict[str, Any] = {"Services": keys}
    if old:
        one["Control"] = {"CriticalDeviceDatabase": critical}
    system = {"ControlSet001": one, **({} if old else {"DriverDatabase": database})}
    return {
        "build": build,
        "system": system,
        "software": {"Microsoft": {"Windows NT": {"CurrentVersion": {"CurrentVersion": "6.1"}}}}
        if old
        else {},
        "files": {"Windows": {"System32": {"drivers": drivers}}},
    }
