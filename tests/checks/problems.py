"""Machines that have one problem each, and the machine that has them all."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from reseal.session import Neighbours, VolumeState
from reseal.testing.drivers import with_storage
from reseal.testing.machine import Machine
from reseal.testing.volumes import File
from reseal.windows import Sid
from tests.builders import CLEAN

CCS = "ControlSet001"
CURRENT_VERSION = "Windows\\CurrentVersion"
SERVICE = {"ImagePath": r"%SystemRoot%\System32\svchost.exe", "Start": 3, "Type": 32}
DISABLED = SERVICE | {"Start": 4}
STORE = "Appx\\AppxAllUserStore"
ALICE = str(Machine().sid.relative(1001))
APP = "Contoso.Notes_1.2.3.4_x64__8wekyb3d8bbwe"
SECRET = "hunter2"
THUMBPRINT = "1F2E3D4C5B6A798887766554433221100FFEEDDC"

CALLS_SYSPREP = f"""<?xml version="1.0" encoding="utf-8"?>
<unattend xmlns="urn:schemas-microsoft-com:unattend">
  <settings pass="specialize">
    <component name="Microsoft-Windows-Deployment" processorArchitecture="amd64">
      <RunSynchronous>
        <RunSynchronousCommand>
          <Order>1</Order>
          <Path>cmd /c net user x {SECRET} &amp; C:\\Windows\\System32\\Sysprep\\SYSPREP.exe /oobe</Path>
        </RunSynchronousCommand>
      </RunSynchronous>
    </component>
  </settings>
</unattend>
""".encode()

NAMES_ALIKE = f"""<unattend xmlns="urn:schemas-microsoft-com:unattend">
  <settings pass="specialize">
    <component name="Microsoft-Windows-Shell-Setup"><ComputerName>BUILDBOX</ComputerName></component>
  </settings>
  <settings pass="oobeSystem">
    <component name="Microsoft-Windows-Shell-Setup"><FirstLogonCommands>
      <SynchronousCommand><CommandLine>build.bat {SECRET}</CommandLine></SynchronousCommand>
    </FirstLogonCommands></component>
  </settings>
</unattend>
""".encode()

IAS = f"""<?xml version="1.0"?>
<Root xmlns:dt="urn:schemas-microsoft-com:datatypes"><Children>
<Microsoft_Internet_Authentication_Service name="Microsoft_Internet_Authentication_Service"><Children>
  <Protocols name="Protocols"><Children><Microsoft_Radius_Protocol name="Microsoft_Radius_Protocol">
    <Children><Clients name="Clients"><Children>
      <Access_Point name="Access Point"><Properties>
        <Shared_Secret dt:dt="string">{SECRET}</Shared_Secret></Properties></Access_Point>
    </Children></Clients></Children></Microsoft_Radius_Protocol></Children></Protocols>
  <RADIUS_Server_Groups name="RADIUS Server Groups"><Children>
    <Upstream name="Upstream"/><Other name="Other"/></Children></RADIUS_Server_Groups>
</Children></Microsoft_Internet_Authentication_Service></Children></Root>
""".encode()

IIS = f"""<configuration><system.applicationHost><applicationPools><add name="Pool">
<processModel identityType="SpecificUser" userName="x"
 password="[enc:IISWASOnlyAesProvider:{SECRET}==:enc]"/></add></applicationPools>
</system.applicationHost></configuration>
""".encode()


def account(*, flags: int = 0x10, hash_size: int = 56) -> dict[str, Any]:
    """A user's key in SAM, in the layout of the real ones."""
    rights = bytearray(80)
    struct.pack_into("<I", rights, 56, flags)
    values = bytearray(17 * 12)
    struct.pack_into("<II", values, 14 * 12, 0x130, hash_size)
    return {"F": bytes(rights), "V": bytes(values)}


def policy(*, properties: int = 0, length: int = 0) -> bytes:
    """The value F of the account domain, with a password policy."""
    data = bytearray(240)
    struct.pack_into("<IH", data, 76, properties, length)
    return bytes(data)


def microsoft(spec: dict[str, Any]) -> dict[str, Any]:
    """A part of SOFTWARE."""
    return {"Microsoft": spec}


def users(spec: dict[str, Any], **values: bytes) -> dict[str, Any]:
    """A part of SAM."""
    return {"SAM": {"Domains": {"Account": {**values, "Users": spec}}}}


def version(company: str) -> bytes:
    """The part of a version resource that names the company."""
    return b"".join(f"{text}\0".encode("utf-16-le") for text in ("CompanyName", company, "Next"))


