"""Machines in use, generalized and then proved: the sample, and those composed of real hives."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import composed, judges

#: What is asked for, the verdict, and the exit code of `verify --strict`.
MODES = {
    "pending": ((), "as after Sysprep", 3),
    "now": (("--sid-now", "--all-volumes"), "clean", 0),
}


def copy(source: Path, target: Path) -> None:
    """Copy a qcow2, to the format of the new one's suffix."""
    kind = target.suffix[1:]
    command = ["qemu-img", "convert", "-f", "qcow2", "-O", kind, str(source), str(target)]
    subprocess.run(command, check=True)


def proved(image: Path, mode: str, folder: Path) -> None:
    """Generalize, and verify without the old identity, with it, and strictly."""
    arguments, verdict, strict = MODES[mode]
    identity = folder / "identity.json"
    judges.generalize(image, *arguments, "--save-identity", identity)
    for more in ((), ("--identity", identity)):
        done = judges.reseal("verify", image, "--json", "--quiet", *more)
        record: dict[str, Any] = json.loads(done.stdout)
        assert (done.returncode, record["result"]) == (0, verdict), record["failures"]
    done = judges.reseal("verify", image, "--identity", identity, "--strict", "--quiet")
    assert done.returncode == strict, done.stdout


#: One of each in every run; `make judges` has all.
judges_only = pytest.mark.judges


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("pending", "qcow2"),
        ("now", "raw"),
        pytest.param("pending", "raw", marks=judges_only),
        pytest.param("now", "qcow2", marks=judges_only),
    ],
)
def test_the_sample_in_use(machine_in_use: Path, mode: str, suffix: str, tmp_path: Path) -> None:
    image = tmp_path / f"image.{suffix}"
    copy(machine_in_use, image)
    proved(image, mode, tmp_path)


#: Each machine, mode and format, but not all of their combinations.
SOME = {("10", "now", "qcow2"), ("8.1 in a domain", "pending", "raw"), ("7 x86", "now", "raw")}
ALL = itertools.product(composed.MACHINES, MODES, ["qcow2", "raw"])


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "mode", "suffix"),
    [pytest.param(*one, marks=() if one in SOME else judges_only) for one in ALL],
)
def test_a_machine_of_real_hives(
    composed_machines: dict[str, Path], name: str, mode: str, suffix: str, tmp_path: Path
) -> None:
    image = tmp_path / f"image.{suffix}"
    copy(composed_machines[name], image)
    proved(image, mode, tmp_path)
