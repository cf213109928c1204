"""The workflow that proves a boot, as far as it runs without Windows: its steps with other programs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.windows_proof.results import Results

ROOT = Path(__file__).parents[2]
JOB: dict[str, Any] = yaml.safe_load(
    (ROOT / ".github" / "workflows" / "windows-proof.yml").read_text("utf-8")
)["jobs"]["proof"]
ISO = b"an evaluation ISO"
#: Programs of the runner, and what takes their place.
PROGRAMS = {
    "curl": 'for word in "$@"; do [ "$last" = --output ] && printf %s "an evaluation ISO" > "$word"; '
    'last=$word; done; echo "curl $*" >> "$CALLS"',
    "sudo": 'echo "sudo $*" >> "$CALLS"; case "$1" in mkdir) exec "$@";; esac',
    "sh": 'echo "sh $*" >> "$CALLS"',
}
PROOF = (
    'echo "python $*" >> "$CALLS"; printf "| step |\\n" > "$WORK/results.md"; '
    'touch "$WORK/report.md" "$WORK/reseal.html"'
)


@pytest.fixture
def runner(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder as a checkout, and the environment of the job."""
    programs = tmp_path / "programs"
    programs.mkdir()
    python = tmp_path / "checkout" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    for path, text in (
        *((programs / name, text) for name, text in PROGRAMS.items()),
        (python, PROOF),
    ):
        path.write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
        path.chmod(0o755)
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "ISO_URL": "https://example.org/windows.iso",
        "ISO_SHA256": hashlib.sha256(ISO).hexdigest(),
        "INDEX": "1",
        "WORK": str(tmp_path / "proof"),
        "CALLS": str(tmp_path / "calls"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    return tmp_path / "checkout", environment


def run(folder: Path, environment: dict[str, str]) -> list[tuple[str, int]]:
    """Run the steps as the runner does: bash, until one fails, and then those with `if: always()`."""
    done: list[tuple[str, int]] = []
    for step in JOB["steps"]:
        failed = any(code for _, code in done)
        if "run" in step and (not failed or step.get("if") == "always()"):
            command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            code = subprocess.run(command, cwd=folder, env=environment, check=False).returncode
            done.append((step["name"], code))
    return done


def test_its_steps_run_in_order(runner: tuple[Path, dict[str, str]]) -> None:
    folder, environment = runner
    done = run(folder, environment)
    assert all(code == 0 for _, code in done), done
    work = environment["WORK"]
    calls = Path(environment["CALLS"]).read_text("utf-8").splitlines()
    options = "--fail --location --silent --show-error --proto =https"
    assert calls[-3:] == [
        "sh tools/setup.sh test",
        f"curl {options} --output {work}/windows.iso https://example.org/windows.iso",
        f"python -m tools.windows_proof --iso {work}/windows.iso --index 1 --work {work}",
    ]
    assert Path(environment["GITHUB_STEP_SUMMARY"]).read_text("utf-8") == "| step |\n"
    kept = JOB["steps"][-1]["with"]["path"].split()
    assert {Path(one).name for one in kept} == {"results.md", "report.md", "reseal.html"}
    assert all(Path(one.replace(JOB["env"]["WORK"], work)).exists() for one in kept)


@pytest.mark.parametrize(
    ("change", "stops"),
    [
        ({"ISO_URL": ""}, "Check the variables"),
        ({"ISO_SHA256": ""}, "Check the variables"),
        ({"INDEX": "1; true"}, "Check the variables"),
        ({"ISO_SHA256": "0" * 64}, "Download the evaluation ISO"),
    ],
)
def test_it_stops_where_something_is_missing(
    runner: tuple[Path, dict[str, str]], change: dict[str, str], stops: str
) -> None:
    folder, environment = runner
    done = run(folder, environment | change)
    assert [name for name, code in done if code] == [stops]
    assert done[-1] == ("Show the table", 0)


def test_the_command_of_the_proof_takes_these_options() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.windows_proof", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (step,) = [one for one in JOB["steps"] if "tools.windows_proof" in one.get("run", "")]
    for word in step["run"].split():
        assert not word.startswith("--") or word in done.stdout


def test_a_run_that_fails_leaves_its_table(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.md")
    results.add("Installation", "IMAGE_STATE_COMPLETE", expected=True)
    with pytest.raises(SystemExit, match="two clones"):
        results.add("two clones: machine_sid differs", "S-1 / S-1", expected=False)
    assert results.path.read_text("utf-8").splitlines()[2:] == [
        "| step | seen | as expected |",
        "|---|---|---|",
        "| Installation | IMAGE_STATE_COMPLETE | yes |",
        "| two clones: machine_sid differs | S-1 / S-1 | NO |",
    ]
