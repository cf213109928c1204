r"""A sample Windows with what real machines gather in use: two people, two volumes, all their traces.

`reseal.testing.machine` is a Windows as it was installed. This one was used for a year: its machine SID
occurs in descriptors, values and names of keys; programs and Windows Update left work for the next boot;
a second volume holds a service, a profile and files of its accounts. The shapes are those of real hives
(seen), the content is made up, and it can't boot.

Use `machine` for an image, and `used` with `tree` for the files of its system volume alone.
"""

from __future__ import annotations

import hashlib
import random
import sqlite3
import struct
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from reseal.bcd.devices import GptPartition, MbrPartition
from reseal.regf import Hive, types
from reseal.testing import disks
from reseal.testing.boot import boot_store
from reseal.testing.disks import BASIC_DATA, convert, gpt_disk, mbr_disk, partition_id
from reseal.testing.drivers import with_storage
from reseal.testing.fat import fat_volume
from reseal.testing.firmware import bootable
from reseal.testing.hives import hive
from reseal.testing.machine import Machine, _merged, laid, tree, user_hive
from reseal.testing.volumes import File, Folder
from reseal.testing.windows import (
    EFI_SIZE,
    FORMATS,
    MEBIBYTE,
    RESERVED_SIZE,
    SYSTEM_SIZE,
    efi_files,
    make_ntfs,
    with_logs,
)
from reseal.windows.sddl import descriptor

WINDOWS_SIZE = 96 * MEBIBYTE
DATA_SIZE = 24 * MEBIBYTE
#: The name of the second volume's partition, and of Windows' own.
DATA, WINDOWS = "Data", "Basic data partition"
#: The signature of the second disk.
_SECOND_SIGNATURE = 0x5EC07D15
#: The account whose profile lies on the second volume, and its RID.
CAROL, CAROL_RID = "Carol", 1003
#: Files that programs left to be renamed or deleted at the next boot.
PENDING_RENAMES = 240
#: Inbox drivers of storage controllers, as Windows sets up its driver database for them.
STORAGE = ("storahci", "stornvme", "intelide", "vmbus", "storvsc")
#: A store app, by its full name and its family.
APP = "Contoso.Weather_4.46.32012.0_x64__8wekyb3d8bbwe"
FAMILY = "contoso.weather_8wekyb3d8bbwe"
TASK = "OneDrive Standalone Update Task-{sid}"
TRIGGER = "CREATE TRIGGER Changed AFTER UPDATE ON User BEGIN SELECT workflow_changed(1); END"

_CACHED_ANSWERS = """<?xml version="1.0" encoding="utf-8"?>
<unattend xmlns="urn:schemas-microsoft-com:unattend" \
xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State">
  <settings pass="specialize" wasPassProcessed="true">
    <component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64" \
publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">
      <ComputerName>*</ComputerName>
      <TimeZone>UTC</TimeZone>
    </component>
  </settings>
  <settings pass="oobeSystem" wasPassProcessed="true">
    <component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64" \
publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">
      <UserAccounts>
        <AdministratorPassword>*SENSITIVE*DATA*DELETED*</AdministratorPassword>
      </UserAccounts>
      <OOBE><HideEULAPage>true</HideEULAPage></OOBE>
    </component>
  </settings>
</unattend>
"""


