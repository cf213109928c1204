"""Devices, drivers and driver packages of a made-up machine, as nested data for a SYSTEM hive."""

from __future__ import annotations

from typing import Any

from reseal.regf import types
from reseal.testing.drivers import multi, package

DISK, NET = "{4d36e967-e325-11ce-bfc1-08002be10318}", "{4d36e972-e325-11ce-bfc1-08002be10318}"
SCSI, SYSTEM = "{4d36e97b-e325-11ce-bfc1-08002be10318}", "{4d36e97d-e325-11ce-bfc1-08002be10318}"
USB, PROTOCOL = "{36fc9e60-c465-11cf-8056-444553540000}", "{4d36e975-e325-11ce-bfc1-08002be10318}"
COMPUTER = "{00000000-0000-0000-FFFF-FFFFFFFFFFFF}"
NAMES = "{656a3bb3-ecc0-43fd-8477-4ae0404a96cd}"
DISK_INTERFACE = "{53f56307-b6bf-11d0-94f2-00a0c91efb8b}"
UUID = "{4c4c4544-0042-3210-804d-c4c04f4e3232}"

CONTROLLER = r"PCI\VEN_8086&DEV_2922\3&11583659&0&FA"
SSD = r"SCSI\Disk&Ven_ACME&Prod_SSD\4&241bacd1&0&000000"
STICK = r"USBSTOR\Disk&Ven_ACME&Prod_Stick\SERIAL0815&0"
NIC = r"PCI\VEN_8086&DEV_100E\3&11583659&0&18"
RAID = r"PCI\VEN_1000&DEV_0001\3&11583659&0&20"
VOLMGR = r"ROOT\VOLMGR\0000"
PRINTER = r"SWD\PRINTENUM\PrintQueues"
WPD = r"SWD\WPDBUSENUM\_??_USBSTOR#Disk&Ven_ACME&Prod_Stick#SERIAL0815&0#{53f56307-b6bf-11d0-94f2-00a0c91efb8b}"  # noqa: E501


def device(
    ids: tuple[str, ...], service: str | None, class_guid: str, driver: str, prefix: str = ""
) -> dict[str, Any]:
    """The values of a device instance."""
    found: dict[str, Any] = {
        "HardwareID": multi(*ids),
        "CompatibleIDs": multi(*(one.partition("&")[0] for one in ids)),
        "ClassGUID": class_guid,
        "Driver": rf"{class_guid}\{driver}",
        "Device Parameters": {"Partmgr": {"DiskId": "{1}"}},
    }
    if service:
        found["Service"] = service
    if prefix:
        found["ParentIdPrefix"] = prefix
    return found


def nested(paths: dict[str, Any]) -> dict[str, Any]:
    r"""Turn `{"A\B": x, "A\C": y}` into nested data."""
    result: dict[str, Any] = {}
    for path, content in paths.items():
        place = result
        *parents, last = path.split("\\")
        for part in parents:
            place = place.setdefault(part, {})
        place[last] = content
    return result


def driver(
    start: int, more: dict[str, Any] | None = None, *, override: bool = False
) -> dict[str, Any]:
    """A driver's service."""
    found: dict[str, Any] = {"Type": 1, "Start": start, "ErrorControl": 3, **(more or {})}
    if override:
        found["StartOverride"] = {"0": 3}
    return found


