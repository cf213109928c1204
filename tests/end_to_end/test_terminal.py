"""What a person sees: quiet, verbose, without colours where none are wanted, and at once."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

from bench import startup
from reseal import __version__
from tests.end_to_end import judges

ESCAPE = "\x1b"


def _on_a_terminal(*arguments: str | Path, **environment: str) -> str:
    """Run the command with a terminal for its standard output and error."""
    outer, inner = pty.openpty()
    variables = {name: text for name, text in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        [judges.RESEAL, *arguments],
        stdout=inner,
        stderr=inner,
        env=variables | {"TERM": "xterm-256color", **environment},
    )
    os.close(inner)
    shown = b""
    while True:
        try:
            part = os.read(outer, 1 << 16)
        except OSError:  # how a terminal ends on Linux
            break
        if not part:
            break
        shown += part
    process.wait()
    os.close(outer)
    return shown.decode()


def test_the_version_is_there_at_once() -> None:
    shown = judges.reseal("--version")
    assert (shown.returncode, shown.stdout) == (0, f"reseal {__version__}\n")
    # A machine that is busy elsewhere disturbs some measurements, never all of them.
    ratios = []
    for _ in range(3):
        ours, floor = startup.ratio(11)
        ratios.append(ours / floor)
    assert min(ratios) < startup.LIMIT


def test_colours_are_for_terminals_that_want_them(tmp_path: Path) -> None:
    missing = tmp_path / "missing.qcow2"
    assert f"{ESCAPE}[" in _on_a_terminal("inspect", missing)
    assert ESCAPE not in _on_a_terminal("inspect", missing, NO_COLOR="1")
    assert ESCAPE not in judges.reseal("inspect", missing).stderr


def test_quiet_tells_nothing_of_a_run_that_succeeds(sample: Path) -> None:
    loud = judges.reseal("generalize", sample, "--dry-run")
    quiet = judges.reseal("generalize", sample, "--dry-run", "--quiet")
    assert "Checking" in loud.stderr
    assert "nothing was written" in loud.stdout
    assert (quiet.stdout, quiet.stderr, quiet.returncode) == ("", "", 0)
    refused = judges.reseal("sysprep", sample, "/oobe", "/audit", "--quiet")
    assert "Error: " in refused.stderr


def test_the_summary_fits_a_screen_and_verbose_tells_everything(sample: Path) -> None:
    record = judges.generalize(sample, "--dry-run")
    short = judges.reseal("generalize", sample, "--dry-run").stdout.splitlines()
    assert len(short) <= 24
    providers = {one["provider"] for one in record["changes"]}
    assert any(f"{len(record['changes'])} changes by {len(providers)} pr" in line for line in short)
    long = judges.reseal("generalize", sample, "--dry-run", "--verbose").stdout
    assert all(one in long for one in providers)
    for change in record["changes"]:
        assert change["target"] in long
    assert "IMAGE_STATE_COMPLETE → " in long