def machine(
    path: Path,
    model: Machine | None = None,
    *,
    firmware: Literal["uefi", "bios"] = "uefi",
    size: int = WINDOWS_SIZE,
    second_volume: bool = True,
    second_disk: Path | None = None,
    pending_renames: int = PENDING_RENAMES,
) -> Machine:
    """Make an image of a Windows in use; the format follows from the path's suffix.

    `uefi`: GPT with an EFI system partition (1), a Microsoft reserved partition (2), Windows (3) and
    the second volume (4). `bios`: MBR with an active system partition (1), Windows (2) and the second
    volume (3).

    Args:
        path: where it goes: .qcow2, .vhdx, .vhd, .vmdk, .vdi or .raw.
        model: name, SID, users and make; None for a Windows 11 Pro. What it says of files and hives
            is laid over what a machine in use has.
        firmware: what the disk boots from.
        size: bytes of the volume that holds Windows.
        second_volume: whether there is one, `D:`.
        second_disk: the image of a disk of its own for the second volume, where it is volume 1.
        pending_renames: how many files wait for the next boot.

    Returns:
        The model with everything that was laid over the plain sample.
    """
    made = used(
        model,
        firmware=firmware,
        size=size,
        second_volume=second_volume,
        second_disk=second_disk is not None,
        pending_renames=pending_renames,
    )
    with TemporaryDirectory(dir=path.parent) as folder:
        disk, windows, data = (Path(folder) / name for name in ("disk", "windows", "data"))
        make_ntfs(windows, size, tree(made))
        if second_volume:
            make_ntfs(data, DATA_SIZE, second(made), label=DATA)
        if second_disk:
            other = Path(folder) / "other"
            if firmware == "uefi":
                gpt_disk(other, [(data, BASIC_DATA, DATA)])
            else:
                mbr_disk(other, [(data, disks.MBR_NTFS)], signature=_SECOND_SIGNATURE)
            convert(other, second_disk, FORMATS[second_disk.suffix])
        behind = second_volume and not second_disk
        first = Path(folder) / "system"
        if firmware == "uefi":
            system, own = (
                GptPartition(partition_id(number, name), disks.disk_id(disk))
                for number, name in ((1, "EFI system partition"), (3, WINDOWS))
            )
            fat_volume(first, EFI_SIZE, efi_files(boot_store(system, own, uefi=True)))
            gpt_disk(disk, [
                (first, disks.EFI_SYSTEM, "EFI system partition"),
                (RESERVED_SIZE, disks.MICROSOFT_RESERVED, "Microsoft reserved partition"),
                (windows, BASIC_DATA, WINDOWS),
                *([(data, BASIC_DATA, DATA)] if behind else []),
            ])  # fmt: skip
        else:
            places = (MEBIBYTE, MEBIBYTE + SYSTEM_SIZE)
            old, own_place = (MbrPartition(place, disks.SIGNATURE) for place in places)
            store = with_logs(boot_store(old, own_place, uefi=False))
            make_ntfs(first, SYSTEM_SIZE, {"bootmgr": b"BOOTMGR", "Boot": store})
            rows = [first, windows, *([data] if behind else [])]
            mbr_disk(disk, [(one, disks.MBR_NTFS) for one in rows])
        convert(disk, path, FORMATS[path.suffix])
    return made


def used(
    model: Machine | None = None,
    *,
    firmware: Literal["uefi", "bios"] = "uefi",
    size: int = WINDOWS_SIZE,
    second_volume: bool = True,
    second_disk: bool = False,
    pending_renames: int = PENDING_RENAMES,
) -> Machine:
    """Return a model with what a year of use leaves; arguments as for `machine`."""
    model = model or Machine()
    place = _mounted_data(firmware, size, second_disk=second_disk) if second_volume else None
    volumes = _mounted(model, firmware, place)
    system = _merged(_system(model, pending_renames), {"MountedDevices": volumes})
    software = _software(model)
    storage = with_storage(model.build, STORAGE)
    system = _merged(system, storage["system"])
    if second_volume:
        services = {"ContosoSync": {"ImagePath": r"D:\Apps\sync.exe", "Start": 2, "Type": 16}}
        system["ControlSet001"] = _merged(system["ControlSet001"], {"Services": services})
        profile = {str(model.sid.relative(CAROL_RID)): {
            "ProfileImagePath": rf"D:\Users\{CAROL}",
            "Sid": model.sid.relative(CAROL_RID).to_bytes(),
        }}  # fmt: skip
        listed = {"Microsoft": {"Windows NT": {"CurrentVersion": {"ProfileList": profile}}}}
        software = _merged(software, listed)
    return replace(
        model,
        system=laid(system, model.system),
        software=laid(software, model.software),
        files=laid(_merged(_files(model), storage["files"]), model.files),
    )


