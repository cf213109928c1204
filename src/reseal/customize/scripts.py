r"""Scripts for the first boot and the first logon.

| when | how | mark, source |
|---|---|---|
| first boot: after Setup, before the first logon, as SYSTEM | `Windows\Setup\Scripts\SetupComplete.cmd` | documented: Microsoft, Add a Custom Script to Windows Setup |
| next boot of a Windows in use, as SYSTEM | a service; see `reseal.customize.next_boot` | inferred, from documented parts |
| first logon | FirstLogonCommands of the answer file; one command, since Windows 10 starts all of them at the same time | documented: Unattended Windows Setup Reference, FirstLogonCommands |

SetupComplete.cmd does not run with an OEM product key, except in Enterprise and server editions
(documented). ProductId and DigitalProductId4 show whether the key is an OEM key (reported).

The scripts are in `Windows\Setup\Scripts\reseal`, numbered in order. Logs and completion marks go to
`%ProgramData%\reseal`.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re

from reseal.answerfile import Answers
from reseal.customize import answers, next_boot
from reseal.customize.shared import OEM_KEY, Run
from reseal.customize.step import Given
from reseal.errors import CheckError, UsageError
from reseal.mark import Mark
from reseal.session import Session
from reseal.tree import join
from reseal.unattend.place import situation
from reseal.windows.names import CURRENT_VERSION
from reseal.windows.setup import SetupState

SETUP_COMPLETE = r"Setup\Scripts\SetupComplete.cmd"
FOLDER = r"Setup\Scripts\reseal"
#: What the runners write when they are done.
_DONE = r"ProgramData\reseal\firstboot.done"
_MAX_SCRIPT = 4 << 20
_SUFFIXES = (".cmd", ".bat", ".ps1")
_CALL = b'call "%~dp0reseal\\firstboot.cmd"\r\n'
#: Editions in which SetupComplete.cmd runs with any product key (documented).
_EXEMPT = ("enterprise", "server")
_OEM = re.compile(r"OEM", re.IGNORECASE)

#: Calls every script of a folder, sorted by name. Output goes to the log; the mark is set in any case.
_RUNNER = r"""@echo off
setlocal
set "SCRIPTS=%~dp0{when}.d"
set "STATE=%ProgramData%\reseal"
if not exist "%STATE%" mkdir "%STATE%"
set "LOG=%STATE%\{when}.log"
if exist "%STATE%\{when}.done" exit /b 0
for /f "delims=" %%f in ('dir /b /on "%SCRIPTS%"') do call :one "%%f"
>"%STATE%\{when}.done" echo %DATE% %TIME%
exit /b 0

