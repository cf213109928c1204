r"""Scripts for the next boot of a Windows in use, which runs neither Setup nor SetupComplete.cmd.

| what | form | mark, source |
|---|---|---|
| the service | `Services\reseal-firstboot`: Type 0x10, Start 2, ErrorControl 1, ObjectName LocalSystem | documented: Microsoft, CreateService; reported: virt-customize makes such a service for the same purpose |
| its program | cmd.exe, which starts another cmd.exe with the runner and ends | inferred |
| why two | the service control manager waits 30 s for a program to report, and logs events 7000 and 7009 for one that does not | documented: Microsoft, StartServiceCtrlDispatcher; ServicesPipeTimeout |
| the end | `sc.exe delete` | documented: Microsoft, sc.exe delete |

cmd.exe is not a service program, so the control manager counts the start as failed. It ends at once, so that nothing
waits for it; the runner goes on by itself. The runner moves each script away before it starts it. A script
that restarts Windows or fails runs once all the same, and the next boot goes on with the scripts behind it.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from reseal.regf import types
from reseal.session import Session
from reseal.windows import services

#: The service. It is made in every control set.
SERVICE = "reseal-firstboot"
_PATH = rf"{services.SERVICES}\{SERVICE}"
_OWN_PROCESS, _NORMAL = 0x10, 1
#: The name of the folder and of the runner.
NAME = "nextboot"

#: Calls every script of a folder, sorted by name, each once; then removes itself.
RUNNER = rf"""@echo off
setlocal
set "SCRIPTS=%~dp0{NAME}.d"
set "DONE=%~dp0{NAME}.ran"
set "STATE=%ProgramData%\reseal"
if not exist "%STATE%" mkdir "%STATE%"
if not exist "%DONE%" mkdir "%DONE%"
set "LOG=%STATE%\firstboot.log"
for /f "delims=" %%f in ('dir /b /on "%SCRIPTS%"') do call :one "%%f"
sc.exe delete {SERVICE} >>"%LOG%" 2>&1
rd "%SCRIPTS%"
>"%STATE%\firstboot.done" echo %DATE% %TIME%
(del "%~f0" & exit /b 0)

:one
move /y "%SCRIPTS%\%~1" "%DONE%\%~1" >nul || exit /b 1
>>"%LOG%" echo [%DATE% %TIME%] %~1 begins
if /i "%~x1"==".ps1" goto powershell
call "%DONE%\%~1" >>"%LOG%" 2>&1 <nul
goto ended
:powershell
powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -File "%DONE%\%~1" >>"%LOG%" 2>&1 <nul
:ended
>>"%LOG%" echo [%DATE% %TIME%] %~1 ended with exit code %ERRORLEVEL%
exit /b 0
"""


def add_service(session: Session, runner: str) -> None:
    """Stage the service that starts a runner at the next boot.

    Args:
        session: the opened installation.
        runner: the runner below the Windows folder.
    """
    cmd = r"%SystemRoot%\System32\cmd.exe"
    inner = rf'"{cmd}" /d /c "%SystemRoot%\{runner}"'
    program = f'{cmd} /d /c start "" /min {inner}'
    for name, number in (
        ("Type", _OWN_PROCESS),
        ("Start", services.AUTOMATIC),
        ("ErrorControl", _NORMAL),
    ):
        session.set_number(_PATH, name, number)
    session.set_value(
        _PATH, "ImagePath", types.REG_EXPAND_SZ, types.encode(types.REG_EXPAND_SZ, program)
    )
    session.set_text(_PATH, "ObjectName", "LocalSystem")
    session.set_text(_PATH, "DisplayName", "Scripts for the next boot (reseal)")


def remove_service(session: Session) -> None:
    """Stage the removal of the service."""
    session.delete_key(_PATH)
