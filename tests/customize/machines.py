"""Two machines to customize: the sample, and one made of real hives; and other people's readers of them.

Both have a real SAM hive under a boot key of the tests' own, since nobody has those of the real machines.
"""

from __future__ import annotations

import io
import struct
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from reseal.regf import Hive, types
from reseal.testing.hives import hive
from reseal.testing.machine import Machine, software_hive
from reseal.testing.windows import windows
from reseal.windows.sid import Sid
from tests.end_to_end import judges, real_machine
from tests.oracles import ORACLES, Tree
from tests.windows import sam

SID = real_machine.SID
#: The account of the SAM hive that people remove.
USER = "AndrewRathbun"
USER_SID = SID.relative(1001)
#: The class of network adapters, and an adapter with addresses set by hand.
ADAPTERS = "{4d36e972-e325-11ce-bfc1-08002be10318}"
ADAPTER = "{4F2A1B3C-1111-4222-8333-0123456789AB}"
PROFILE_TEXT = b"what lay in the profile of the one who built this image. " * 9
MARK = "kept by everybody who starts with this profile"

_TZI = struct.pack("<3i8H8H", -60, 0, -60, 0, 10, 0, 5, 3, 0, 0, 0, 0, 3, 0, 5, 2, 0, 0, 0)
RDP_RULE = (
    "v2.27|Action=Allow|Active=FALSE|Dir=In|Protocol=6|LPort=3389|App=%SystemRoot%\\system32\\svchost.exe"
    "|Svc=termservice|Name=@FirewallAPI.dll,-28775|EmbedCtxt=@FirewallAPI.dll,-28752|"
)
WINRM_RULE = (
    "v2.27|Action=Allow|Active=FALSE|Dir=In|Protocol=6|LPort=5985|App=System"
    "|Name=@FirewallAPI.dll,-30253|EmbedCtxt=@FirewallAPI.dll,-30267|"
)
_SVCHOST = (types.REG_EXPAND_SZ, types.encode(types.REG_EXPAND_SZ, r"%SystemRoot%\svchost.exe"))


def sample(corpus: Path, path: Path) -> None:
    """Make the sample machine's image."""
    control = {
        "Class": {
            ADAPTERS: {"0001": {"NetCfgInstanceId": ADAPTER, "NetworkAddress": "0A1B2C3D4E5F"}}
        },
        "Terminal Server": {"fDenyTSConnections": 1, "WinStations": {"RDP-Tcp": {}}},
        "MUI": {"UILanguages": {"en-US": {"LCID": 1033}}},
        "TimeZoneInformation": {"Bias": 480, "TimeZoneKeyName": "Pacific Standard Time"},
    }
    service = {"ImagePath": _SVCHOST, "Type": 32, "Start": 3}
    rules = {"RDP": RDP_RULE, "WinRM": WINRM_RULE, "Other": RDP_RULE.replace("28752", "1")}
    fixed = {"EnableDHCP": 0, "IPAddress": ["192.0.2.25"], "SubnetMask": ["255.255.255.0"]}
    services = {
        "Tcpip": {"Parameters": {"Interfaces": {ADAPTER: fixed}}},
        "WinRM": service,
        "wuauserv": service,
        "SharedAccess": {"Parameters": {"FirewallPolicy": {"FirewallRules": rules}}},
        "bam": {"State": {"UserSettings": {str(USER_SID): {
            rf"\Device\HarddiskVolume2\Users\{USER}\setup.exe": b"\1" * 24}}}},
    }  # fmt: skip
    machine = Machine(
        sid=SID, users=(USER,), system={"ControlSet001": {"Control": control, "Services": services}}
    )
    machine.software = _software()
    default = hive({"Software": {"Microsoft": {}}, "Environment": {"TEMP": "x"}}).to_bytes()
    files = {"System32": {"config": {"SAM": sam.sam(corpus, "win10-21h1"), "SYSTEM": sam.system(machine)},
                          "Tasks": _tasks()}}  # fmt: skip
    machine.files = {
        "Windows": files,
        "Users": {USER: _profile(None), "Default": {"NTUSER.DAT": default}},
        "$Recycle.Bin": {str(USER_SID): {"desktop.ini": b"[x]"}},
    }
    windows(path, machine)