def second(model: Machine) -> dict[str, Any]:
    """The files of the second volume: a profile, a service, and a folder of the machine's accounts."""
    sid = model.sid
    owner = descriptor(f"O:{sid}-1001G:SYD:PAI(A;OICI;FA;;;{sid}-1001)(A;OICI;FA;;;SY)")
    carol = descriptor(
        f"O:{sid}-{CAROL_RID}G:SYD:PAI(A;OICI;FA;;;{sid}-{CAROL_RID})(A;OICI;FA;;;SY)"
    )
    home: dict[str, Any] = {
        "NTUSER.DAT": _with_descriptors(user_hive(model, CAROL_RID), model, CAROL_RID),
        "Documents": {"letter.txt": File(b"Dear reader", descriptor=carol)},
    }
    return {
        "Users": {CAROL: Folder(home, descriptor=carol)},
        "Apps": {"sync.exe": b"MZ"},
        "Projects": Folder({"plan.txt": File(b"plan", descriptor=owner)}, descriptor=owner),
        "Shared": Folder(
            {"all.txt": b"all"}, descriptor=descriptor(f"O:BAG:SYD:(A;;FA;;;{sid}-1002)")
        ),
    }


def _mounted_data(firmware: str, size: int, *, second_disk: bool) -> bytes:
    """Return what MountedDevices has for the second volume."""
    if firmware == "uefi":
        return b"DMIO:ID:" + partition_id(1 if second_disk else 4, DATA).bytes_le
    if second_disk:
        return struct.pack("<IQ", _SECOND_SIGNATURE, MEBIBYTE)
    return struct.pack("<IQ", disks.SIGNATURE, MEBIBYTE + SYSTEM_SIZE + size)


def _mounted(model: Machine, firmware: str, data: bytes | None) -> dict[str, bytes]:
    """MountedDevices: the volumes of the image under their letters, and a drive that is not in it."""
    own = struct.pack("<IQ", disks.SIGNATURE, MEBIBYTE + SYSTEM_SIZE)
    if firmware == "uefi":
        own = b"DMIO:ID:" + partition_id(3, WINDOWS).bytes_le
    stick = "_??_USBSTOR#Disk&Ven_Contoso&Prod_Stick&Rev_1.00#0123456789&0#".encode("utf-16-le")
    found = {
        rf"\DosDevices\{model.drive}": own,
        r"\??\Volume{c5e31a3c-0000-0000-0000-100000000000}": own,
        r"\DosDevices\F:": stick,
    }
    if data:
        found[r"\DosDevices\D:"] = data
        found[r"\??\Volume{c5e31a3d-0000-0000-0000-100000000000}"] = data
    return found


def _system(model: Machine, pending_renames: int) -> dict[str, Any]:
    upgrade = {
        "NetworkDriverBackup": {"0000": {
            "ComputerName": model.computer_name,
            "NetworkAddress": "525400123456",
        }},
        "PnP": {"CurrentControlSet": {"Control": {"DeviceMigration": {"Devices": {
            r"PCI\VEN_1AF4&DEV_1000": {"3&13c0b0c5&0&18": {"Service": "netkvm"}},
        }}}}},
        "Bluetooth": {"Devices": {"a4c3f0123456": {"Name": b"Headset\0"}}},
    }  # fmt: skip
    renames: list[str] = []
    for number in range(pending_renames):
        renames += [rf"\??\{model.drive}\Config.Msi\a01{number:04x}.rbf", ""]
    # types.encode takes no empty string in the middle of a list, and Windows writes them (seen).
    pending = ("\0".join(renames) + "\0").encode("utf-16-le") if renames else b"\0\0"
    return {
        "ControlSet001": {
            "Control": {"Session Manager": {
                "PendingFileRenameOperations": (types.REG_MULTI_SZ, pending + b"\0\0"),
            }},
            "Services": {"EventLog": {"State": {"LastComputerName": model.computer_name}}},
        },
        "Setup": {"Upgrade": upgrade},
    }  # fmt: skip


