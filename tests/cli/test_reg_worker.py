"""`reseal reg` parses hives in a worker, and leaves no copy of one, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from reseal.cli.commands import reseal
from reseal.errors import ImageError
from reseal.regf import Hive
from reseal.testing.hives import hive
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.end_to_end import judges

NAME = "Vendor"
COMMANDS = {
    "query": ["query", "{}", NAME, "-r"],
    "set": ["set", "{}", NAME, "n", "1"],
    "delete": ["delete", "{}", NAME],
    "rename": ["rename", "{}", NAME, "Other"],
    "export": ["export", "{}", NAME],
    "verify": ["verify", "{}"],
    "compact": ["compact", "{}"],
    "diff": ["diff", "{}", "{}"],
}


@pytest.fixture
def software(tmp_path: Path) -> Path:
    path = tmp_path / "SOFTWARE"
    path.write_bytes(hive({NAME: {"a": "b"}}).to_bytes())
    return path


@pytest.mark.parametrize("name", COMMANDS)
def test_a_hive_is_parsed_in_another_process(
    name: str, software: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = software.read_bytes()

    def refuse(*_: object, **_options: object) -> Hive:
        raise ImageError(f"opened in {os.getpid()}")

    monkeypatch.setattr(Hive, "open", refuse)
    words = [word.format(software) for word in COMMANDS[name]]
    done = CliRunner().invoke(reseal, ["reg", *words])
    assert done.exit_code == 4
    said = done.output.partition("opened in ")[2].split()[0]
    assert said.isdigit()
    assert int(said) != os.getpid()
    assert software.read_bytes() == before


def test_a_crash_while_a_hive_is_parsed_is_an_error(
    software: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **_options: object) -> Hive:
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError

    monkeypatch.setattr(Hive, "open", crash)
    done = CliRunner().invoke(reseal, ["reg", "query", str(software)])
    assert done.exit_code == 4
    assert "crashed (SIGSEGV)" in done.output


def test_what_a_worker_prints_can_not_reach_the_terminal(
    software: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that an image has taken over prints what it likes."""
    monkeypatch.setattr(
        "reseal.cli.reg_commands.value_text", lambda _: "\x1b]0;title\x07\x9b2J\u202e"
    )
    done = CliRunner().invoke(reseal, ["reg", "query", str(software), NAME])
    assert done.exit_code == 0
    assert not set("\x1b\x07\x9b\u202e") & set(done.output)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("command", ["query", "export"])
def test_no_copy_of_a_hive_stays(command: str, number: int, tmp_path: Path) -> None:
    image, temporary = tmp_path / "sample.qcow2", tmp_path / "tmp"
    windows(image, Machine(users=("Alice",)), size=48 << 20)
    temporary.mkdir()
    words = [str(judges.RESEAL), "reg", command, str(image), r"HKLM\SAM"]
    environment = os.environ | {"TMPDIR": str(temporary)}
    start = time.monotonic()
    subprocess.run(words, env=environment, check=True, stdout=subprocess.DEVNULL)
    took = time.monotonic() - start
    assert not list(temporary.iterdir())
    for part in (0.5, 0.8, 0.95):
        run = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
        time.sleep(took * part)  # it may have ended: then nothing is left, either
        run.send_signal(number)
        run.wait()
        files = [one for one in temporary.rglob("*") if one.is_file()]
        assert not [one for one in files if one.read_bytes()[:4] == b"regf"]
        if number == signal.SIGTERM:
            assert not list(temporary.iterdir())
