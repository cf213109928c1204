"""The files and keys of a sample Windows without which no Windows starts.

Names, start types and values are those of real hives of Windows 8.1 and 10 (seen). The files are headers of
executables for the machine's architecture.
"""

from __future__ import annotations

from typing import Any

from reseal.testing.drivers import executable, multi

#: Drivers of the storage stack, their Start and ErrorControl (seen).
STACK = {
    "ACPI": (0, 3), "disk": (0, 1), "fltmgr": (0, 3), "mountmgr": (0, 3), "partmgr": (0, 3),
    "pci": (0, 3), "volmgr": (0, 3), "volsnap": (0, 3), "volume": (0, 3),
}  # fmt: skip
_CLASSES = {
    "{4d36e967-e325-11ce-bfc1-08002be10318}": {
        "Class": "DiskDrive", "UpperFilters": multi("partmgr", ""),
    },
    "{71a27cdd-812a-11d0-bec7-08002be2092f}": {
        "Class": "Volume", "UpperFilters": multi("volsnap", ""),
    },
}  # fmt: skip
_SYSTEM32 = (
    "autochk.exe", "ci.dll", "csrss.exe", "hal.dll", "kdcom.dll", "lsass.exe", "ntdll.dll",
    "pshed.dll", "services.exe", "smss.exe", "userinit.exe", "wininit.exe", "winlogon.exe",
    "setupcl.exe",
)  # fmt: skip
_OOBE = ("windeploy.exe", "setup.exe", "oobeldr.exe", "msoobe.exe", "audit.exe")
_ARCHITECTURES = {"AMD64": "amd64", "x86": "x86", "X86": "x86", "ARM64": "arm64"}
#: Before this build, the volume driver is not there, and clfs.sys is in System32 (seen).
_WINDOWS_10 = 10240


def architecture_of(name: str) -> str:
    """Return the name of an architecture in action files, from PROCESSOR_ARCHITECTURE."""
    return _ARCHITECTURES.get(name, "amd64")


def core_files(architecture: str, build: int) -> dict[str, Any]:
    """Return the content of the Windows folder that every Windows has.

    Args:
        architecture: PROCESSOR_ARCHITECTURE.
        build: the build.
    """
    program = executable(architecture_of(architecture))
    drivers = {f"{name.lower()}.sys": program for name in stack(build)}
    log = {"clfs.sys": program}
    new = build >= _WINDOWS_10
    return {
        "explorer.exe": program.ljust(4096, b"\0"),
        "System32": {
            "drivers": {
                **drivers, **(log if new else {}), "ntfs.sys": program, "storahci.sys": program,
            },
            **({} if new else log),
            "ntoskrnl.exe": program.ljust(9002, b"\0"),
            "oobe": dict.fromkeys(_OOBE, program),
            **dict.fromkeys(_SYSTEM32, program),
        },
    }  # fmt: skip


def loaders(architecture: str) -> dict[str, Any]:
    """Return the loaders, as the content of the Windows folder."""
    program = executable(architecture_of(architecture))
    return {"System32": dict.fromkeys(("winload.efi", "winload.exe"), program)}


def stack(build: int) -> dict[str, tuple[int, int]]:
    """Return the drivers of the storage stack: Start and ErrorControl by name."""
    return {name: one for name, one in STACK.items() if build >= _WINDOWS_10 or name != "volume"}


def core_services(build: int) -> dict[str, Any]:
    """Return the services of the storage stack."""
    found: dict[str, Any] = {
        name: {"Start": start, "Type": 1, "ErrorControl": control}
        for name, (start, control) in stack(build).items()
    }
    return found | {"Ntfs": {"Start": 3, "Type": 2, "ErrorControl": 1}}


def core_control() -> dict[str, Any]:
    """Return the Control key that every Windows has: filters, native programs, the subsystem."""
    csrss = r"%SystemRoot%\system32\csrss.exe ObjectDirectory=\Windows SharedSection=1024,20480"
    return {
        "Class": _CLASSES,
        "Session Manager": {
            "BootExecute": multi("autocheck autochk *", ""),
            "SubSystems": {"Windows": csrss},
        },
    }


def winlogon(drive: str) -> dict[str, Any]:
    """Return the Winlogon key of a finished Windows."""
    return {"Shell": "explorer.exe", "Userinit": rf"{drive}\Windows\system32\userinit.exe,"}