def control_set() -> dict[str, Any]:
    """One control set: an SSD on a SATA controller, a RAID card, a USB stick, a network card."""
    interfaces = {
        "##?#" + one.replace("\\", "#") + "#" + DISK_INTERFACE: {"DeviceInstance": one, "#": {}}
        for one in (SSD, STICK, VOLMGR, WPD)
    }
    members = dict.fromkeys((SSD, CONTROLLER, NIC, VOLMGR, RAID, PRINTER), (types.REG_NONE, b""))
    stick = {STICK: (types.REG_NONE, b"")}
    container = "{88b080f6-e2de-5650-ac2e-9685aca70f0a}"
    return {
        "Enum": {
            "NextParentID.241bacd1.4": 1,
            "NextParentID.daba3ff.2": 1,
            **nested({
                CONTROLLER: device((r"PCI\VEN_8086&DEV_2922", r"PCI\CC_010601"), "storahci", SCSI,
                                   "0000", "4&241bacd1&0"),
                SSD: device((r"SCSI\DiskACME_SSD", "GenDisk"), "disk", DISK, "0000"),
                STICK: device((r"USBSTOR\DiskACME", "GenDisk"), "disk", DISK, "0001"),
                NIC: device((r"PCI\VEN_8086&DEV_100E",), "e1000", NET, "0001"),
                RAID: device((r"PCI\VEN_1000&DEV_0001",), "acmeraid", SCSI, "0001"),
                VOLMGR: device((r"ROOT\VOLMGR",), "volmgr", SYSTEM, "0000", "1&daba3ff&2"),
                PRINTER: device((), None, SYSTEM, "0001"),
                WPD: device((), "WUDFRd", SYSTEM, "0002"),
                r"USB\VID_0781&PID_5580\SERIAL0815": device(
                    (r"USB\Class_08",), "USBSTOR", USB, "0000"),
            }),
        },
        "Control": {
            "Class": {
                DISK: {"Class": "DiskDrive", "UpperFilters": multi("partmgr"), "0000": {"a": 1},
                       "0001": {"b": 1}},
                SCSI: {"Class": "SCSIAdapter", "0000": {"InfPath": "mshdc.inf"},
                       "0001": {"InfPath": "oem7.inf"}},
                NET: {"Class": "Net", "0001": {"InfPath": "oem8.inf"}, "0002": {"c": 1}},
                SYSTEM: {"Class": "System", "0000": {}, "0001": {}},
                USB: {"Class": "USB", "0000": {}},
                PROTOCOL: {"Class": "NetTrans", "0000": {"InfPath": "nettcpip.inf"}},
            },
            "DeviceClasses": {DISK_INTERFACE: interfaces},
            "DeviceContainers": {
                COMPUTER: {"BaseContainers": {COMPUTER: members},
                           "Properties": {NAMES: {"3000": {"": "DESKTOP-SAMPLE1"}},
                                          "{keep}": {"0001": {"": 1}}}},
                container: {"BaseContainers": {container: stick}, "Properties": {"x": {"": 1}}},
            },
        },
        "Hardware Profiles": {
            "0001": nested({rf"System\CurrentControlSet\Enum\{SSD}": {"CSConfigFlags": 0}}),
        },
        "Services": {
            "storahci": driver(0, override=True),
            "acmeraid": driver(0, {"Owners": multi("oem7.inf")}, override=True),
            "vmbus": driver(0, {"Group": "System Bus Extender"}, override=True),
            "disk": driver(0),
            "volmgr": driver(0),
            "e1000": driver(3, {"Owners": multi("oem8.inf")}),
            "USBSTOR": driver(3),
            "later": driver(3, override=True),
        },
    }  # fmt: skip


def system(*control_sets: str) -> dict[str, Any]:
    """The whole SYSTEM hive, for `Machine.system`."""
    database = {
        **package("mshdc.inf", "mshdc.inf_amd64_1", {r"PCI\CC_010601": "storahci"}),
        **package("disk.inf", "disk.inf_amd64_1", {"GenDisk": "disk"}),
        **package("oem7.inf", "acmeraid.inf_amd64_7", {r"PCI\VEN_9999&DEV_0001": "acmeraid"}),
        **package("oem8.inf", "acmenet.inf_amd64_8", {r"PCI\VEN_8086&DEV_100E": "e1000"}),
    }
    return {
        **{name: control_set() for name in control_sets or ("ControlSet001",)},
        "DriverDatabase": nested(database),
        "HardwareConfig": {
            "LastConfig": UUID,
            "LastId": 0,
            UUID: {
                "Id": 0,
                "BootDriverFlags": 0,
                "SystemSKU": "ACME 1",
                "ComputerIds": {"{x}": "A"},
            },
        },
    }
