"""A pipe, a socket or an endless device where a file is expected is refused at once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from reseal.testing.windows import windows

RESEAL = Path(sys.executable).with_name("reseal")
COMMANDS = {
    "image": "inspect {}",
    "image to change": "generalize {}",
    "hive": r"reg query {} HKLM\SAM",
    ".reg file": "reg import IMAGE {}",
    "identity": "verify IMAGE --identity {}",
    "other image": "verify IMAGE --against {}",
    "recipe": "customize IMAGE --recipe {}",
    "copied in": "customize IMAGE --copy-in {}:/x",
    "answer file": "unattend check {}",
    "answer file to apply": "generalize IMAGE --unattend {}",
    "boot store": "bcd show {}",
    "fleet": "clone IMAGE {} --output-dir FLEET",
    "WIM": "apply {} FLEET",
}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "machine.qcow2"
    windows(path)
    return path


@pytest.mark.parametrize("kind", ["fifo", "socket", "zero"])
@pytest.mark.parametrize("what", COMMANDS)
def test_what_is_no_file_is_refused_at_once(
    image: Path, tmp_path: Path, what: str, kind: str
) -> None:
    suffix = {"fleet": ".csv", "recipe": ".toml", "WIM": ".wim", ".reg file": ".reg"}.get(
        what, ".json"
    )
    path, before = tmp_path / f"odd{suffix}", image.read_bytes()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "zero":
        path.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    words = COMMANDS[what].replace("IMAGE", str(image)).replace("FLEET", str(tmp_path / "fleet"))
    done = subprocess.run(
        [RESEAL, *(word.replace("{}", str(path)) for word in words.split())],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode in {2, 4}, done.stderr
    assert "Traceback" not in done.stderr
    assert image.read_bytes() == before
