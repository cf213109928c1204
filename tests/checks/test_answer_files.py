"""Answer files that call Sysprep, wherever Windows would find them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reseal.checks.answer_files import answer_files
from reseal.checks.declaration import Finding
from reseal.testing.machine import Machine
from tests.builders import session
from tests.checks.problems import CALLS_SYSPREP, SECRET


def found(path: str, content: bytes, **machine: Any) -> list[Finding]:
    """What the check finds with one file in the image."""
    files: dict[str, Any] = {}
    folder = files
    *folders, name = path.split("\\")
    for one in folders:
        folder = folder.setdefault(one, {})
    folder[name] = content
    return answer_files(session(Machine(files=files, **machine)))


@pytest.mark.parametrize(
    "path",
    [
        r"Windows\Panther\Unattend\Unattend.xml",
        r"Windows\Panther\Unattend\Autounattend.xml",
        r"Windows\Panther\unattend.xml",
        r"Windows\System32\Sysprep\unattend.xml",
        "Unattend.xml",
        "Autounattend.xml",
    ],
)
def test_every_place_where_windows_looks(path: str) -> None:
    [one] = found(path, CALLS_SYSPREP)
    assert one.level == "warning"
    assert one.message == (f"{path}:6 calls Sysprep from RunSynchronous in the pass specialize.")
    assert SECRET not in repr(one)


def test_a_file_that_the_registry_names() -> None:
    system = {"Setup": {"UnattendFile": r"C:\Deploy\My answers.xml"}}
    [one] = found(r"Deploy\My answers.xml", CALLS_SYSPREP, system=system)
    assert one.message.startswith(r"Deploy\My answers.xml:6 ")
    assert found(r"Deploy\My answers.xml", CALLS_SYSPREP)[0].level == "ok"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"SYSPREP.exe", b"other.exe"),
        (b"Microsoft-Windows-Deployment", b"Microsoft-Windows-Setup"),
        (b"RunSynchronousCommand", b"SynchronousCommand"),
        (b"Path>", b"Description>"),
    ],
)
def test_other_commands_are_fine(old: bytes, new: bytes) -> None:
    assert found("Unattend.xml", CALLS_SYSPREP.replace(old, new))[0].level == "ok"


@pytest.mark.parametrize(
    ("command", "level"),
    [
        ("sysprep /oobe", "warning"),
        (r'"%windir%\system32\sysprep\sysprep.exe" /generalize', "warning"),
        (r"cmd /c C:\Windows\System32\Sysprep\Sysprep.exe/quit", "warning"),
        (r"cmd /c (start sysprep)", "warning"),
        (r"del C:\Windows\System32\Sysprep\unattend.xml", "ok"),
        (r"powershell -File C:\sysprep.ps1", "ok"),
        (r"C:\tools\my-sysprep.exe", "ok"),
    ],
)
def test_what_calls_the_program(command: str, level: str) -> None:
    old = CALLS_SYSPREP[CALLS_SYSPREP.index(b"<Path>") + 6 : CALLS_SYSPREP.index(b"</Path>")]
    content = CALLS_SYSPREP.replace(old, command.encode())
    assert found("Unattend.xml", content)[0].level == level


def test_real_answer_files(corpus: Path) -> None:
    """All of them can be read, and none of them calls Sysprep from RunSynchronous."""
    files = list((corpus / "answerfiles").glob("*.xml"))
    assert len(files) > 50
    for path in files:
        [one] = found("Autounattend.xml", path.read_bytes())
        assert one.level == "ok", path
