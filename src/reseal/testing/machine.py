"""Build a sample Windows from plain Python data: hives, files with ACLs, an action file.

It has the keys and files that reseal reads and writes, with values from real installations (seen in real
hives), and a few hundred other files. It is not a real Windows and can't boot.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

from reseal.regf import types
from reseal.testing.core import core_control, core_files, core_services, winlogon
from reseal.testing.hives import hive
from reseal.testing.membership import builtin_groups, member_policy, raw, unicode_string
from reseal.windows.sid import Sid

SAMPLE_SID = Sid(5, (21, 1004336348, 1177238915, 682003330))

#: `(order, name, architecture, body)` as in real action files of Windows 10 and later (seen).
PLAN: tuple[tuple[int, str, str, str], ...] = (
    (0x0100, "Microsoft-Windows-Sysprep-SpOpk", "amd64",
     r"module:Sysprep_Generalize_Opk $(runtime.system32)\spopk.dll"),
    (0x0500, "Microsoft-Windows-PnpSysprep", "amd64",
     r"module:Sysprep_Generalize_Pnp $(runtime.system32)\sppnp.dll"),
    (0x0800, "Microsoft-Windows-Sysprep-MountPointManager", "amd64",
     r"module:Sysprep_Generalize_MountPointManager $(runtime.system32)\spmpm.dll"),
    (0x0900, "Windows-ID-Connected-Account-Provider-WLIDSvc", "amd64",
     r"deleteKey:HKEY_USERS\.DEFAULT\Software\Microsoft\IdentityCRL"),
    (0x0B00, "Microsoft-Windows-WwanUI", "amd64",
     (r"deleteKey:HKEY_CURRENT_USER\SOFTWARE\Microsoft\Windows\CurrentVersion"
     r"\MultiModeScenarios\LastKnownLocation")),
    (0x0F00, "Microsoft-Windows-SystemRestore-Main", "amd64",
     r"module:SysprepGeneralize srclient.dll"),
    (0x1400, "Microsoft-Windows-DHCP-Client-Dll", "amd64",
     r"module:DhcpClient_Generalize $(runtime.system32)\dhcpcsvc.dll"),
    (0x1400, "Microsoft-Windows-DHCP-Client-Dll", "wow64",
     r"module:DhcpClient_Generalize $(runtime.system32)\dhcpcsvc.dll"),
    (0x1500, "Microsoft-Windows-TPM-Driver-WMI", "amd64",
     r"deleteKey:HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\TPM\WMI\Admin"),
    (0x1B00, "Microsoft-Windows-Security-SPP", "amd64",
     r"module:SLReArmWindows $(runtime.system32)\slc.dll"),
    (0x1C00, "Microsoft-Windows-SecureBoot-FirmwareUpdate", "amd64",
     (r"setValue:HKEY_LOCAL_MACHINE\System\CurrentControlSet\Control\SecureBoot"
     r"|AvailableUpdates|REG_DWORD|0x8002")),
    (0x1E00, "Microsoft-Windows-Cryptography", "amd64",
     r"module:CAPISysPrep_Generalize $(runtime.windows)\system32\capisp.dll"),
    (0x2000, "Microsoft-Windows-PortableWorkspaces-SysPrep", "wow64",
     r"deleteValue:HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control|PortableOperatingSystem"),
    (0x2100, "Microsoft-Windows-NetworkProfile", "amd64",
     r"module:NetworkListManager_Generalize $(runtime.system32)\nlmsprep.dll"),
    (0x2E00, "Microsoft-Windows-BitLocker-Sysprep", "amd64",
     r"validate:ValidateBitLockerState $(runtime.system32)\BdeSysprep.dll"),
    (0x3900, "Windows-SenseClient-Service", "wow64",
     (r"deleteValue:HKEY_LOCAL_MACHINE\Software\Microsoft\Windows Advanced Threat Protection"
     r"|senseGuid")),
    (0x3900, "Windows-SenseClient-Service", "amd64",
     (r"deleteValue:HKEY_LOCAL_MACHINE\Software\Microsoft\Windows Advanced Threat Protection"
     r"|senseGuid")),
    (0x3A00, "Microsoft-Windows-CDPSvc", "amd64",
     (r"deleteFile:$(runtime.windows)\ServiceProfiles\LocalService\AppData\Local"
     r"\ConnectedDevicesPlatform\*.cdp")),
    (0x3D00, "Microsoft-Windows-Management-Service-WinRT", "amd64",
     r"deleteDirectory:$(runtime.windows)\ServiceState\wmansvc"),
)  # fmt: skip


def action_file(build: int, plan: tuple[tuple[int, str, str, str], ...] = PLAN) -> bytes:
    """Return an action file in the format of a real Generalize.xml."""
    parts = ["<sysprepInformation>"]
    for order, name, architecture, body in plan:
        parts.append(
            f'<imaging exclude=""><assemblyIdentity name={quoteattr(name)} '
            f'version="10.0.{build}.1" publicKeyToken="31bf3856ad364e35" '
            f'processorArchitecture="{architecture}" versionScope="NonSxS"></assemblyIdentity>'
            f'<sysprepOrder order="{order:#06x}"></sysprepOrder>'
        )
        kind, _, rest = body.partition(":")
        if kind in {"module", "validate"}:
            method, _, dll = rest.partition(" ")
            tag = "sysprepModule" if kind == "module" else "sysprepValidate"
            parts.append(f'<{tag} methodName="{method}" moduleName={quoteattr(dll)}></{tag}>')
        else:
            path, *more = rest.split("|")
            names = dict(zip(("name", "type", "value"), more, strict=False))
            shown = "".join(f" {key}={quoteattr(text)}" for key, text in names.items())
            group = (
                "fileActions" if kind in {"deleteFile", "deleteDirectory"} else "registryActions"
            )
            parts.append(f"<{group}><{kind}{shown} path={quoteattr(path)}></{kind}></{group}>")
        parts.append("</imaging>")
    parts.append("</sysprepInformation>")
    return "".join(parts).encode("ascii")


@dataclass
class Machine:
    """The identity and properties of the sample; all fields have defaults."""

    build: int = 22631
    product: str = "Windows 10 Pro"
    edition: str = "Professional"
    version: str = "23H2"
    install_type: str = "Client"
    architecture: str = "AMD64"
    computer_name: str = "DESKTOP-SAMPLE1"
    sid: Sid = SAMPLE_SID
    machine_guid: str = "6d0c7d1f-6d6b-4e9e-9c2b-0a3d5e0f7a11"
    domain_sid: Sid | None = None
    domain_name: str = "corp.example"
    users: tuple[str, ...] = ("Alice", "Bob")
    drive: str = "C:"
    control_sets: tuple[int, ...] = (1,)
    select: Mapping[str, int] | None = None
    setupexecute: tuple[str, ...] = ()
    files: dict[str, Any] = field(default_factory=dict)
    system: dict[str, Any] = field(default_factory=dict)
    software: dict[str, Any] = field(default_factory=dict)
    sam: dict[str, Any] = field(default_factory=dict)


def _control_set(machine: Machine) -> dict[str, Any]:
    dword, multi = types.REG_DWORD, types.REG_MULTI_SZ
    core = {"Control": core_control(), "Services": core_services(machine.build)}
    return _merged(core, {
        "Control": {
            "ComputerName": {"ComputerName": {"": "mnmsrvc", "ComputerName": machine.computer_name}},
            "PortableOperatingSystem": 0,
            "Session Manager": {
                "SETUPEXECUTE": (multi, types.encode(multi, list(machine.setupexecute))),
                "Environment": {"PROCESSOR_ARCHITECTURE": machine.architecture},
            },
        },
        "Services": {
            "Tcpip": {"Parameters": {
                "Hostname": machine.computer_name,
                "NV Hostname": machine.computer_name,
                "Domain": machine.domain_name if machine.domain_sid else "",
            }},
            "Tcpip6": {"Parameters": {"Dhcpv6DUID": bytes.fromhex("000100012a0b") + bytes(8)}},
            "TPM": {"WMI": {"Admin": {"Owner": b"\1\2"}, "Keep": (dword, b"\1\0\0\0")}},
            "storahci": {"Start": 0, "Type": 1},
        },
        "Enum": {"ROOT": {"VOLMGR": {"0000": {"Service": "volmgr"}}}},
    })  # fmt: skip


def system_hive(machine: Machine) -> bytes:
    """SYSTEM: one or more control sets, Select, Setup, MountedDevices."""
    current = machine.control_sets[0]
    last = machine.control_sets[-1]
    spec: dict[str, Any] = {
        f"ControlSet{number:03}": _control_set(machine) for number in machine.control_sets
    }
    spec["Select"] = dict(
        machine.select
        or {"Current": current, "Default": current, "Failed": 0, "LastKnownGood": last}
    )
    spec["MountedDevices"] = {
        rf"\DosDevices\{machine.drive}": b"DMIO:ID:" + bytes(range(16)),
        r"\??\Volume{c5e31a3c-0000-0000-0000-100000000000}": b"DMIO:ID:" + bytes(range(16)),
    }
    spec["Setup"] = {
        "SetupType": 0,
        "CmdLine": "",
        "OOBEInProgress": 0,
        "SystemSetupInProgress": 0,
        "SetupPhase": 0,
        "RestartSetup": 0,
        "SetupSupported": 1,
        "RespecializeCmdLine": r"Sysprep\sysprep.exe /respecialize /quiet",
        "CloneTag": (
            types.REG_MULTI_SZ,
            types.encode(types.REG_MULTI_SZ, ["Sat Dec 07 09:18:25 2019"]),
        ),
        "SetupCl": {"BlockOperations": 0, "ExecutionSuccessful": 1, "NTSTATUS": 0, "HiveTime": 0},
        "Status": {
            "AuditBoot": 0,
            "ChildCompletion": {"setup.exe": 3, "oobeldr.exe": 3, "SetupFinalTasks": 3},
            "SysprepStatus": {"GeneralizationState": 7, "CleanupState": 2},
            "UnattendPasses": {"specialize": 9, "oobeSystem": 9},
        },
    }
    return hive(_merged(spec, machine.system)).to_bytes()


def software_hive(machine: Machine) -> bytes:
    """SOFTWARE: version, profiles, MachineGuid, networks, setup state."""
    profiles: dict[str, Any] = {
        str(machine.sid.relative(1001 + index)): {
            "ProfileImagePath": rf"{machine.drive}\Users\{user}",
            "Sid": machine.sid.relative(1001 + index).to_bytes(),
        }
        for index, user in enumerate(machine.users)
    }
    profiles[str(machine.sid.relative(500))] = {
        "ProfileImagePath": rf"{machine.drive}\Users\Administrator"
    }
    profiles["S-1-5-18"] = {"ProfileImagePath": r"%systemroot%\system32\config\systemprofile"}
    network = "{8B2F6B7C-0C5D-4E0C-9F1A-0123456789AB}"
    microsoft: dict[str, Any] = {
        "Cryptography": {"MachineGuid": machine.machine_guid},
        "Windows Advanced Threat Protection": {"senseGuid": "5b1f", "Keep": "yes"},
        "Windows NT": {"CurrentVersion": {
            "ProductName": machine.product,
            "EditionID": machine.edition,
            "DisplayVersion": machine.version,
            "CurrentVersion": "6.3",
            "CurrentBuild": str(machine.build),
            "CurrentBuildNumber": str(machine.build),
            "InstallationType": machine.install_type,
            "SystemRoot": rf"{machine.drive}\Windows",
            "Winlogon": winlogon(machine.drive),
            "ProfileList": profiles,
            "NetworkList": {
                "Profiles": {network: {"ProfileName": "Home", "Description": "Home"}},
                "Signatures": {
                    "Managed": {},
                    "Unmanaged": {"0103": {"DefaultGatewayMac": bytes(range(6))}},
                },
            },
        }},
        "Windows": {"CurrentVersion": {"Setup": {
            "State": {"ImageState": "IMAGE_STATE_COMPLETE"},
            "ImageServicingData": {"ImageState": "IMAGE_STATE_COMPLETE"},
        }}},
    }  # fmt: skip
    wow = {"Microsoft": {"Windows Advanced Threat Protection": {"senseGuid": "5b1f"}}}
    spec = {"Microsoft": microsoft, "WOW6432Node": wow, "Classes": {}, "Policies": {}}
    return hive(_merged(spec, machine.software)).to_bytes()


def sam_hive(machine: Machine) -> bytes:
    """SAM: the account domain, whose value V ends with the machine SID, and its users."""
    numbers = struct.pack("<3I", *machine.sid.sub_authorities[1:])
    users = {f"{1001 + index:08X}": {"F": bytes(80)} for index in range(len(machine.users))}
    names = {name: {"": (1001 + index, b"")} for index, name in enumerate(machine.users)}
    account = {"V": bytes(64) + numbers, "F": bytes(240), "Users": {**users, "Names": names}}
    builtin = builtin_groups(machine.sid, machine.domain_sid)
    spec = {"SAM": {"Domains": {"Account": account, "Builtin": builtin}}}
    return hive(_merged(spec, machine.sam)).to_bytes()


def security_hive(machine: Machine) -> bytes:
    """SECURITY: the policy with the SIDs of the machine and of its domain."""
    domain = machine.domain_sid.to_bytes() if machine.domain_sid else b""
    name = machine.domain_name if machine.domain_sid else ""
    policy = {
        "PolAcDmS": raw(machine.sid.to_bytes()),
        "PolAcDmN": unicode_string(machine.computer_name),
        "PolPrDmS": raw(domain),
        "PolPrDmN": unicode_string(name.partition(".")[0].upper() or "WORKGROUP"),
        "PolDnDDN": unicode_string(name),
    }
    more = member_policy(name) if machine.domain_sid else {}
    return hive(_merged({"Policy": policy}, more)).to_bytes()


def default_hive() -> bytes:
    """DEFAULT: the profile of the system account."""
    identity = {"IdentityCRL": {"Immersive": {"production": {"Token": "x"}}}}
    return hive({"Software": {"Microsoft": identity}}).to_bytes()


def user_hive(machine: Machine, rid: int) -> bytes:
    """NTUSER.DAT of a user, with the SID in a value and in a key that Sysprep removes."""
    location = {"LastKnownLocation": {"Latitude": "1"}}
    current = {"CurrentVersion": {"MultiModeScenarios": location, "CloudStore": {"Store": {}}}}
    sid = machine.sid.relative(rid)
    software = {"Microsoft": {"Windows": current, "Protected": {"Sid": sid.to_bytes()}}}
    return hive({"Software": software, "Environment": {"TEMP": "x"}}).to_bytes()


def tree(machine: Machine) -> dict[str, Any]:
    """All files of the sample, as nested data for `populate`."""
    guid = machine.machine_guid
    config: dict[str, Any] = {
        "SYSTEM": system_hive(machine),
        "SOFTWARE": software_hive(machine),
        "SAM": sam_hive(machine),
        "SECURITY": security_hive(machine),
        "DEFAULT": default_hive(),
        "RegBack": {"SYSTEM": b"regf" + bytes(100), "SAM": b"regf" + bytes(100)},
    }
    for name in ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT"):
        config |= {f"{name}.LOG1": b"", f"{name}.LOG2": b""}
    cdp = {"CDPGlobalSettings.cdp": b"{}", "keep.txt": b"keep"}
    sysprep = {
        "ActionFiles": {"Generalize.xml": action_file(machine.build)},
        "Panther": {"setupact.log": b"old run on " + machine.computer_name.encode()},
        "sysprep.exe": b"MZ",
    }
    windows: dict[str, Any] = {
        "inf": {"setupapi.dev.log": b"[Device Install Log]", "oem0.inf": b"[Version]"},
        "Panther": {
            "setupact.log": b"2024-01-01 log",
            "unattend.xml": _ANSWER_FILE,
            "UnattendGC": {"setupact.log": b"log", "diagerr.xml": b"<x/>"},
        },
        "Setup": {"State": {"State.ini": b"[State]\r\nImageState=IMAGE_STATE_COMPLETE\r\n"}},
        "ServiceProfiles": {
            "LocalService": {"AppData": {"Local": {"ConnectedDevicesPlatform": cdp}}},
            "NetworkService": {},
        },
        "ServiceState": {"wmansvc": {"state.bin": b"state"}},
        "System32": {
            "config": config,
            "Sysprep": sysprep,
            "winevt": {"Logs": {"System.evtx": b"ElfFile\0" + bytes(4088), "Security.evtx": b"E"}},
        },
        "WinSxS": {"Manifests": {f"component-{n:03}.manifest": b"<a/>" * n for n in range(100)}},
    }
    users: dict[str, Any] = {
        user: {
            "NTUSER.DAT": user_hive(machine, 1001 + index),
            "Documents": {f"letter {n}.txt": b"Dear reader" * n for n in range(20)},
        }
        for index, user in enumerate(machine.users)
    }
    users |= {"Administrator": {"NTUSER.DAT": user_hive(machine, 500)}, "Public": {}}
    keys = {f"{uuid.UUID(int=number).hex}_{guid}": b"key" for number in range(3)}
    crypto = {"RSA": {"MachineKeys": keys, "S-1-5-18": {}}, "Keys": {}}
    spec: dict[str, Any] = {
        "Windows": _merged(core_files(machine.architecture, machine.build), windows),
        "Users": users,
        "Program Files": {"Example": {"program.exe": b"MZ"}},
        "ProgramData": {"Microsoft": {"Crypto": crypto}},
        "pagefile.sys": bytes(65536),
        "swapfile.sys": bytes(4096),
    }
    return _merged(spec, machine.files)


_ANSWER_FILE = b"""<?xml version="1.0" encoding="utf-8"?>
<unattend xmlns="urn:schemas-microsoft-com:unattend">
  <settings pass="specialize" wasPassProcessed="true">
    <component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64" \
publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">
      <ComputerName>*</ComputerName>
    </component>
  </settings>
</unattend>
"""


def _merged(spec: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested data into other nested data; None removes an entry."""
    merged = dict(spec)
    for name, value in more.items():
        old = merged.get(name)
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict) and isinstance(old, dict):
            merged[name] = _merged(old, value)
        else:
            merged[name] = value
    return merged


def laid(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Lay nested data over other nested data that are both laid over a sample; None stays.

    Args:
        base: the data below.
        more: the data above; None removes an entry of the sample, too.
    """
    found = dict(base)
    for name, value in more.items():
        old = found.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        found[name] = laid(old, value) if both else value  # type: ignore[arg-type]
    return found
