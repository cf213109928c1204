"""wininit and winlogon: their programs, the setup command, the shell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reseal.mark import Mark
from reseal.rehearsal import sources
from reseal.rehearsal.declaration import Fact, passes, stage, stops, unknown
from reseal.rehearsal.programs import C21A, RESTORE, programs_exist
from reseal.rehearsal.walk import Walk
from reseal.windows import setup
from reseal.windows.values import text
from reseal.windows.volumes import MOUNTED_DEVICES

WINLOGON = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
PROGRAMS = ("wininit.exe", "winlogon.exe", "services.exe", "lsass.exe")
_WAITS = "one of: Windows waits at Please wait, or setup starts again at each boot"
#: A command that cmd.exe or PowerShell runs (documented).
_INNER = re.compile(
    r'"?(?:[^"]*\\)?(?:cmd(?:\.exe)?"?\s+(?:/\w\s+)*?/[ck]|(?:powershell|pwsh)(?:\.exe)?"?\s.*?-f(?:ile)?)'
    r"\s+(?P<command>\S.*)",
    re.IGNORECASE,
)
_NO_COMMAND = r"reseal customize IMAGE --reg-set HKLM\SYSTEM\Setup:SetupType:REG_DWORD:0"
_MAX_PROGRAMS = 20


@stage(
    "logon",
    "wininit and winlogon start the setup command and the shell",
    order=7,
    mark=Mark.REPORTED,
    source=sources.REPAIR_LOGON,
)
def logon(walk: Walk) -> Iterator[Fact]:
    """With SetupType, winlogon runs CmdLine before a logon; later it starts Userinit and the shell."""
    yield from programs_exist(walk, PROGRAMS)
    yield from _command(walk)
    yield from _shell(walk)
    yield from _rpc(walk)
    yield from _drive(walk)


def _command(walk: Walk) -> Iterator[Fact]:
    kind = walk.registry.number(setup.SETUP, "SetupType")
    command = walk.registry.text(setup.SETUP, "CmdLine") or ""
    if not kind:
        yield passes("No setup command is due (SetupType 0).", Mark.SEEN, sources.STATE_HIVES)
        return
    if not command.strip():
        yield unknown(
            f"SetupType is {kind}, but CmdLine is empty; that is reported to end in a boot loop.",
            Mark.REPORTED,
            "public reports of SYSTEM_LICENSE_VIOLATION loops",
            cure=_NO_COMMAND,
        )
        return
    name, there = walk.program(command)
    inner = _INNER.match(command) if there else None
    if inner and walk.program(inner["command"])[1] is False:
        name, there = walk.program(inner["command"])
    if there is None:
        yield unknown(
            f"Before the logon Windows runs {command}, which is not on this volume.",
            Mark.REPORTED,
            sources.REPAIR_LOGON,
        )
    elif not there:
        ours = name.lower() == setup.WINDEPLOY
        yield stops(
            f"Before the logon Windows runs {command}, but {name} is missing.",
            _WAITS,
            Mark.REPORTED,
            sources.REPAIR_LOGON,
            cure=RESTORE if ours else _NO_COMMAND,
        )
    else:
        yield passes(
            f"Before the logon Windows runs {command}, which is there.",
            Mark.SEEN,
            sources.STATE_HIVES,
        )


def _shell(walk: Walk) -> Iterator[Fact]:
    for value, usual in (("Userinit", "userinit.exe"), ("Shell", "explorer.exe")):
        said = walk.registry.text(WINLOGON, value) or usual
        programs = [one.strip() for one in said.split(",") if one.strip()][:_MAX_PROGRAMS]
        missing = [one for one in programs if walk.program(one)[1] is False]
        for one in missing:
            yield stops(
                f"{value} of Winlogon names {one}, which is missing.",
                C21A if value == "Userinit" else "a logon without a desktop",
                Mark.REPORTED,
                sources.REPAIR_LOGON,
                cure=RESTORE,
            )
        if not missing:
            yield passes(
                f"{value} of Winlogon starts {', '.join(programs)}.",
                Mark.REPORTED,
                sources.REPAIR_LOGON,
            )


def _rpc(walk: Walk) -> Iterator[Fact]:
    mapper, rpc = (
        text(walk.registry.key(rf"{walk.services}\{one}"), "ImagePath")
        for one in ("RpcEptMapper", "RpcSs")
    )
    if mapper and rpc and mapper.strip().lower() != rpc.strip().lower():
        yield stops(
            "RpcEptMapper and RpcSs have different ImagePaths.",
            "a black screen: the logon screen ends again and again",
            Mark.REPORTED,
            sources.REPAIR_LOGON,
        )


def _drive(walk: Walk) -> Iterator[Fact]:
    """The letter in SystemRoot, and the one that MountedDevices gives the volume."""
    key = walk.registry.key(MOUNTED_DEVICES)
    partitions = walk.installation.volumes.partitions
    own = walk.installation.volume
    if key is None or not partitions:
        return
    drive = walk.registry.drive.upper()
    named = {
        one.name[-2:].upper(): partitions.get(one.data)
        for one in key.values()
        if one.name.lower().startswith("\\dosdevices\\")
    }
    taken = named.get(drive)
    given = sorted(letter for letter, place in named.items() if place == own)
    if taken not in {None, own} or (given and drive not in given):
        what = (
            f"belongs to volume {taken}"
            if taken not in {None, own}
            else f"is not that of its volume, which is {given[0]}"
        )
        yield stops(
            f"SystemRoot is on {drive}, but in MountedDevices this letter {what}.",
            "a black screen or Preparing your desktop after the logon",
            Mark.REPORTED,
            "maharmstone/quibble#46; Chuyu-Team/Dism-Multi-language#514",
            cure="reseal generalize IMAGE",
        )
