"""Whole operations on an image that is opened from Python, and what they are asked for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import reseal
from reseal.api.opened import OpenImage
from reseal.errors import ResealError, UsageError
from reseal.operations import (
    BootRequest,
    CustomizeRequest,
    GeneralizeRequest,
    SidRequest,
    SpecializeRequest,
    UnattendRequest,
)
from reseal.operations.inspect import inspect
from reseal.operations.sid import show_sid
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.answerfile.samples import DEPLOYMENT, SHELL, one
from tests.end_to_end.test_record import problems

AUDIT = one("oobeSystem", DEPLOYMENT, "<Reseal><Mode>Audit</Mode></Reseal>").encode()
NAMED = one("specialize", SHELL, "<ComputerName>PC-1</ComputerName>").encode()
SID = "S-1-5-21-1111111111-2222222222-3333333333"
KEY = r"HKLM\SOFTWARE\Example"


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "image.qcow2"
    windows(path, Machine(), size=48 << 20)
    return path


@pytest.fixture(scope="module")
def generalized(golden: Path) -> Path:
    path = Path(shutil.copyfile(golden, golden.with_name("generalized.qcow2")))
    with reseal.open(path) as opened:
        opened.stage(GeneralizeRequest())
        opened.commit()
    return path


def committed(
    source: Path, folder: Path, stage: Callable[[OpenImage], object], **options: Any
) -> tuple[Path, dict[str, Any]]:
    path = Path(shutil.copyfile(source, folder / "image.qcow2"))
    with reseal.open(path, **options) as opened:
        stage(opened)
        record = opened.commit()
    assert problems(record) == []
    return path, record


def test_an_answer_file_says_where_a_generalized_image_boots(golden: Path, tmp_path: Path) -> None:
    file, identity = tmp_path / "unattend.xml", tmp_path / "identity.json"
    file.write_bytes(AUDIT)
    path = Path(shutil.copyfile(golden, tmp_path / "image.qcow2"))
    with reseal.open(path) as opened:
        opened.stage(GeneralizeRequest(unattend=file, sid_now=True))
        record = opened.commit(save_identity_as=identity)
    assert problems(record) == []
    assert (record["result"], record["target"]) == ("generalized", "audit")
    assert record["unattend"]["file"] == str(file)
    assert show_sid(path)["machine_sid"] == record["sid"]["new"]
    assert json.loads(identity.read_text())["machine_sid"] == record["sid"]["old"]


def test_the_target_that_is_asked_for_wins_over_the_answer_file(
    golden: Path, tmp_path: Path
) -> None:
    asked = GeneralizeRequest(target="oobe", unattend=("answers", AUDIT))
    _, record = committed(golden, tmp_path, lambda opened: opened.stage(asked))
    assert (record["target"], record["unattend"]["file"]) == ("oobe", "answers")


def test_steps_are_done_in_their_order_and_may_read_what_was_named(
    golden: Path, tmp_path: Path
) -> None:
    agent = tmp_path / "agent"
    agent.mkdir()
    (agent / "a.bin").write_bytes(b"\0\1" * 500)

    def stage(opened: OpenImage) -> None:
        opened.stage(
            CustomizeRequest(
                steps=(
                    ("mkdir", r"C:\Install"),
                    ("copy-in", str(agent), r"C:\Install"),
                    ("write", r"C:\Install\note.txt", "a:b"),
                    ("write", r"C:\Install\other.txt:one word"),
                )
            )
        )
        assert opened.read_file(r"Install\agent\a.bin") == b"\0\1" * 500
        assert opened.read_file(r"Install\note.txt") == b"a:b"
        assert opened.read_file(r"Install\other.txt") == b"one word"
        opened.stage(GeneralizeRequest(steps=(("reg-set", KEY, "N", "REG_SZ", "x"),)))
        assert opened.value(KEY, "N") == "x"

    _, record = committed(golden, tmp_path, stage, reads=[agent])
    assert record["result"] == "generalized"
    assert {"copy-in", "reg-set"} <= {change["provider"] for change in record["changes"]}


@pytest.mark.parametrize(
    ("asked", "when"),
    [(SidRequest(chosen=SID), "now"), (SidRequest(pending=True, new=True), "next")],
)
def test_another_sid(golden: Path, tmp_path: Path, asked: SidRequest, when: str) -> None:
    path, record = committed(golden, tmp_path, lambda opened: opened.stage(asked))
    found = show_sid(path)
    if when == "now":
        assert (record["result"], found["machine_sid"]) == ("changed", SID)
    else:
        assert record["result"] == "pending"
        assert found["pending"] == {"requested": True, "chosen": record["new"]}


def test_one_machine(generalized: Path, tmp_path: Path) -> None:
    asked = SpecializeRequest(
        computer_name="WS-7", sid=SID, settings=("Shell-Setup/TimeZone=UTC",), now=True
    )
    path, record = committed(generalized, tmp_path, lambda opened: opened.stage(asked))
    assert (record["computer_name"], record["machine_sid"]) == ("WS-7", SID)
    found = inspect(path)["identity"]
    assert (found["computer_name"], found["machine_sid"]) == ("WS-7", SID)


def test_an_answer_file_alone(generalized: Path, tmp_path: Path) -> None:
    asked = UnattendRequest(unattend=("answers", NAMED))
    _, record = committed(generalized, tmp_path, lambda opened: opened.stage(asked))
    assert record["result"] == "applied"
    assert record["unattend"]["to_run"] == ["specialize", "oobeSystem"]


def test_the_next_boot(generalized: Path, tmp_path: Path) -> None:
    path, record = committed(
        generalized, tmp_path, lambda opened: opened.stage(BootRequest(audit=True))
    )
    assert record["result"] == "armed"
    assert inspect(path)["state"]["audit_boot"] == 1


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (GeneralizeRequest(target="elsewhere"), "elsewhere"),
        (GeneralizeRequest(enable=("none",)), "none is not a known provider"),
        (GeneralizeRequest(mode="vm", target="audit"), "OOBE only"),
        (GeneralizeRequest(mode="metal"), "the only mode is vm"),
        (GeneralizeRequest(replace=True), "belong to an answer file"),
        (GeneralizeRequest(steps=(("shrink",),)), "--shrink"),
        (GeneralizeRequest(chkdsk_at_boot=True), "chkdsk_at_boot"),
        (GeneralizeRequest(discard_hibernation=True), "discard_hibernation"),
        (GeneralizeRequest(save_identity="identity.json"), "save_identity"),
        (CustomizeRequest(), "No step"),
        (CustomizeRequest(steps=(("none",),)), "none is not a known step"),
        (CustomizeRequest(steps=(("mkdir", "/a"),), force=("none",)), "none is not known"),
        (CustomizeRequest(steps=(("copy-out", r"C:\Windows", "out"),)), "--copy-out"),
        (SidRequest(chosen="S-1-5-21-1"), "not a machine SID"),
        (SidRequest(chosen="none"), "--sid"),
        (SidRequest(chosen=SID, new=True), "exclude each other"),
        (SpecializeRequest(computer_name="a b"), "computer's name"),
        (SpecializeRequest(force=("none",)), "none is not known"),
        (BootRequest(), "Say one of"),
        (BootRequest(oobe=True, recover=True), "Say one of"),
        (BootRequest(recover=True, unattend=("a", AUDIT)), "take no answer file"),
        (UnattendRequest(), "No answer file"),
    ],
    ids=repr,
)
def test_what_can_t_be_asked_for_is_said_before_anything_is_staged(
    golden: Path, asked: Any, says: str
) -> None:
    with reseal.open(golden, dry_run=True) as opened:
        with pytest.raises(ResealError, match=says):
            opened.stage(asked)
        assert opened.changes == ()


def test_one_state_of_the_image_is_looked_for_in_the_end(golden: Path) -> None:
    with reseal.open(golden, dry_run=True) as opened:
        opened.stage(GeneralizeRequest())
        with pytest.raises(UsageError, match="reseal generalize"):
            opened.stage(SidRequest(chosen=SID))
        opened.stage(CustomizeRequest(steps=(("mkdir", "/a"),)))
        assert opened.commit()["result"] == "dry run"


def test_an_index_is_for_a_wim(golden: Path) -> None:
    with pytest.raises(UsageError, match="WIM"), reseal.open(golden, index=1):
        pass