def real(corpus: Path, path: Path) -> None:
    """Make the image of a machine with real hives."""
    machine = real_machine.machine(corpus)
    folder = corpus / "machines" / "win10-1709"
    logs = {name: (folder / f"SYSTEM.{name}").read_bytes() for name in ("LOG1", "LOG2")}
    system = Hive.open((folder / "SYSTEM").read_bytes(), logs)
    donor = Hive.open(sam.system())
    for name in ("JD", "Skew1", "GBG", "Data"):
        source = donor.key(rf"ControlSet001\Control\Lsa\{name}")
        target = system.key(rf"ControlSet001\Control\Lsa\{name}")
        assert source
        assert target
        target.set_class_name(source.class_name)
    config = machine.files["Windows"]["System32"]["config"]
    machine.software = _software()
    config |= {
        "SYSTEM": system.to_bytes(), "SYSTEM.LOG1": b"", "SYSTEM.LOG2": b"",
        "SAM": sam.sam(corpus, "win10-21h1"), "SAM.LOG1": b"", "SAM.LOG2": b"",
        "SOFTWARE": software_hive(machine),
    }  # fmt: skip
    machine.files["Windows"]["System32"]["Tasks"] = _tasks()
    user = machine.files["Users"][USER]
    machine.files["Users"][USER] = user | _profile(user)
    machine.files["$Recycle.Bin"] = {str(USER_SID): {"desktop.ini": b"[x]"}}
    windows(path, machine, size=real_machine.SIZE)


def _software() -> dict[str, Any]:
    zone = {"TZI": _TZI, "Std": "W. Europe Standard Time", "Dlt": "W. Europe Daylight Time",
            "MUI_Std": "@tzres.dll,-322", "MUI_Dlt": "@tzres.dll,-321"}  # fmt: skip
    nt = {
        "Time Zones": {"W. Europe Standard Time": zone},
        "Winlogon": {"AutoAdminLogon": "1", "DefaultUserName": USER, "DefaultPassword": "hunter2"},
        "Schedule": {"TaskCache": {
            "Tree": {"Build": {"Id": "{B}"}, "Other": {"Id": "{O}"}},
            "Tasks": {"{B}": {"Path": r"\Build"}, "{O}": {"Path": r"\Other"}},
            "Plain": {"{B}": {}, "{O}": {}},
        }},
    }  # fmt: skip
    paths = {
        "Path": rf"C:\Tools;C:\Users\{USER}\bin;C:\Windows",
        "Uninstall": rf"C:\Users\{USER}\AppData\Local\x.exe",
        "Neighbour": rf"C:\Users\{USER}2\x.exe",
        "Owner": f"the owner is {USER_SID}",
    }
    appx: dict[str, Any] = {"Appx": {"AppxAllUserStore": {str(USER_SID): {"Package_1.0": {}}}}}
    current = {"CurrentVersion": {**appx, "Authentication": {"LogonUI": {
        "LastLoggedOnUser": rf".\{USER}", "LastLoggedOnUserSID": str(USER_SID)}}}}  # fmt: skip
    return {
        "Microsoft": {"Windows NT": {"CurrentVersion": nt}, "Windows": current},
        "Traces": paths,
    }


def _tasks() -> dict[str, bytes]:
    def task(user: str) -> bytes:
        text = f'<?xml version="1.0"?><Task><Principals><Principal><UserId>{user}</UserId>'
        return ("\ufeff" + text + "</Principal></Principals></Task>").encode("utf-16-le")

    return {"Build": task(str(USER_SID)), "Named": task(rf"PC\{USER}"), "Other": task("S-1-5-18")}


def _profile(real_hives: dict[str, bytes] | None) -> dict[str, Any]:
    """What lies in the profile; a hive that is built, where there is no real one."""
    desk = {"note.txt": PROFILE_TEXT * 400, "small.txt": PROFILE_TEXT[:90]}
    protect = {"Protect": {str(USER_SID): {"Preferred": b"key"}}}
    more = {"AppData": {"Local": {"cache.bin": b"x"}, "Roaming": {"Microsoft": protect}}}
    if real_hives:
        return {"Desktop": desk, **more}
    wallpaper = rf"C:\Users\{USER}\x.jpg"
    temp = (types.REG_EXPAND_SZ, types.encode(types.REG_EXPAND_SZ, rf"C:\Users\{USER}\Temp"))
    spec = {
        "Control Panel": {"Desktop": {"Wallpaper": wallpaper, "Mark": MARK}},
        "Environment": {"TEMP": temp},
        "Software": {"Microsoft": {"Protected": {"Sid": USER_SID.to_bytes()},
                                   "IdentityCRL": {"x": 1}}, str(USER_SID): {"x": 1}},
    }  # fmt: skip
    return {"Desktop": desk, "NTUSER.DAT": hive(spec).to_bytes(), **more}


