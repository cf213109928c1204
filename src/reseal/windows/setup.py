r"""The registry state of Setup, Sysprep and the next boot.

Names, types and meaning: seen in real hives of finished installations (Windows 7 to 10), and reported in a
build diary that inspected a correctly generalized Server 2019 image offline. ImageState is documented
(Microsoft, "Windows Setup States"); its computation is reported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.tree import join

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.tree import Stat
    from reseal.windows.installation import Installation
    from reseal.windows.registry import Registry

SETUP = r"HKLM\SYSTEM\Setup"
STATUS = rf"{SETUP}\Status"
SYSPREP_STATUS = rf"{STATUS}\SysprepStatus"
CHILD_COMPLETION = rf"{STATUS}\ChildCompletion"
UNATTEND_PASSES = rf"{STATUS}\UnattendPasses"
SETUPCL = rf"{SETUP}\SetupCl"
PENDING_REQUEST = rf"{SETUPCL}\PendingRequest"
SESSION_MANAGER = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"
#: Programs that the session manager starts at boot: setupcl.exe, if it is requested (reported).
SETUPEXECUTE = "SETUPEXECUTE"
#: A second value for the same purpose. Windows uses it for a request without the bits 0x4019, if the session
#: manager supports it (reported). reseal's request has none of these bits, but uses the first value, which
#: all session managers support.
SETUPEXECUTE_NO_PNP_SYNC = "SETUPEXECUTENOPNPSYNC"
SETUPEXECUTE_NAMES = (SETUPEXECUTE, SETUPEXECUTE_NO_PNP_SYNC)
#: Bit 0 of SupportedOneTimeExecution in this key: the session manager supports the second value (reported).
SETUPCL_SESSION_MANAGER = rf"{SETUPCL}\Session Manager"
SETUPCL_EXE = "setupcl.exe"
#: What CmdLine of an armed image starts, below System32.
WINDEPLOY = r"oobe\windeploy.exe"

SETUP_STATE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"
IMAGE_SERVICING_DATA = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\ImageServicingData"
#: Sysprep's providers (Windows Vista and 7) and the state of its last run.
SYSPREP_REGISTRY = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\Sysprep"
#: Set by a run that failed (reported: scripts delete it before they try again).
SYSPREP_CORRUPT = "SysprepCorrupt"
#: The mode of the last run, which specialize reads: missing without /mode:vm (seen: Windows 10 1607).
SYSPREP_MODE = "SysprepMode"
STATE_INI = r"Setup\State\State.ini"
#: Records a run in VM mode (value `Mode`); only reseal uses this key.
MODE_MARK = r"HKLM\SOFTWARE\reseal"
SYSPREP = r"System32\Sysprep"
TAG_FILE = join(SYSPREP, "Sysprep_succeeded.tag")

#: GeneralizationState while Sysprep runs, and after it failed (reported).
GENERALIZE_FAILED = 3
#: GeneralizationState of a generalized image before specialize.
GENERALIZED = 4
#: GeneralizationState of a finished installation.
SPECIALIZED = 7
#: CleanupState of a finished installation (seen in Windows 7 and 8.1; a clean Windows 10 lacks it). The
#: meaning of other numbers is unknown.
CLEANUP_IDLE = 2

COMPLETE = "IMAGE_STATE_COMPLETE"
UNDEPLOYABLE = "IMAGE_STATE_UNDEPLOYABLE"
SPECIALIZE_RESEAL_TO_OOBE = "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE"
SPECIALIZE_RESEAL_TO_AUDIT = "IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT"
GENERALIZE_RESEAL_TO_OOBE = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
GENERALIZE_RESEAL_TO_AUDIT = "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT"

#: Bits of OperationFlags. Their meaning is reported; that a request of bit 4 alone, as reseal makes it,
#: gives a booted image its new SID is inferred: no public text shows such a boot.
RESET_DISK_SIGNATURES = 1
REPLACE_ACCOUNT_DOMAIN_SID = 4
#: Bits that say where other bits apply: the machine's hives, the profiles' and the files (reported).
SCOPES = 0x7F00
OPERATION_FLAGS = "OperationFlags"
#: Operands of bit 4: the SID to look for, without which setupcl.exe takes the one in SECURITY, and the
#: SID to put there, without which it generates one (reported).
SID_OLD = "SidAccountDomainOld"
SID_NEW = "SidAccountDomainNew"


#: `ImageState=…` of State.ini: documented with quotes, seen without.
_IN_STATE_INI = re.compile(r"^\s*ImageState\s*=\s*\"?(\w+)\"?\s*$", re.IGNORECASE | re.MULTILINE)


def state_in(data: bytes) -> str | None:
    """Return the ImageState of State.ini, with or without quotes; None if it has none."""
    utf16 = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
    found = _IN_STATE_INI.search(data.decode("utf-16" if utf16 else "utf-8", "replace"))
    return found[1] if found else None


def new_sid_pending(registry: Registry) -> bool:
    """Whether setupcl.exe will replace the machine SID at the next boot."""
    return bool(pending_operations(registry) & REPLACE_ACCOUNT_DOMAIN_SID)


def pending_operations(registry: Registry) -> int:
    """The bits of a request that setupcl.exe will execute at the next boot; 0 if it is not started.

    Windows removes the values of a request after executing it.
    """
    started = any(
        SETUPCL_EXE in map(str.lower, executed(registry, SESSION_MANAGER, name))
        for name in executed_names(registry)
    )
    return (registry.number(PENDING_REQUEST, OPERATION_FLAGS) or 0) if started else 0


def missing_programs(
    installation: Installation, look: Callable[[str], Stat | None] | None = None
) -> list[str]:
    """Return the paths of missing programs that an armed image starts.

    Args:
        installation: the Windows installation.
        look: returns the metadata of a path, including staged changes; None reads the volume.
    """
    look = look or installation.tree.stat
    paths = (installation.path(join("System32", name)) for name in (SETUPCL_EXE, WINDEPLOY))
    return [path for path in paths if (found := look(path)) is None or found.is_directory]


def executed_names(registry: Registry) -> tuple[str, ...]:
    """The values from which the session manager of this image starts programs."""
    known = registry.number(SETUPCL_SESSION_MANAGER, "SupportedOneTimeExecution") or 0
    return SETUPEXECUTE_NAMES if known & 1 else (SETUPEXECUTE,)


def executed(registry: Registry, manager: str, name: str) -> list[str]:
    """Return the programs in one of the values of `executed_names`; empty if it is malformed.

    Args:
        registry: the registry.
        manager: path of a control set's Session Manager key.
        name: name of the value.
    """
    strings = registry.value(manager, name)
    return [one for one in strings if one] if isinstance(strings, list) else []


def executed_beside(registry: Registry, manager: str, name: str) -> list[str]:
    """Return the programs in one of the values of `executed_names`, without setupcl.exe.

    Args:
        registry: the registry.
        manager: path of a control set's Session Manager key.
        name: name of the value.
    """
    return [one for one in executed(registry, manager, name) if one.lower() != SETUPCL_EXE]


@dataclass(frozen=True, slots=True)
class SetupState:
    """The state for the next boot; None for missing values."""

    image_state: str | None
    generalization_state: int | None
    setup_type: int | None
    cmd_line: str | None
    oobe_in_progress: int | None
    audit_boot: int | None

    @classmethod
    def of(cls, installation: Installation) -> SetupState:
        """Read the state from an installation's registry."""
        registry = installation.registry
        return cls(
            registry.text(SETUP_STATE, "ImageState"),
            registry.number(SYSPREP_STATUS, "GeneralizationState"),
            registry.number(SETUP, "SetupType"),
            registry.text(SETUP, "CmdLine"),
            registry.number(SETUP, "OOBEInProgress"),
            registry.number(STATUS, "AuditBoot"),
        )

    @property
    def generalized(self) -> bool:
        """Whether the image is generalized, before specialize."""
        return self.generalization_state == GENERALIZED and self.image_state in {
            GENERALIZE_RESEAL_TO_OOBE,
            GENERALIZE_RESEAL_TO_AUDIT,
        }