@dataclass(frozen=True)
class Problem:
    """What a machine has, and what is found.

    Attributes:
        level: of the finding.
        code: Sysprep's own.
        message: a regular expression that the message has to match.
        machine: fields of `Machine`.
        options: of the session.
        volume: files that only a real volume can hold.
        items: what the finding lists.
    """

    level: str
    message: str
    code: str | None = None
    machine: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    volume: dict[str, Any] = field(default_factory=dict)
    items: tuple[str, ...] = ()


def state(**changes: Any) -> VolumeState:
    """The state of a clean volume, with changes."""
    facts = {name: getattr(CLEAN, name) for name in VolumeState.__dataclass_fields__}
    return VolumeState(**(facts | changes))


#: One problem for every check that can find one on any Windows, by the check's id.
PROBLEMS: dict[str, Problem] = {
    "bitlocker": Problem(
        "note", "BitLocker is on for volume 2",
        options={"neighbours": Neighbours(encrypted_volumes=(2,))},
    ),
    "hibernation": Problem(
        "error", "hibernated", options={"volume_state": state(hibernation="hibernated")}
    ),
    "dirty-volume": Problem(
        "error", "marked dirty", options={"volume_state": state(dirty=True)}
    ),
    "hives": Problem(
        "error", r"config\\DEFAULT is missing",
        machine={"files": {"Windows": {"System32": {"config": {"DEFAULT": None}}}}},
    ),
    "first-boot-programs": Problem(
        "error", r"Windows\\System32\\setupcl\.exe.* is missing",
        machine={"files": {"Windows": {"System32": {"setupcl.exe": None}}}},
        items=(r"Windows\System32\setupcl.exe",),
    ),
    "pending-renames": Problem(
        "warning", "renames or deletes 2 files",
        machine={"system": {CCS: {"Control": {"Session Manager": {
            "PendingFileRenameOperations": ["\\??\\C:\\a", "", "\\??\\C:\\b", "!\\??\\C:\\c"]}}}}},
        items=("delete \\??\\C:\\a", "\\??\\C:\\b -> !\\??\\C:\\c"),
    ),
    "reserved-storage": Problem(
        "error", "ActiveScenario 7", "0x800F0975",
        machine={"software": microsoft({CURRENT_VERSION: {
            "ReserveManager": {"ActiveScenario": 7}}})},
    ),
    "servicing": Problem(
        "error", "RebootPending",
        machine={"software": microsoft({CURRENT_VERSION: {
            "Component Based Servicing\\RebootPending": {}}})},
    ),
    "setupcl-request": Problem(
        "warning", "0x5.*new signatures",
        machine={"setupexecute": ("setupcl.exe",), "system": {
            "Setup": {"SetupCl\\PendingRequest": {"OperationFlags": 5}}}},
    ),
    "sysprep-state": Problem(
        "error", "SysprepCorrupt is set", "0x8007001f",
        machine={"software": microsoft({CURRENT_VERSION: {
            "Setup\\Sysprep": {"SysprepCorrupt": 1}}})},
    ),
    "upgrade-under-way": Problem(
        "error", "RollbackActive is 1", machine={"system": {"Setup": {"RollbackActive": 1}}},
    ),
    "upgraded": Problem(
        "error", r"build 9200.*Source OS \(Updated on 1/14/2016 10:47:31\)",
        machine={"build": 9200, "system": {
            "Setup": {"Source OS (Updated on 1/14/2016 10:47:31)": {"CurrentBuild": "7601"}}}},
    ),
    "windows-setup": Problem(
        "error", "IMAGE_STATE_UNDEPLOYABLE",
        machine={"software": microsoft({CURRENT_VERSION: {
            "Setup\\State": {"ImageState": "IMAGE_STATE_UNDEPLOYABLE"}}})},
    ),
    "account-names": Problem(
        "warning", r"SAM does not have: AcmeSync \(DESKTOP-SAMPLE1\\svc_acme\)",
        machine={"system": {CCS: {"Services": {"AcmeSync": SERVICE | {
            "ObjectName": r"DESKTOP-SAMPLE1\svc_acme"}}}}},
        items=(r"AcmeSync (DESKTOP-SAMPLE1\svc_acme)",),
    ),
    "answer-files": Problem(
        "warning", r"Windows\\Panther\\Unattend\\Unattend.xml:6 calls Sysprep.*pass specialize",
        machine={"files": {"Windows": {"Panther": {"Unattend": {"Unattend.xml": CALLS_SYSPREP}}}}},
    ),
    "appx-service": Problem(
        "error", "AppXSvc", "0x80070422",
        machine={"system": {CCS: {"Services": {"AppXSvc": DISABLED}}}},
    ),
    "build-leftovers": Problem(
        "warning", "logs on as builder automatically",
        machine={"software": microsoft({r"Windows NT\CurrentVersion": {"Winlogon": {
            "AutoAdminLogon": "1", "DefaultUserName": "builder", "DefaultPassword": SECRET}}})},
    ),
    "builder-servers": Problem(
        "warning", r"gets its updates from http://wsus:8530 \(WUServer\)",
        machine={"software": {"Policies": {r"Microsoft\Windows\WindowsUpdate": {
            "WUServer": "http://wsus:8530", "AU": {"UseWUServer": 1}}}}},
    ),
    "cached-answers": Problem(
        "warning", r"Panther\\(Unattend\\U|u)nattend\.xml is used again \(specialize",
        machine={"files": {"Windows": {"Panther": {"unattend.xml": NAMES_ALIKE}}}},
    ),
    "cloud-join": Problem(
        "warning", r"Entra, tenant Corp \(t-1\), by builder@corp\.example; enrolled.*MDM, MS DM Server",
        machine={
            "system": {CCS: {"Control": {"CloudDomainJoin": {
                "JoinInfo": {"0B": {"TenantId": "t-1", "UserEmail": "builder@corp.example"}},
                "TenantInfo": {"t-1": {"DisplayName": "Corp"}},
            }}}},
            "software": microsoft({"Enrollments": {
                "9A8B7C6D-5E4F-4321-8765-0123456789AB": {"ProviderID": "MS DM Server"},
                "Context": {"x": 1}}}),
        },
        items=(
            "joined to Microsoft Entra, tenant Corp (t-1), by builder@corp.example",
            "enrolled in device management (MDM, MS DM Server) by an unknown user",
        ),
    ),
    "defender-endpoint": Problem(
        "warning", "onboarded", "0x80070005",
        machine={"software": microsoft({
            "Windows Advanced Threat Protection\\Status": {"OnboardingState": 1}})},
    ),
    "domain": Problem(
        "warning", "member of the domain corp.example.*removes it",
        machine={"domain_sid": Sid(5, (21, 1, 2, 3))},
    ),
    "domain-controller": Problem(
        "error", "domain controller",
        machine={"system": {CCS: {"Control": {"ProductOptions": {"ProductType": "LanmanNT"}}}}},
    ),
    "drive-letter": Problem("note", "has the drive letter D:", machine={"drive": "D:"}),
    "encrypted-files": Problem(
        "error", "EFS encrypts 1 file",
        volume={"Users": {"Alice": {"secret.txt": File(b"x", encrypted=True)}}},
        items=(r"Users\Alice\secret.txt",),
    ),
    "failover-cluster": Problem(
        "warning", "node of a failover cluster",
        machine={
            "system": {CCS: {"Services": {"ClusSvc": SERVICE}}},
            "files": {"Windows": {"Cluster": {"CLUSDB": b"regf"}}},
        },
    ),
    "ie-provider": Problem(
        "warning", "The Cleanup provider of Internet Explorer", "0x800700c1",
        machine={"software": microsoft({CURRENT_VERSION: {"Setup\\Sysprep\\Cleanup": {
            "{EC9FE15D-99DD-4FB9-90D5-5B56E42A0F80}":
                "C:\\Windows\\SysWOW64\\iesysprep.dll,Sysprep_Cleanup_IE"}}})},
    ),
    "iis": Problem(
        "warning", "holds 1 encrypted credentials",
        machine={"files": {"Windows": {"System32": {"inetsrv": {"config": {
            "applicationHost.config": IIS}}}}}},
        items=("IISWASOnlyAesProvider",),
    ),
    "kept-identities": Problem(
        "warning", r"share the AnyDesk id \(1 place\)",
        machine={"files": {"ProgramData": {"AnyDesk": {"service.conf": b"ad.anynet.id=1"}}}},
        items=(r"ProgramData\AnyDesk\service.conf",),
    ),
    "kms-client": Problem(
        "warning", r"KMS, with the host kms\.corp\.example.*\(CMID\)",
        machine={"software": microsoft({r"Windows NT\CurrentVersion": {"SoftwareProtectionPlatform": {
            "KeyManagementServiceName": "kms.corp.example"}}})},
    ),
    "machine-certificates": Problem(
        "warning", "share the TLS certificates of WinRM, with their private keys",
        machine={"software": microsoft({CURRENT_VERSION: {"WSMAN": {"Listener": {"*+HTTPS": {
            "certThumbprint": THUMBPRINT.lower(), "hostname": "PC1"}}}}})},
        items=(f"WinRM *+HTTPS: {THUMBPRINT}",),
    ),
    "msmq": Problem(
        "warning", "MSMQ", machine={"system": {CCS: {"Services": {"MSMQ": SERVICE}}}}
    ),
    "nps": Problem(
        "warning", r"1 RADIUS client \(Access Point\)",
        machine={"files": {"Windows": {"System32": {"ias": {"ias.xml": IAS}}}}},
        items=("Access Point",),
    ),
    "passwords": Problem(
        "warning", "at least 8 characters and characters of several kinds, and Alice has",
        machine={"sam": users(
            {"000003E9": account(hash_size=24), "000003EA": account()},
            F=policy(properties=1, length=8),
        )},
        items=("Alice",),
    ),
    "rearm": Problem("note", "can't be read from a powered-off image", "0xc004d307"),
    "server-roles": Problem(
        "warning", "DHCP Server is installed.* Windows Server 2012",
        machine={
            "build": 9200,
            "install_type": "Server",
            "software": microsoft({
                "ServerManager\\ServicingStorage\\ServerComponentCache\\DHCP": {"InstallState": 1}}),
        },
    ),
    "several-windows": Problem(
        "warning", r"another Windows \(1:Windows.old\)",
        options={"neighbours": Neighbours(installations=("1:Windows.old",))},
    ),
    "storage-drivers": Problem(
        "note", "does not find its disk on virtio",
        machine={name: with_storage(services=("storahci", "stornvme"))[name]
                 for name in ("system", "files")},
        items=(
            "virtio block (viostor): no driver", "virtio SCSI (vioscsi): no driver",
            "NVMe: stornvme", "SATA (AHCI): storahci", "IDE: no driver", "VMware PVSCSI: no driver",
            "LSI Logic SAS: no driver", "Hyper-V (storvsc): no driver",
        ),
    ),
    "store-apps": Problem(
        "error", f"{APP} is installed for Alice", "0x80073cf2",
        machine={"software": microsoft({CURRENT_VERSION: {STORE: {ALICE: {APP: {}}}}})},
    ),
    "sysprep-providers": Problem(
        "note", r"agent\.dll,Prepare of Contoso \(Generalize\)",
        machine={
            "software": microsoft({CURRENT_VERSION: {"Setup\\SysPrepExternal": {
                "Generalize": {"{X}": "%SystemDrive%\\Tools\\agent.dll,Prepare"},
                "Cleanup": {"{Y}": "C:\\Windows\\System32\\DscCore.dll,SysPrep_Cleanup"}}}}),
            "files": {"Tools": {"agent.dll": b"MZ" + version("Contoso")}},
        },
        items=("agent.dll,Prepare of Contoso (Generalize)",),
    ),
    "unknown-agents": Problem(
        "warning", "Rapid7 Insight Agent: what identifies this agent is not known",
        machine={"system": {CCS: {"Services": {"ir_agent": SERVICE}}}},
        items=("Rapid7 Insight Agent",),
    ),
    "vm-mode": Problem(
        "error", "last ran on Dell Inc. Latitude E6430",
        machine={"system": {"HardwareConfig": {
            "LastConfig": "{4c4c4544-0042-3210-804d-c4c04f4e3232}",
            "{4c4c4544-0042-3210-804d-c4c04f4e3232}": {
                "SystemManufacturer": "Dell Inc.", "SystemProductName": "Latitude E6430"},
        }}},
        options={"switches": frozenset({"mode:vm"})},
    ),
    "windows-update": Problem(
        "note", "wuauserv disabled",
        machine={"system": {CCS: {"Services": {"wuauserv": DISABLED}}}},
    ),
    "write-filters": Problem(
        "warning", "The Unified Write Filter is on",
        machine={"system": {CCS: {"Services": {"uwfvol": {
            "ImagePath": r"System32\drivers\uwfvol.sys", "Start": 0,
            r"Parameters\Static\Copy0": {"UwfEnabled": 1}}}}}},
    ),
}  # fmt: skip


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Lay nested data over other nested data."""
    result = dict(one)
    for name, value in other.items():
        old = result.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            result[name] = merged(old, value)
        else:
            result[name] = value
    return result


def every_problem() -> Machine:
    """The machine that has all of them at once: a Windows Server 2012."""
    fields: dict[str, Any] = {"product": "Windows Server 2012 Standard", "version": "6.2"}
    for problem in PROBLEMS.values():
        fields = merged(fields, problem.machine)
    return Machine(**fields)


def volume_files() -> dict[str, Any]:
    """What lies beside it on a real volume."""
    files: dict[str, Any] = {}
    for problem in PROBLEMS.values():
        files = merged(files, problem.volume)
    return files
