"""A bad day on the host: signals, full disks behind the output, folders that are gone, hostile names."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reseal.cli import console
from reseal.errors import ImageError
from reseal.testing.windows import windows

RESEAL = Path(sys.executable).with_name("reseal")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "images" / "machine.qcow2"
    path.parent.mkdir()
    windows(path)
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("step", [b"Opening", b"Writing", b"Reading it back"])
def test_a_signal_cleans_up(
    image: Path, tmp_path: Path, number: signal.Signals, step: bytes
) -> None:
    before, temporary = image.read_bytes(), tmp_path / "tmp"
    temporary.mkdir()
    with subprocess.Popen(
        [RESEAL, "generalize", image, "--report", tmp_path / "report.json"],
        env=os.environ | {"TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as process:
        assert process.stderr
        if step == b"Opening":
            time.sleep(0.4)
        else:
            while (line := process.stderr.readline()) and step not in line:
                pass
        process.send_signal(number)
        process.stderr.read()
    assert process.returncode in {1, 128 + number, -number, 0}
    if process.returncode != 0:
        assert image.read_bytes() == before
        assert sorted(one.name for one in tmp_path.iterdir()) == ["images", "tmp"]
    assert [one.name for one in image.parent.iterdir()] == [image.name]
    assert list(temporary.iterdir()) == []


def test_a_signal_leaves_no_copy_of_a_hive(image: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with subprocess.Popen(
        [RESEAL, "reg", "query", image, r"HKLM\SAM", "-r"],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        # os.walk passes over folders that go meanwhile.
        while process.poll() is None and not any(
            "hive" in files for *_, files in os.walk(temporary)
        ):
            time.sleep(0.001)
        process.terminate()
    assert [one for one in temporary.rglob("*") if one.is_file()] == []


def test_a_signal_does_not_stop_what_is_deleted_at_exit(tmp_path: Path) -> None:
    script = (
        "import atexit, os, pathlib, signal, sys\n"
        "from reseal.cli import entry\n"
        "def clean():\n"
        "    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):\n"
        "        os.kill(os.getpid(), number)\n"
        "    pathlib.Path('cleaned').touch()\n"
        "atexit.register(clean)\n"
        "sys.argv = ['reseal', '--help']\n"
        "entry.main()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, cwd=tmp_path)
    assert (tmp_path / "cleaned").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "arguments", [("inspect",), ("inspect", "--json"), ("customize", "--mkdir", "/New")]
)
def test_a_full_disk_behind_the_output_is_said(image: Path, arguments: tuple[str, ...]) -> None:
    command, *options = arguments
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [RESEAL, command, image, *options], stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "the output can't be written: No space left on device" in done.stderr


def test_a_current_folder_that_is_gone(image: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    script = f"cd {gone} && rmdir {gone} && exec {RESEAL} inspect"
    for target, code in ((str(image), 0), ("machine.qcow2", 4)):
        gone.mkdir()
        done = subprocess.run(
            ["sh", "-c", f"{script} {target}"], capture_output=True, text=True, check=False
        )
        assert done.returncode in {code, 1}, done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["inspect", "verify", "generalize", "check", "resume"])
def test_an_empty_path_is_an_error(command: str, image: Path) -> None:
    done = subprocess.run(
        [RESEAL, command, ""], capture_output=True, text=True, cwd=image.parent, check=False
    )
    assert done.returncode == 2
    assert "the path is empty" in done.stderr


def test_an_exported_hive_is_private_over_an_existing_file_too(image: Path, tmp_path: Path) -> None:
    target = tmp_path / "sam.reg"
    for existing in (False, True):
        target.unlink(missing_ok=True)
        if existing:
            target.touch(0o644)
            target.chmod(0o644)
        command: list[str | Path] = [RESEAL, "reg", "export", image, r"HKLM\SAM", "-o", target]
        subprocess.run(command, check=True, capture_output=True)
        assert target.stat().st_mode & 0o777 == 0o600
        assert target.stat().st_size > 100


# Text of an image

HOSTILE = ("\x1b[2J", "\x9b2J", "a\u202eb", "\u2066x", "\x07", "\r", "\u200f", "[red]markup[/red]")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_steers_a_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    console.print_lines(iter([text]))
    console.print_json({"name": text, text: ["nested", text]})
    with pytest.raises(SystemExit), console.errors(as_json=False):
        raise ImageError(f"{text} is wrong", f"Look at {text}")
    out, err = capsys.readouterr()
    for shown in (out, err):
        assert all(char.isprintable() or char == "\n" for char in shown)
    assert json.loads(out[out.index("{") :])["name"] == text


@pytest.mark.parametrize("text", HOSTILE)
def test_progress_is_not_markup(text: str) -> None:
    """On a terminal, which is where markup would be parsed."""
    script = (
        "import sys\n"
        "from reseal.cli.progress import progress\n"
        "with progress(quiet=False) as tell:\n"
        "    tell({'step': sys.argv[1] + ' [/nothing]'})\n"
    )
    leader, follower = os.openpty()
    done = subprocess.run(
        [sys.executable, "-c", script, text], stderr=follower, stdout=subprocess.PIPE, check=False
    )
    os.close(follower)
    os.close(leader)
    assert done.returncode == 0
