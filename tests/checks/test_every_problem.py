"""One disk that holds every problem at once, checked in one run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from reseal.checks import CHECKS
from reseal.disk import FileDevice
from reseal.ntfs import Volume
from reseal.operations.check import checked, exit_code
from reseal.operations.operation import Opening, look
from reseal.providers.selection import select
from reseal.report import text
from reseal.testing.disks import BASIC_DATA, gpt_disk
from reseal.testing.machine import Machine, system_hive, tree
from reseal.testing.volumes import ntfs_volume, populate
from tests.builders import session
from tests.checks.problems import PROBLEMS, SECRET, every_problem, merged, volume_files

#: A volume that says it is BitLocker's, and nothing more.
LOCKED = b"\xeb\x58\x90-FVE-FS-".ljust(1 << 20, b"\0")
HIBERNATED = b"HIBR".ljust(8192, b"\0")


CHECK = {one.id: one for one in CHECKS}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The disk: the machine that has it all, another Windows, a hibernation, a locked volume."""
    folder = tmp_path_factory.mktemp("every-problem")
    volume, locked = folder / "volume", folder / "locked"
    ntfs_volume(volume, 64 << 20)
    files = merged(tree(every_problem()), volume_files())
    files["hiberfil.sys"] = HIBERNATED
    files["Windows.2"] = {"System32": {"config": {"SYSTEM": system_hive(Machine())}}}
    device = FileDevice(volume, read_only=False)
    with Volume.open(device, read_only=False, name="every problem") as opened:
        populate(opened, files)
        opened.set_dirty(dirty=True)
    device.close()
    locked.write_bytes(LOCKED)
    return gpt_disk(
        folder / "disk.raw", [(volume, BASIC_DATA, "Windows"), (locked, BASIC_DATA, "Data")]
    )


def check(disk: Path, *switches: str) -> dict[str, Any]:
    """What `reseal check` records of the Windows in its folder."""
    return look(
        disk, lambda found: checked(found, frozenset(switches)), Opening(volume="1:Windows")
    )


def test_all_of_them_are_listed_with_the_right_codes(disk: Path) -> None:
    before = disk.read_bytes()
    record = check(disk, "mode:vm")
    assert set(record) == {"image", "windows", "checks"}
    assert record["windows"]["product_name"] == "Windows Server 2012 Standard"
    assert record["windows"]["build"] == 9200
    findings: dict[str, list[dict[str, Any]]] = {}
    for one in record["checks"]:
        findings.setdefault(one["check"], []).append(one)
    assert list(findings) == list(PROBLEMS)
    for name, problem in PROBLEMS.items():
        one = findings[name][0]
        assert (name, one["level"], one["code"]) == (name, problem.level, problem.code)
        if name != "several-windows":
            assert re.search(problem.message, one["message"]), one
        assert tuple(one["items"]) == problem.items
    assert "1:Windows.2" in findings["several-windows"][0]["message"]
    assert disk.read_bytes() == before


def test_the_damage_decides_the_exit_code(disk: Path) -> None:
    record = check(disk)
    assert exit_code(record) == 4
    record["checks"] = [one for one in record["checks"] if not one["damaged"]]
    assert exit_code(record) == 3
    record["checks"] = [one for one in record["checks"] if one["level"] != "error"]
    assert exit_code(record) == 0


def test_the_text_names_each_of_them_grouped_by_level(disk: Path) -> None:
    lines = list(text.checks(check(disk, "mode:vm"), verbose=True))
    head = re.compile(r"(Error|Warning|Note): .* \[([a-z0-9-]+)(?:, (\S+))?\]", re.DOTALL)
    heads = [found.groups() for found in map(head.fullmatch, lines) if found]
    assert [level for level, _, _ in heads] == sorted(
        (level for level, _, _ in heads), key=["Error", "Warning", "Note"].index
    )
    codes = {name: code for _, name, code in heads}
    assert codes.keys() == PROBLEMS.keys()
    whole = "\n".join(lines)
    for name, problem in PROBLEMS.items():
        assert codes[name] == (problem.code or None)
        assert all(item in whole for item in problem.items)
    assert SECRET not in whole
    assert lines[0] == "This image is damaged, and can't be generalized as it is."


def test_what_a_check_warns_of_and_a_provider_mends_is_said_so() -> None:
    """Who reads the check must not boot the image in order to do by hand what the run does."""
    by_default = {one.id for one in select()}
    for check, provider in (("msmq", "msmq"), ("nps", "network-policy-server")):
        assert provider in by_default
        one = session(Machine(**PROBLEMS[check].machine))
        messages = [found.message for found in CHECK[check](one)]
        assert messages
        assert all(f"unless the provider {provider} is disabled" in said for said in messages)