def _task(model: Machine) -> bytes:
    user = model.sid.relative(1001)
    return (
        '<?xml version="1.0" encoding="UTF-16"?>\r\n<Task version="1.2"><RegistrationInfo>'
        f"<URI>\\{TASK.format(sid=user)}</URI></RegistrationInfo><Principals><Principal>"
        f"<UserId>{user}</UserId></Principal></Principals></Task>"
    ).encode("utf-16")


def _software(model: Machine) -> dict[str, Any]:
    name = TASK.format(sid=model.sid.relative(1001))
    guid = "{11111111-2222-3333-4444-555555555555}"
    task = {"Path": f"\\{name}", "URI": f"\\{name}", "Hash": hashlib.sha256(_task(model)).digest()}
    cache = {"Tasks": {guid: task}, "Tree": {name: {"Id": guid, "Index": 3}}}
    store = {
        str(model.sid.relative(rid)): {APP: {"InstalledLocation": "x"}} for rid in (1001, 1002)
    }
    return {"Microsoft": {
        "Windows NT": {"CurrentVersion": {"Schedule": {"TaskCache": cache}}},
        "Windows": {"CurrentVersion": {"Appx": {"AppxAllUserStore": {"EndOfLife": store}}}},
    }}  # fmt: skip


def _user_classes(model: Machine, rid: int) -> bytes:
    r"""UsrClass.dat: the user's SID in descriptors, in text and in names of keys."""
    user = model.sid.relative(rid)
    resources = f"{user}-MergedResources-1.pri"
    package = rf"{model.drive}%5CProgram Files%5CWindowsApps%5C{APP}"
    cached = f"{package}%5Cmicrosoft.system.package.metadata%5C{resources}"
    storage = {FAMILY: {"ResourcesConfig": {
        "CachedMergedResourcesPriFileName": resources,
        "MergedResourcesIndex": 1,
    }}}  # fmt: skip
    current = {"AppContainer": {"Storage": storage}}
    made = hive({
        "Local Settings": {
            "MrtCache": {cached: {"1d81ac9c8b7e6f0": {"92bf1b0a": {"@{App}": "Weather"}}}},
            "Software": {"Microsoft": {"Windows": {"CurrentVersion": current}}},
        },
    }).to_bytes()  # fmt: skip
    return _with_descriptors(made, model, rid)


def _with_descriptors(data: bytes, model: Machine, rid: int) -> bytes:
    """Let every key of a user's hive belong to the user, as Windows does."""
    user = model.sid.relative(rid)
    own = descriptor(
        f"O:{user}G:SYD:PAI(A;OICI;0xf003f;;;{user})(A;OICI;0xf003f;;;SY)(A;OICI;0xf003f;;;BA)"
    )
    made = Hive.open(data)
    pending = [made.root]
    while pending:
        key = pending.pop()
        key.set_descriptor(own)
        pending += key.subkeys()
    return made.to_bytes()


def _broker(model: Machine) -> bytes:
    """BBI, the hive of the background broker: users' SIDs in its events."""
    events = {}
    for number in range(12):
        user = model.sid.relative(1001 + number % len(model.users))
        events[f"{{01cba712-9f46-4ba5-8981-{number:012x}}}"] = {
            "BrokerId": "{7cd4a68a-505e-456b-b11e-ca76a5dd4901}",
            "EventParameters": bytes.fromhex("010002001800000000001b00") + user.to_bytes(),
            "Flags": 0x601,
            "PackageFullName": APP,
            "UserSid": user.to_bytes(),
        }
    return hive({"Events": events, "WorkItems": {}, "Version": 2, "MinorVersion": 2}).to_bytes()


