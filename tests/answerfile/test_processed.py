"""Passes that are done, and secrets that are deleted."""

from __future__ import annotations

import pytest
from lxml import etree

from reseal.answerfile import AnswerFile, Pass, check, mark, reset, scrub, still_to_run
from tests.answerfile.judges import canonical
from tests.answerfile.samples import (
    DEPLOYMENT,
    JOIN,
    SETUP,
    SHELL,
    component,
    document,
    one,
    settings,
    unattend,
)

DELETED = "*SENSITIVE*DATA*DELETED*"

TEXT = unattend(
    settings(
        "windowsPE",
        component(
            SETUP,
            "<UserData><AcceptEula>true</AcceptEula>"
            "<ProductKey>AAAAA-AAAAA-AAAAA-AAAAA-AAAAA<!-- odd --> BBBBB"
            "<WillShowUI>Never</WillShowUI></ProductKey></UserData>",
        ),
    ),
    settings(
        "specialize",
        component(SHELL, "<ComputerName>PC</ComputerName><ProductKey>K-E-Y</ProductKey>"),
        component(
            JOIN,
            "<!-- <Password>old</Password> <JoinDomain>d</JoinDomain> -->\n<Identification>"
            "<Credentials><Username>u</Username><Password>p1</Password></Credentials>"
            "<MachinePassword>p2</MachinePassword></Identification>",
        ),
        component(
            DEPLOYMENT,
            '<RunSynchronous><RunSynchronousCommand wcm:action="add"><Order>1</Order>'
            "<Path>net user bob p3</Path></RunSynchronousCommand></RunSynchronous>",
        ),
    ),
    settings(
        "oobeSystem",
        component(
            SHELL,
            "<UserAccounts><AdministratorPassword><Value>p4<!-- x --></Value>"
            "<PlainText>true</PlainText></AdministratorPassword></UserAccounts>",
        ),
    ),
)


def test_scrubbing() -> None:
    clean = scrub(document(TEXT))
    text = clean.document.to_bytes().decode()

    for secret in ("AAAAA", "BBBBB", "K-E-Y", "p1", "p2", "p4", ">old<"):
        assert secret not in text
    assert clean.count == 7
    assert "<JoinDomain>d</JoinDomain>" in text
    assert "<ComputerName>PC</ComputerName>" in text
    assert [command.text for command in clean.commands] == ["net user bob p3"]
    assert text.count(DELETED) == 7
    etree.fromstring(text.encode())
    # Where only texts have changed, the rest is the same.
    root = document(TEXT.replace("K-E-Y", DELETED))
    assert canonical(mark(root, [Pass.GENERALIZE]).to_bytes()) == canonical(root.to_bytes())


def test_scrubbing_one_pass_leaves_the_others() -> None:
    text = scrub(document(TEXT), [Pass.OOBE_SYSTEM]).document.to_bytes().decode()

    assert text == TEXT.replace("p4<!-- x -->", DELETED)


def test_marking_a_pass_sets_the_attribute_and_deletes_its_secrets() -> None:
    marked = mark(document(TEXT), [Pass.SPECIALIZE, Pass.GENERALIZE])
    text = marked.to_bytes().decode()

    assert [s.name for s in marked.passes if s.was_processed] == ["specialize"]
    assert '<settings pass="specialize" wasPassProcessed="true">' in text
    assert "p1" not in text
    assert "p4" in text
    assert "deleted-secret" not in {finding.rule for finding in check(marked)}


def test_a_pass_runs_again_only_with_its_secrets() -> None:
    done = mark(document(TEXT), [Pass.SPECIALIZE])
    again = reset(done, list(Pass))

    assert again.to_bytes() == done.to_bytes()
    assert "deleted-secret" not in {finding.rule for finding in check(again)}
    plain = document(one("specialize", SHELL, "<ComputerName>PC</ComputerName>"))
    assert reset(mark(plain, list(Pass)), list(Pass)).to_bytes() == plain.to_bytes()


@pytest.mark.parametrize(
    "attribute",
    [' wasPassProcessed="true"', " wasPassProcessed = 'true'", '\n\twasPassProcessed="false"'],
)
def test_other_spellings_of_the_mark(attribute: str) -> None:
    plain = one("specialize", SHELL, "<ComputerName>PC</ComputerName>")
    text = plain.replace(' pass="specialize"', f'{attribute} pass="specialize"')

    assert reset(document(text), [Pass.SPECIALIZE]).to_bytes().decode() == plain
    (passes,) = mark(document(text), [Pass.SPECIALIZE]).passes
    assert passes.was_processed


def names(answer_file: AnswerFile, mode: str, done: dict[str, int]) -> list[str]:
    return [settings.name for settings in still_to_run(answer_file, mode, done)]


def test_which_passes_an_image_still_runs() -> None:
    answer_file = document(TEXT)

    assert names(answer_file, "oobe", {}) == ["specialize", "oobeSystem"]
    assert names(answer_file, "audit", {}) == ["specialize"]
    assert names(answer_file, "oobe", {"specialize": 9, "oobeSystem": 0}) == ["oobeSystem"]
    assert names(mark(answer_file, [Pass.SPECIALIZE]), "oobe", {}) == ["oobeSystem"]
