"""Scripts for the first boot: in a Windows in use by a service, otherwise by SetupComplete.cmd."""

from __future__ import annotations

import re
from pathlib import Path

from reseal.customize import next_boot
from reseal.customize.run import Customization
from reseal.customize.steps import STEPS
from reseal.mark import Mark
from reseal.regf import types
from reseal.sysprep.arm import Target
from reseal.testing.machine import Machine
from tests.builders import session, step_effect

FOLDER = r"Windows\Setup\Scripts\reseal"
STATE = r"Microsoft\Windows\CurrentVersion\Setup\State"
SEALED = Machine(
    software={STATE.split("\\", maxsplit=1)[0]: {"Windows": {"CurrentVersion": {"Setup": {"State": {
        "ImageState": "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE"
    }}}}}}
)  # fmt: skip


def test_a_windows_in_use_runs_a_command_at_its_next_boot() -> None:
    found = step_effect("firstboot-command", "echo hello")
    files = {one for one in found.changes if one[0] in "+-*" and ".cmd" in one}
    assert files == {rf"+{FOLDER}\nextboot.cmd", rf"+{FOLDER}\nextboot.d\0001-command.cmd"}
    keys = {one for one in found.changes if one[0] not in "+-*"}
    assert keys
    assert all(r"\Services\reseal-firstboot" in one for one in keys)
    path = r"HKLM\SYSTEM\CurrentControlSet\Services\reseal-firstboot"
    registry = found.after.registry
    numbers = {name: registry.number(path, name) for name in ("Type", "Start", "ErrorControl")}
    assert numbers == {"Type": 0x10, "Start": 2, "ErrorControl": 1}
    assert registry.text(path, "ObjectName") == "LocalSystem"
    key = registry.key(path)
    assert key
    program = key.value("ImagePath")
    assert program
    assert program.type == types.REG_EXPAND_SZ
    text = program.data.decode("utf-16-le").rstrip("\0")
    # cmd.exe comes first, without quotes, so that /c keeps those behind it.
    assert re.fullmatch(
        r'%SystemRoot%\\System32\\cmd\.exe /d /c start "" /min '
        r'"%SystemRoot%\\System32\\cmd\.exe" /d /c '
        r'"%SystemRoot%\\Setup\\Scripts\\reseal\\nextboot\.cmd"',
        text,
    )
    assert any("in use" in note for note in found.session.notes)
    assert {change.mark for change in found.session.changes} == {Mark.INFERRED}


def test_the_runner_runs_each_script_once_and_removes_the_service_last() -> None:
    text = step_effect("firstboot-command", "echo hello").read(rf"{FOLDER}\nextboot.cmd").decode()
    assert text.count("\r\n") == text.count("\n")
    lines = text.splitlines()
    words = ("call :one", "sc.exe delete reseal-firstboot", "del ", "move /y", 'call "%DONE%')
    where = {word: next(i for i, line in enumerate(lines) if word in line) for word in words}
    assert where["call :one"] < where["sc.exe delete reseal-firstboot"] < where["del "]
    assert where["move /y"] < where['call "%DONE%']
    labels = {line[1:] for line in lines if re.fullmatch(r":\w+", line)}
    used = set(re.findall(r"(?:goto |call :)(\w+)", text))
    assert used == labels
    assert text.isascii()


def test_an_image_that_is_sealed_runs_it_after_setup() -> None:
    found = step_effect("firstboot-command", "echo hello", machine=SEALED)
    assert rf"+{FOLDER}\firstboot.d\0001-command.cmd" in found.changes
    assert r"+Windows\Setup\Scripts\SetupComplete.cmd" in found.changes
    assert not any("reseal-firstboot" in one for one in found.changes)


def test_the_mark_of_an_earlier_first_boot_does_not_keep_scripts_from_running() -> None:
    files = {"ProgramData": {"reseal": {"firstboot.done": b"before"}}}
    for machine in (Machine(files=files), Machine(files=files, software=SEALED.software)):
        found = step_effect("firstboot-command", "echo hello", machine=machine)
        assert r"-ProgramData\reseal\firstboot.done" in found.changes


def test_several_scripts_share_one_service() -> None:
    words = [("echo one",), ("echo two",)]
    given = [STEPS["firstboot-command"].parse(one, "--firstboot-command", Path()) for one in words]
    one = session()
    Customization(given).stage(one)
    scripts = one.files.list(rf"{FOLDER}\nextboot.d")
    assert sorted(found.name for found in scripts) == ["0001-command.cmd", "0002-command.cmd"]
    assert sum("in use" in note for note in one.notes) == 1
    assert next_boot.SERVICE == "reseal-firstboot"


def test_generalizing_leaves_waiting_scripts_to_setup() -> None:
    waiting = step_effect("firstboot-command", "echo hello").after
    again = Customization([])
    again.stage(waiting, Target.OOBE)
    again.finish()
    folder = waiting.files.list(FOLDER)
    assert {one.name for one in folder} == {"firstboot.d", "firstboot.cmd"}
    scripts = waiting.files.list(rf"{FOLDER}\firstboot.d")
    assert [one.name for one in scripts] == ["0001-command.cmd"]
    assert waiting.registry.key(r"HKLM\SYSTEM\CurrentControlSet\Services\reseal-firstboot") is None