:one
>>"%LOG%" echo [%DATE% %TIME%] %~1 begins
if /i "%~x1"==".ps1" goto powershell
call "%SCRIPTS%\%~1" >>"%LOG%" 2>&1 <nul
goto ended
:powershell
powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -File "%SCRIPTS%\%~1" >>"%LOG%" 2>&1 <nul
:ended
>>"%LOG%" echo [%DATE% %TIME%] %~1 ended with exit code %ERRORLEVEL%
exit /b 0
"""


class FirstBoot:
    """The steps `firstboot` and `firstboot-command`; a command becomes a script."""

    def __init__(self, given: Given) -> None:
        self._step = given.step.id
        self._name, self._data = _script(given) if "script" in given.values else _command(given)

    def stage(self, run: Run) -> None:
        """Stage the script and its call."""
        _first_boot(run, self._step, self._name, self._data)


class FirstLogon(FirstBoot):
    """The steps `first-logon` and `first-logon-command`; a command becomes a script."""

    def stage(self, run: Run) -> None:
        """Stage the script and the command in the answer file."""
        _first_logon(run, self._name, self._data)


def leave_to_setup(session: Session) -> None:
    """Leave scripts that wait for the next boot to Setup, in an image that is generalized.

    The next boot would start the service while Setup runs. Where Windows skips SetupComplete.cmd, it stays.
    """
    folder = session.installation.path(FOLDER)
    scripts = join(folder, f"{next_boot.NAME}.d")
    if not session.files.stat(scripts) or _skipped(session):
        return
    with session.acting("firstboot", Mark.INFERRED):
        for one in sorted(session.files.list(scripts), key=lambda entry: entry.name):
            stat = session.files.stat(path := join(scripts, one.name))
            if stat and not stat.is_directory and stat.size <= _MAX_SCRIPT:
                _after_setup(session, one.name[5:], session.files.read(path))
        session.delete_tree(scripts)
        session.delete_file(join(folder, f"{next_boot.NAME}.cmd"))
        next_boot.remove_service(session)


def has_oem_key(session: Session) -> bool:
    """Return whether the product key is an OEM key, as far as the registry shows."""
    key = session.registry.key(CURRENT_VERSION)
    product = session.registry.text(CURRENT_VERSION, "ProductId") or ""
    value = key.value("DigitalProductId4") if key else None
    digital = value.data.decode("utf-16-le", "replace") if value else ""
    return bool(_OEM.search(product) or "OEM:" in digital)


def _script(given: Given) -> tuple[str, bytes]:
    path = given.host("script")
    if path.suffix.lower() not in _SUFFIXES:
        msg = f"{path} is not a script that Windows can run."
        raise UsageError(msg, f"Name a file that ends in {', '.join(_SUFFIXES)}.")
    data = given.host_bytes("script", _MAX_SCRIPT)
    if path.suffix.lower() != ".ps1" and b"\r" not in data:
        # cmd.exe misses labels in a file with Unix line endings (reported).
        data = data.replace(b"\n", b"\r\n")
    return re.sub(r"[^A-Za-z0-9._-]", "_", path.name)[-64:], data


def _command(given: Given) -> tuple[str, bytes]:
    command = given.text("command")
    if not command.strip() or "\n" in command or "\r" in command:
        msg = "A command must be one line."
        raise UsageError(msg, "For several lines, use a script.")
    code_page = "" if command.isascii() else "chcp 65001 >nul\r\n"
    return "command.cmd", f"@echo off\r\n{code_page}{command}\r\n".encode()


def _first_boot(run: Run, step: str, name: str, data: bytes) -> None:
    session = run.session
    if run.target is None and not situation(SetupState.of(session.installation)).to_run:
        # The parts are documented; that they do it together is inferred.
        with session.acting(step, Mark.INFERRED):
            _next_boot(session, name, data)
        return
    if said := _skipped(session):
        if OEM_KEY not in run.force:
            raise CheckError(f"{said}.", f"Use --first-logon, or --force {OEM_KEY}.")
        session.note(f"{said}, unless it gets another key.")
    _after_setup(session, name, data)


def _skipped(session: Session) -> str | None:
    """Return why Windows would skip SetupComplete.cmd; None if it would not."""
    edition = (session.installation.edition or "").lower()
    exempt = session.installation.is_server or any(one in edition for one in _EXEMPT)
    if exempt or not has_oem_key(session):
        return None
    return (
        f"The image has an OEM product key and the edition {session.installation.edition}, with "
        "which Windows does not run SetupComplete.cmd"
    )


def _after_setup(session: Session, name: str, data: bytes) -> None:
    """Stage a script and its call by SetupComplete.cmd."""
    # An earlier first boot has left its mark, with which nothing would run again.
    session.delete_file(_DONE)
    _add(session, "firstboot", name, data)
    path = session.installation.path(SETUP_COMPLETE)
    there = session.files.stat(path)
    old = session.files.read(path) if there else b""
    if old[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        msg = f"{path} exists and is in UTF-16, which cmd.exe does not run."
        raise CheckError(msg, "Delete it first, with --delete.")
    if _CALL not in old:
        # First, since the existing content may end with exit.
        session.write_file(path, b"@echo off\r\n" + _CALL + old)


def _next_boot(session: Session, name: str, data: bytes) -> None:
    """Stage a script for the next boot of a Windows in use."""
    session.delete_file(_DONE)
    first = _add(session, next_boot.NAME, name, data, next_boot.RUNNER)
    next_boot.add_service(session, rf"{FOLDER}\{next_boot.NAME}.cmd")
    if first:
        session.note(
            "This Windows is in use, so a service runs the scripts at its next boot, and removes itself. "
            r"Windows logs its start as failed (event 7000 or 7009); see %ProgramData%\reseal\firstboot.log."
        )


def _first_logon(run: Run, name: str, data: bytes) -> None:
    session = run.session
    if _add(session, "firstlogon", name, data):
        drive = session.installation.system_drive or "C:"
        runner = rf"{drive}\{session.installation.path(FOLDER)}\firstlogon.cmd"
        answers.add(run, Answers(commands=(rf'cmd.exe /c "{runner}"',), hide_pages=False))


def _add(session: Session, when: str, name: str, data: bytes, runner: str | None = None) -> bool:
    """Stage a script after the existing ones; return whether it is the first.

    Args:
        session: the opened installation.
        when: the name of the runner and of the folder of its scripts.
        name: the name of the script.
        data: its content.
        runner: the runner; None for the one of a Windows that is set up.
    """
    folder = session.installation.path(FOLDER)
    scripts = join(folder, f"{when}.d")
    numbers = [int(one.name[:4]) for one in session.files.list(scripts) if one.name[:4].isdecimal()]
    session.write_file(join(scripts, f"{max(numbers, default=0) + 1:04}-{name}"), data)
    text = runner or _RUNNER.format(when=when)
    session.write_file(join(folder, f"{when}.cmd"), text.replace("\n", "\r\n").encode("ascii"))
    return not numbers