def _state_repository(model: Machine) -> bytes:
    """StateRepository-Machine.srd: a row for each user, and a trigger that only Windows can run."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        with closing(sqlite3.connect(path, isolation_level=None)) as made:
            made.execute("CREATE TABLE User (_UserID INTEGER PRIMARY KEY, UserSid BLOB UNIQUE)")
            made.execute(
                "CREATE TABLE PackageUser (Id INTEGER PRIMARY KEY, Package TEXT, Sid TEXT)"
            )
            for index in range(len(model.users)):
                user = model.sid.relative(1001 + index)
                made.execute("INSERT INTO User VALUES (?, ?)", (index + 3, user.to_bytes()))
                row = (index, APP, str(user))
                made.execute("INSERT INTO PackageUser VALUES (?, ?, ?)", row)
            made.execute(TRIGGER)
        return path.read_bytes()


def _event_log(model: Machine, seed: str) -> bytes:
    """The header of an event log, and chunks of no meaning that hold the name and a SID."""
    noise = random.Random(seed).randbytes(61440)  # noqa: S311  not a secret
    named = model.computer_name.encode("utf-16-le") + model.sid.relative(1001).to_bytes()
    return (b"ElfFile\0" + bytes(4088) + b"ElfChnk\0" + named + noise)[:69632].ljust(69632, b"\0")


def _files(model: Machine) -> dict[str, Any]:
    users = {user: _home(model, user, 1001 + index) for index, user in enumerate(model.users)}
    logs = {
        f"{name}.evtx": _event_log(model, name)
        for name in ("Application", "Security", "Setup", "System",
                     "Microsoft-Windows-User Profile Service%4Operational")
    }  # fmt: skip
    system32: dict[str, Any] = {
        "config": {"BBI": _broker(model), "BBI.LOG1": b"", "BBI.LOG2": b""},
        "Tasks": {TASK.format(sid=model.sid.relative(1001)): _task(model)},
        "winevt": {"Logs": logs},
    }
    repository = {"StateRepository-Machine.srd": _state_repository(model)}
    files = {
        "Windows": {
            "System32": system32,
            "Panther": {
                "unattend.xml": _CACHED_ANSWERS.encode(),
                "setuperr.log": b"",
                "cbs.log": b"log of " + model.computer_name.encode(),
            },
        },
        "Users": {**users, "Default": {"NTUSER.DAT": _default_user()}},
        "ProgramData": {"Microsoft": {"Windows": {"AppRepository": repository}}},
        "$Recycle.Bin": {f"{model.sid}-1001": {"desktop.ini": b"[.ShellClassInfo]"}},
    }
    return _merged(bootable(), files)


def _home(model: Machine, user: str, rid: int) -> Folder:
    own = model.sid.relative(rid)
    mine = descriptor(f"O:{own}G:SYD:PAI(A;OICI;FA;;;{own})(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)")
    classes = {"UsrClass.dat": _user_classes(model, rid), "UsrClass.dat.LOG1": b""}
    plain = tree(model)["Users"][user]
    keys = {str(own): {"4b1f3a0e-57d1-4a9a-8f5e-0123456789ab": b"key", "Preferred": b"p"}}
    return Folder(
        {
            **plain,
            "NTUSER.DAT": _with_descriptors(plain["NTUSER.DAT"], model, rid),
            "NTUSER.DAT.LOG1": b"",
            "NTUSER.DAT.LOG2": b"",
            "AppData": {
                "Local": {"Microsoft": {"Windows": classes}},
                "Roaming": {"Microsoft": {"Protect": keys}},
            },
        },
        descriptor=mine,
    )


def _default_user() -> bytes:
    return hive({"Software": {"Microsoft": {"Windows": {}}}, "Environment": {}}).to_bytes()
