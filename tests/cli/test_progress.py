from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from reseal.cli.progress import progress
from reseal.worker import percents


def test_steps_are_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    messages: list[dict[str, Any]] = [
        {"step": "Reading"},
        {"progress": "Reading", "done": 1, "total": 2},
        {"step": "Writing"},
    ]
    with progress(quiet=False) as tell:
        for one in messages:
            tell(one)
    assert capsys.readouterr().err == "Reading …\nWriting …\n"
    with progress(quiet=True) as tell:
        tell({"step": "Reading"})
    assert capsys.readouterr().err == ""


def test_each_percent_is_reported_once() -> None:
    said: list[dict[str, Any]] = []
    tell = percents(said.append, "Searching")
    for done in range(1001):
        tell(done, 1000)
    tell(0, 0)
    assert len(said) == 101
    assert said[-1] == {"progress": "Searching", "done": 1000, "total": 1000}


@pytest.mark.parametrize("colours", ["", "1"])
def test_a_terminal_gets_a_bar_with_speed_and_time_left(colours: str) -> None:
    script = (
        "import time\n"
        "from reseal.cli.progress import progress\n"
        "with progress(quiet=False) as tell:\n"
        "    for done in range(4):\n"
        "        tell({'progress': 'Searching', 'done': done << 20, 'total': 4 << 20})\n"
        "        time.sleep(0.15)\n"
    )
    leader, follower = os.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120", "NO_COLOR": colours}
    process = subprocess.Popen([sys.executable, "-c", script], stderr=follower, env=environment)
    os.close(follower)
    shown = b""
    try:
        while part := os.read(leader, 1 << 16):
            shown += part
    except OSError:  # how a terminal ends on Linux
        pass
    assert process.wait() == 0
    os.close(leader)
    text = shown.decode()
    assert "Searching" in text
    assert " of 4 MiB" in text
    assert "MiB/s" in text
    assert " left" in text
    assert ("\x1b[32m" in text) == (not colours)
