"""Healthy samples for rehearsals, and walks through their boot in this process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from reseal.disk import FileDevice
from reseal.operations.operation import Opening
from reseal.operations.rehearse import walked
from reseal.operations.rehearsing import RehearseRequest, of_session
from reseal.run.disk import OpenedDisk
from reseal.session import Session
from reseal.testing.core import architecture_of
from reseal.testing.drivers import executable, with_storage
from reseal.testing.firmware import bootable, efi_manager
from reseal.testing.machine import Machine, laid
from reseal.testing.windows import windows
from tests.builders import session

Record = dict[str, Any]

MODULES = ("capisp.dll", "spbcd.dll", "spmpm.dll")
COMPONENT = (
    'processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" '
    'versionScope="nonSxS"'
)
INTERNATIONAL = (
    f'<component name="Microsoft-Windows-International-Core" {COMPONENT}><InputLocale>en-US</InputLocale>'
    "<SystemLocale>en-US</SystemLocale><UILanguage>en-US</UILanguage><UserLocale>en-US</UserLocale>"
    "</component>"
)
ACCOUNTS = (
    "<UserAccounts><AdministratorPassword><Value>Secret1!</Value><PlainText>true</PlainText>"
    '</AdministratorPassword><LocalAccounts><LocalAccount wcm:action="add"><Name>bob</Name>'
    "<Group>Administrators</Group><Password><Value>Secret1!</Value><PlainText>true</PlainText></Password>"
    "</LocalAccount></LocalAccounts></UserAccounts>"
)
#: The state of an image that waits for its first boot.
ARMED: dict[str, Any] = {
    "Setup": {
        "SetupType": 2, "CmdLine": r"oobe\windeploy.exe", "OOBEInProgress": 1,
        "SystemSetupInProgress": 1, "SetupPhase": 4,
        "Status": {
            "ChildCompletion": {"setup.exe": 0, "oobeldr.exe": 0, "SetupFinalTasks": 0},
            "SysprepStatus": {"GeneralizationState": 4},
            "UnattendPasses": {"specialize": 0, "oobeSystem": 0},
        },
    },
}  # fmt: skip


def specialize_file(modules: tuple[str, ...] = MODULES, architecture: str = "amd64") -> bytes:
    """Return an action file that calls a function of each DLL."""
    rows = "".join(
        f'<imaging exclude=""><assemblyIdentity name="Component-{number}" version="10.0.22631.1" '
        f'publicKeyToken="31bf3856ad364e35" processorArchitecture="{architecture}" versionScope="NonSxS">'
        f'</assemblyIdentity><sysprepOrder order="{0x100 * (number + 1):#06x}"></sysprepOrder>'
        f'<sysprepModule methodName="Specialize_{number}" moduleName="$(runtime.system32)\\{dll}">'
        "</sysprepModule></imaging>"
        for number, dll in enumerate(modules)
    )
    return f"<sysprepInformation>{rows}</sysprepInformation>".encode()


def answer_file(
    shell: str = "", more: str = "", locales: str = INTERNATIONAL, accounts: str = ACCOUNTS
) -> bytes:
    """Return an answer file that lets a first boot run without questions.

    Args:
        shell: more settings of the shell component in specialize.
        more: more components in specialize.
        locales: the component of languages in oobeSystem.
        accounts: the accounts in oobeSystem.
    """
    name = "Microsoft-Windows-Shell-Setup"
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<unattend xmlns="urn:schemas-microsoft-com:unattend" '
        'xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State">\n'
        f'<settings pass="specialize"><component name="{name}" {COMPONENT}>'
        f"<ComputerName>PC-1</ComputerName>{shell}</component>{more}</settings>\n"
        f'<settings pass="oobeSystem">{locales}<component name="{name}" {COMPONENT}>'
        "<OOBE><HideEULAPage>true</HideEULAPage>"
        "<HideOnlineAccountScreens>true</HideOnlineAccountScreens>"
        "<HideWirelessSetupInOOBE>true</HideWirelessSetupInOOBE><ProtectYourPC>3</ProtectYourPC></OOBE>"
        f"{accounts}</component></settings>\n</unattend>\n"
    ).encode()


def healthy(
    files: Mapping[str, Any] | None = None,
    system: Mapping[str, Any] | None = None,
    *,
    armed: bool = False,
    **fields: Any,
) -> Machine:
    """Return a machine that a strict walk passes, with something laid over it.

    Args:
        files: what differs among its files; None removes.
        system: what differs in its SYSTEM hive.
        armed: whether it waits for its first boot.
        fields: more of `Machine`.
    """
    build = fields.get("build", 22631)
    architecture = architecture_of(fields.get("architecture", "AMD64"))
    program = executable(architecture)
    storage = with_storage(build, services=("storahci", "stornvme", "intelide", "vmbus", "storvsc"))
    drivers = storage["files"]["Windows"]["System32"]["drivers"]
    own_manager = efi_manager("stand-in", machine=0xAA64) if architecture == "arm64" else None
    boot = bootable(own_manager)
    own: dict[str, Any] = {
        "Windows": {
            "System32": {
                "winload.efi": program, "winload.exe": program, "winresume.efi": program,
                "drivers": dict.fromkeys(drivers, program),
                **dict.fromkeys(MODULES, program),
                "Sysprep": {"ActionFiles": {
                    "Specialize.xml": specialize_file(architecture=architecture),
                }},
            },
            "Panther": {"unattend.xml": answer_file()},
        },
    }  # fmt: skip
    hive = laid(storage["system"], ARMED) if armed else storage["system"]
    defaults = {key: value for key, value in storage.items() if key in {"build", "software"}}
    return Machine(
        **{
            "product": "Windows 11 Pro",
            **defaults,
            **fields,
            "files": laid(laid(boot, own), files or {}),
            "system": laid(hive, system or {}),
        }
    )


def walk(sample: Machine, /, **request: Any) -> Record:
    """Rehearse a machine that lies in memory, without a disk."""
    return of_session(session(sample), RehearseRequest(**request).chosen())


def walk_session(one: Session, /, **request: Any) -> Record:
    """Rehearse an opened machine."""
    return of_session(one, RehearseRequest(**request).chosen())


def disk(
    folder: Path, machine: Machine | None = None, *, firmware: Literal["uefi", "bios"] = "uefi",
    **more: Any,
) -> Path:  # fmt: skip
    """Build a raw disk with a healthy Windows."""
    path = folder / f"{firmware}.raw"
    windows(path, machine or healthy(), firmware=firmware, **more)
    return path


def walk_disk(path: Path, /, **request: Any) -> Record:
    """Rehearse a raw disk in this process."""
    device = FileDevice(path, read_only=True)
    try:
        return walked(
            OpenedDisk(device, "the sample", ()),
            Opening(),
            RehearseRequest(**request).chosen(),
            "the sample",
        )
    finally:
        device.close()


def stage(record: Record, name: str) -> Record:
    """Return one stage of a rehearsal."""
    found: Record = next(one for one in record["stages"] if one["name"] == name)
    return found


def first(record: Record, *, disk: bool) -> str | None:
    """Return the first stage that does not pass; without a disk, those before the loader don't count.

    Args:
        record: the rehearsal.
        disk: whether there is a disk.
    """
    skipped = {"secure-boot"} if disk else {"firmware", "secure-boot", "boot-manager"}
    return next(
        (
            one["name"]
            for one in record["stages"]
            if one["result"] != "passes" and one["name"] not in skipped
        ),
        None,
    )
