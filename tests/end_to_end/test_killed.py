"""The parent is killed at many moments: no child survives, the image is untouched or complete.

`make faults` asks for more moments, and kills at every single write as well (tests/faults).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from reseal.testing.windows import windows
from tests import devices
from tests.end_to_end import judges
from tests.faults import supervisor
from tests.faults.supervisor import Fault, Outcome

T = TypeVar("T")
#: Most in the format that clones are made from.
KILLS = int(os.environ.get("RESEAL_KILLS", "6"))
MOMENTS = {"qcow2": -(-KILLS * 2 // 3), "raw": KILLS // 3}
#: Of a loop device, by the bytes of its sectors.
ON_DEVICE = KILLS if "RESEAL_KILLS" in os.environ else 4


@pytest.mark.skipif(not supervisor.available(), reason="this system can't supervise system calls")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "suffix",
    [pytest.param(one, marks=() if one == "qcow2" else pytest.mark.judges) for one in MOMENTS],
)
def test_killing_the_parent_leaves_the_image_untouched_or_complete(
    suffix: str, tmp_path: Path
) -> None:
    golden = tmp_path / f"golden.{suffix}"
    windows(golden)
    before = golden.read_bytes()
    calls = _run(golden, tmp_path / "whole", None).calls
    outcomes = {"untouched": 0, "resumed": 0, "complete": 0}
    for moment in supervisor.moments(calls, f"/image.{suffix} qemu-img", MOMENTS[suffix]):
        folder = tmp_path / str(moment)
        # It returns when no child is left, and fails where one does nothing for a minute.
        assert _run(golden, folder, Fault(moment, "orphan")).hit
        image = folder / golden.with_stem("image").name
        outcome = _outcome(image, before)
        if outcome == "untouched" and not outcomes["untouched"] % 5:
            # What is left beside it does not get in the way of the next run.
            assert judges.reseal("generalize", image, "--quiet").returncode == 0
            _is_complete(image)
        outcomes[outcome] += 1
        shutil.rmtree(folder)
    print(f"{suffix}: {outcomes}")
    assert outcomes["untouched"] > 0
    assert outcomes["resumed"] > 0


@pytest.mark.root
@pytest.mark.judges
@pytest.mark.skipif(not devices.available(), reason=devices.MISSING)
@pytest.mark.skipif(not supervisor.available(), reason="this system can't supervise system calls")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("sector", [512, 4096])
def test_killing_the_parent_leaves_a_device_untouched_or_complete(
    sector: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    golden = tmp_path / "golden.raw"
    windows(golden, size=48 << 20, sector=sector)
    before = golden.read_bytes()

    def run(device: Path, fault: Fault | None) -> Outcome:
        words: list[str | Path] = [
            judges.RESEAL,
            "generalize",
            str(device),
            "--in-place",
            "--quiet",
        ]
        return supervisor.command(words, tmp_path / "state", fault, device)

    calls = _on_device(golden, tmp_path / "image", sector, lambda device: run(device, None)).calls
    outcomes = {"untouched": 0, "resumed": 0, "complete": 0}
    for moment in supervisor.moments(calls, "/device qemu-img", ON_DEVICE):

        def killed(device: Path, moment: int = moment) -> str:
            assert run(device, Fault(moment, "orphan")).hit
            return _outcome_of_device(device, before)

        outcomes[_on_device(golden, tmp_path / "image", sector, killed)] += 1
        assert not list((tmp_path / "state/reseal").glob(".*-journal"))
    print(f"device of {sector}: {outcomes}")
    assert outcomes["untouched"] > 0
    assert outcomes["resumed"] > 0


def _on_device(golden: Path, image: Path, sector: int, job: Callable[[Path], T]) -> T:
    """Do something with a copy of an image on a loop device."""
    shutil.copyfile(golden, image)
    with devices.attached(image, sector) as device:
        return job(device)


def _outcome_of_device(device: Path, before: bytes) -> str:
    shown = judges.reseal("inspect", device, "--json")
    if shown.returncode == 4:
        assert "reseal resume" in shown.stderr
        resumed = judges.reseal("resume", device)
        assert resumed.returncode == 0, resumed.stderr
    elif device.read_bytes() == before:
        return "untouched"
    record = json.loads(judges.reseal("inspect", device, "--json").stdout)
    assert record["state"]["image_state"] == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
    assert record["state"]["generalization_state"] == 4
    return "resumed" if shown.returncode == 4 else "complete"


def _run(golden: Path, folder: Path, fault: Fault | None) -> Outcome:
    """Generalize a copy of an image with the command, whose own process a fault kills."""
    folder.mkdir()
    image = folder / golden.with_stem("image").name
    shutil.copyfile(golden, image)
    return supervisor.command([judges.RESEAL, "generalize", image], folder, fault)


def _outcome(image: Path, before: bytes) -> str:
    outcome = "untouched"
    shown = judges.reseal("inspect", image, "--json")
    if shown.returncode == 4:
        # A journal is there: every command refuses and says what to do.
        assert "reseal resume" in shown.stderr
        refused = judges.reseal("generalize", image)
        assert refused.returncode == 4
        assert "reseal resume" in refused.stderr
        resumed = judges.reseal("resume", image)
        assert resumed.returncode == 0, resumed.stderr
        outcome = "resumed"
    elif image.read_bytes() == before:
        return outcome
    else:
        outcome = "complete"
    _is_complete(image)
    assert [one.name for one in image.parent.iterdir()] == [image.name]
    return outcome


def _is_complete(image: Path) -> None:
    record = json.loads(judges.reseal("inspect", image, "--json").stdout)
    assert record["state"]["image_state"] == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
    assert record["state"]["generalization_state"] == 4
    again = judges.generalize(image)
    assert again["result"] == "already generalized"
    if image.suffix == ".qcow2":
        subprocess.run(["qemu-img", "check", image], check=True, capture_output=True)
    with_volume = image.parent.parent / "extracted"
    with_volume.mkdir(exist_ok=True)
    assert judges.Volume.of(image, with_volume).is_clean()
