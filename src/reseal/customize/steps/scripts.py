"""Steps that run scripts at the first boot and at the first logon."""

from __future__ import annotations

from reseal.customize.step import Argument, Group, Kind, step
from reseal.mark import Mark

_SETUP_SOURCE = "Microsoft, Add a Custom Script to Windows Setup"


@step(
    "firstboot",
    Group.FIRST_BOOT,
    Argument("script", "a .cmd, .bat or .ps1 file of this machine", Kind.HOST),
    mark=Mark.DOCUMENTED,
    source=_SETUP_SOURCE,
    example=("install-agent.ps1",),
    work="reseal.customize.scripts:FirstBoot",
)
def firstboot() -> None:
    r"""Run a script after Windows has been set up, or at the next boot of a Windows in use.

    In an image that is or becomes generalized, SetupComplete.cmd calls it as SYSTEM before the first logon,
    after the scripts of earlier steps. In a Windows in use, a service runs it once as SYSTEM at the next
    boot, and removes itself. Its output goes to %ProgramData%\reseal\firstboot.log; firstboot.done in the
    same folder means that all scripts have run. A generalized image with an OEM product key is refused, since
    Windows skips SetupComplete.cmd there; --force oem-key overrides this.
    """


@step(
    "firstboot-command",
    Group.FIRST_BOOT,
    Argument("command", "a command line for cmd.exe"),
    mark=Mark.DOCUMENTED,
    source=_SETUP_SOURCE,
    example=("net start sshd",),
    work="reseal.customize.scripts:FirstBoot",
)
def firstboot_command() -> None:
    """Run a command like --firstboot: after Windows has been set up, or at the next boot."""


@step(
    "first-logon",
    Group.FIRST_BOOT,
    Argument("script", "a .cmd, .bat or .ps1 file of this machine", Kind.HOST),
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, FirstLogonCommands",
    example=("welcome.ps1",),
    work="reseal.customize.scripts:FirstLogon",
)
def first_logon() -> None:
    r"""Run a script at the first logon.

    The answer file calls it, after the scripts of earlier steps. Log and completion mark are
    firstlogon.log and firstlogon.done in %ProgramData%\reseal.
    """


@step(
    "first-logon-command",
    Group.FIRST_BOOT,
    Argument("command", "a command line for cmd.exe"),
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, FirstLogonCommands",
    example=("explorer.exe https://intranet.example",),
    work="reseal.customize.scripts:FirstLogon",
)
def first_logon_command() -> None:
    """Run a command at the first logon, like --first-logon."""