@dataclass
class Judged:
    """An image as other people's readers see it."""

    volume: judges.Volume
    folder: Path

    @classmethod
    def of(cls, image: Path, folder: Path) -> Judged:
        """Take the volume of an image out."""
        folder.mkdir()
        return cls(judges.Volume.of(image, folder), folder)

    def read(self, path: str) -> bytes:
        """A file, as ntfscat reads it."""
        return self.volume.read(path)

    def has(self, path: str) -> bool:
        """Whether ntfscat finds a file."""
        shown = path.replace("\\", "/")
        done = subprocess.run(
            ["ntfscat", self.volume.path, shown], check=False, capture_output=True
        )
        return done.returncode == 0

    def names(self, path: str) -> set[str]:
        """What a folder holds, as dissect.ntfs lists it."""
        return set(self.ntfs.mft.get(path.replace("\\", "/")).listdir())

    def key(self, file: str, path: str) -> dict[str, tuple[int, bytes]] | None:
        """The values of a key, as hivex reads them."""
        tree = self._hives.setdefault(file, ORACLES["hivex"](self.read(file)))
        lowered = {name.lower(): name for name in tree}
        found = lowered.get(path.lower())
        return None if found is None else tree[found]

    def machine(self, name: str, path: str) -> dict[str, tuple[int, bytes]] | None:
        """The same of a machine hive."""
        return self.key(judges.HIVES[name], path)

    def text(self, name: str, path: str, value: str) -> str | None:
        """A text of a machine hive."""
        found = self.machine(name, path) or {}
        return found[value][1].decode("utf-16-le").rstrip("\0") if value in found else None

    def number(self, name: str, path: str, value: str) -> int | None:
        """A number of a machine hive."""
        found = self.machine(name, path) or {}
        return int.from_bytes(found[value][1], "little") if value in found else None

    def service(self, path: str, value: str) -> int | None:
        """A number below Services."""
        return self.number("SYSTEM", rf"ControlSet001\Services\{path}", value)

    @cached_property
    def accounts(self) -> dict[str, tuple[int, str, str]]:
        """The accounts, as impacket dumps them: name to RID, LM hash and NT hash."""
        return sam.dumped(
            self.read(judges.HIVES["SAM"]), self.read(judges.HIVES["SYSTEM"]), self.folder
        )

    @cached_property
    def _hives(self) -> dict[str, Tree]:
        return {}

    @cached_property
    def ntfs(self) -> Any:
        """The volume in dissect.ntfs."""
        from dissect.ntfs import NTFS

        return NTFS(io.BytesIO(self.volume.path.read_bytes()))

    def descriptor(self, path: str) -> Any:
        """The security descriptor of a file, as dissect.ntfs looks it up and impacket reads it."""
        from impacket.ldap.ldaptypes import SR_SECURITY_DESCRIPTOR

        record = self.ntfs.mft.get(path.replace("\\", "/"))
        (info,) = record.attributes.STANDARD_INFORMATION
        number = info.attribute.security_id
        (head,) = (one for one in self._descriptors if one[0] == number)
        return SR_SECURITY_DESCRIPTOR(data=head[1])

    @cached_property
    def _descriptors(self) -> list[tuple[int, bytes]]:
        """$SDS as it lies there: number and bytes of each descriptor."""
        data = self.ntfs.mft.get(9).open("$SDS").read()
        found, at = [], 0
        while at + 20 <= len(data):
            _, number, place, size = struct.unpack_from("<IIQI", data, at)
            if not size or place != at:
                at = (at // 0x40000 + 1) * 0x40000
                continue
            found.append((number, data[at + 20 : at + size]))
            at += size + -size % 16
        return found

    def sids(self, path: str) -> tuple[str, list[str]]:
        """The owner of a file, and whom its access list names."""
        parsed = self.descriptor(path)
        named = [one["Ace"]["Sid"].formatCanonical() for one in parsed["Dacl"].aces]
        return parsed["OwnerSid"].formatCanonical(), named


__all__ = ["MARK", "PROFILE_TEXT", "USER", "USER_SID", "Judged", "Sid", "real", "sample"]
