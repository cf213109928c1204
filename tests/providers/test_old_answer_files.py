from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from reseal.testing.machine import Machine
from tests.builders import effect

DELETED = "*SENSITIVE*DATA*DELETED*"
ANSWERS = """<?xml version="1.0" encoding="{encoding}"?>
<!-- the password is below -->
<unattend xmlns="urn:schemas-microsoft-com:unattend" xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State">
  <settings pass='oobeSystem'><component name="Microsoft-Windows-Shell-Setup" language="neutral">
    <UserAccounts><AdministratorPassword><Value>{a}</Value><PlainText>true</PlainText></AdministratorPassword>
    <LocalAccounts><LocalAccount wcm:action="add"><Password><Value>{b}</Value></Password><Name>x</Name>
    </LocalAccount></LocalAccounts></UserAccounts>
  </component></settings>
  <settings pass="specialize"><component name="Microsoft-Windows-UnattendedJoin"><Identification>
    <Credentials><Domain>corp</Domain><Password>{c}</Password></Credentials>
    <Provisioning><AccountData>{d}</AccountData></Provisioning>
    <MachinePassword/><JoinDomain>corp.example</JoinDomain></Identification></component></settings>
</unattend>
"""
SECRETS = {"a": "UABhAHMAcwA=", "b": "geheim&amp;", "c": "<![CDATA[p<w]]>", "d": "ARAIAMzMzMy="}


def _answers(encoding: str = "utf-8", **secrets: str) -> bytes:
    return ANSWERS.format(encoding=encoding, **(SECRETS | secrets)).encode(encoding)


def _machine(panther: dict[str, Any], **more: Any) -> Machine:
    return Machine(files={"Windows": {"Panther": panther}, **more})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_passwords_in_copies_are_deleted_and_all_else_stays_to_the_byte(encoding: str) -> None:
    data = _answers(encoding)
    machine = _machine({"unattend-original.xml": data, "UnattendGC": {"backup.xml": data}})
    done = effect("old-answer-files", machine)
    places = (r"Windows\Panther\unattend-original.xml", r"Windows\Panther\UnattendGC\backup.xml")
    assert done.changes == {f"*{path}" for path in places}
    for path in places:
        assert done.read(path) == _answers(encoding, **dict.fromkeys(SECRETS, DELETED))


def test_files_that_the_next_boot_may_use_are_left_to_their_own_step() -> None:
    data = _answers()
    machine = _machine({"unattend.xml": data, "Unattend": {"Autounattend.xml": data}})
    machine.files["Unattend.xml"] = data
    machine.files["Windows"]["System32"] = {"Sysprep": {"unattend.xml": data, "mine.xml": data}}
    machine.files["autounattend-old.xml"] = data
    machine.files["data.xml"] = data
    assert effect("old-answer-files", machine).changes == {
        r"*Windows\System32\Sysprep\mine.xml",
        "*autounattend-old.xml",
    }
    machine.system = {"Setup": {"UnattendFile": r"C:\Windows\System32\Sysprep\MINE.xml"}}
    assert effect("old-answer-files", machine).changes == {"*autounattend-old.xml"}


def test_other_files_are_left_alone() -> None:
    files = {
        "diagerr.xml": b"<x/>",
        "setupact.log": b"log",
        "done.xml": _answers(**dict.fromkeys(SECRETS, DELETED)),
        "empty.xml": b"",
        "binary.xml": bytes(range(256)),
        "other.xml": b"<a><Password>x</Password></a>",
    }
    machine = _machine(files)
    done = effect("old-answer-files", machine)
    assert done.changes == set()
    assert done.session.notes == []


def test_a_broken_answer_file_is_said() -> None:
    done = effect("old-answer-files", _machine({"broken.xml": _answers()[:-30]}))
    assert done.changes == set()
    assert "broken.xml" in done.session.notes[0]


def test_no_password_of_a_real_answer_file_stays(corpus: Path) -> None:
    files = {
        path.name: path.read_bytes() for path in sorted((corpus / "answerfiles").glob("*.xml"))
    }
    done = effect("old-answer-files", _machine(files))
    secret = re.compile(rb"<(?:\w*Password|Value|AccountData)>\s*([^<\s][^<]*)</")
    seen = 0
    for name, old in files.items():
        new = done.read(rf"Windows\Panther\{name}")
        flat = new.replace(b"\0", b"")
        values = re.findall(rb"<\w*Password>\s*<Value>([^<]*)</Value>", flat)
        seen += sum(bool(value) for value in values)
        assert all(value in {b"", DELETED.encode()} for value in values), name
        assert secret.sub(b"", new).count(b"\n") == secret.sub(b"", old).count(b"\n")
    assert seen > 50
