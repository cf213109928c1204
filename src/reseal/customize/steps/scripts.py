"""Steps that let scripts run at the first boot and at the first logon."""

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
    r"""Run a script when Windows has set itself up, before anybody logs on.

    It runs as SYSTEM, called by SetupComplete.cmd, after the scripts of earlier steps. What it prints is
    kept in %ProgramData%\reseal\firstboot.log; firstboot.done beside it says that all have run. An image
    with an OEM's product key is refused, since Windows passes SetupComplete.cmd over there, unless it is
    forced with --force oem-key.
    """


@step(
    "firstboot-command",
    Group.FIRST_BOOT,
    Argument("command", "a command line, as cmd.exe takes it"),
    mark=Mark.DOCUMENTED,
    source=_SETUP_SOURCE,
    example=("net start sshd",),
    work="reseal.customize.scripts:FirstBootCommand",
)
def firstboot_command() -> None:
    """Run a command when Windows has set itself up; as --firstboot does."""


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
    r"""Run a script when somebody logs on for the first time.

    It is called by the answer file, after the scripts of earlier steps; the log and the mark are
    firstlogon.log and firstlogon.done in %ProgramData%\reseal.
    """


@step(
    "first-logon-command",
    Group.FIRST_BOOT,
    Argument("command", "a command line, as cmd.exe takes it"),
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, FirstLogonCommands",
    example=("explorer.exe https://intranet.example",),
    work="reseal.customize.scripts:FirstLogonCommand",
)
def first_logon_command() -> None:
    """Run a command when somebody logs on for the first time; as --first-logon does."""
