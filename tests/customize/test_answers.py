"""Settings that steps add to the answer file of the next first boot."""

from __future__ import annotations

import pytest

from reseal.answerfile import AnswerFile, Answers, mark
from reseal.answerfile.passes import Pass
from reseal.customize.answers import add
from reseal.customize.outputs import Outputs
from reseal.customize.shared import Run
from reseal.errors import CheckError
from reseal.session import Session
from reseal.sysprep.arm import Target
from reseal.testing.machine import Machine
from tests.answerfile.samples import SHELL, document, one
from tests.builders import session

CACHE = r"Windows\Panther\unattend.xml"
ZONE = one("oobeSystem", SHELL, "<TimeZone>UTC</TimeZone>")
PASSWORD = one(
    "oobeSystem",
    SHELL,
    "<UserAccounts><AdministratorPassword><Value>p</Value></AdministratorPassword></UserAccounts>",
)
COMMAND = Answers(commands=("first.cmd",), hide_pages=False)


def done(text: str) -> bytes:
    """An answer file as Windows leaves it behind, with its passes marked and without its secrets."""
    return mark(document(text), list(Pass)).to_bytes()


def image(cache: bytes, for_sysprep: bytes | None = None) -> Session:
    windows: dict[str, object] = {"Panther": {"unattend.xml": cache}}
    if for_sysprep is not None:
        windows["System32"] = {"Sysprep": {"unattend.xml": for_sysprep}}
    return session(Machine(files={"Windows": windows}))


def added(to: Session) -> AnswerFile:
    add(Run(to, Outputs(), Target.OOBE), COMMAND)
    return AnswerFile(to.files.read(CACHE))


def test_a_pass_that_is_done_runs_again_with_what_is_added() -> None:
    found = added(image(done(ZONE)))

    assert [(one.name, one.was_processed) for one in found.passes] == [("oobeSystem", False)]
    assert {"UTC", "first.cmd"} <= {one.text for one in found.settings()}


def test_nothing_is_added_to_a_pass_whose_passwords_windows_has_deleted() -> None:
    with pytest.raises(CheckError, match="oobeSystem") as caught:
        added(image(done(PASSWORD)))
    assert "unattend" in (caught.value.hint or "")


def test_nothing_is_added_to_a_pass_for_which_another_file_is_used() -> None:
    both = image(done(ZONE), ZONE.encode())
    with pytest.raises(CheckError, match="oobeSystem"):
        added(both)
    assert both.changes == []


def test_nothing_is_added_that_would_hide_all_that_another_file_says() -> None:
    """The cached file counts in specialize alone; with a command in it, it would win in oobeSystem."""
    name = one("specialize", SHELL, "<ComputerName>PC-1</ComputerName>")
    both = image(name.encode(), ZONE.encode())
    with pytest.raises(
        CheckError, match=r"Sysprep\\unattend\.xml is no longer used for oobeSystem"
    ) as caught:
        added(both)
    assert "merge" in (caught.value.hint or "")
    assert both.changes == []
