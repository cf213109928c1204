"""The parent is killed at random moments: no child survives, the image is untouched or complete.

`make faults` asks for more moments, and kills at every single write as well (tests/faults).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from reseal.testing.windows import windows
from tests.end_to_end import judges

#: Most in the format that clones are made from.
KILLS = int(os.environ.get("RESEAL_KILLS", "10"))
MOMENTS = {"qcow2": -(-KILLS * 2 // 3), "raw": KILLS // 3}
STEPS = 8
MARKER = "RESEAL_TEST_RUN"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("suffix", MOMENTS)
def test_killing_the_parent_leaves_the_image_untouched_or_complete(
    suffix: str, tmp_path: Path
) -> None:
    golden = tmp_path / f"golden.{suffix}"
    windows(golden)
    before = golden.read_bytes()
    drawn = random.Random(f"killed {suffix}")
    outcomes = {"untouched": 0, "resumed": 0, "complete": 0}
    merging = _seconds_of_merge(golden, tmp_path / f"timed.{suffix}")
    for moment in range(MOMENTS[suffix]):
        folder = tmp_path / f"run{moment}"
        folder.mkdir()
        image = folder / f"image.{suffix}"
        shutil.copyfile(golden, image)
        marker = _run_and_kill(image, moment, drawn, merging)
        _nobody_survives(marker)
        outcome = _outcome(image, before)
        if outcome == "untouched" and not outcomes["untouched"] % 5:
            # What is left beside it does not get in the way of the next run.
            assert judges.reseal("generalize", image, "--quiet").returncode == 0
            _is_complete(image)
        outcomes[outcome] += 1
        shutil.rmtree(folder)
    print(f"{suffix}: {outcomes}")
    assert sum(outcomes.values()) == MOMENTS[suffix]
    assert outcomes["untouched"] > 0


def _seconds_of_merge(golden: Path, image: Path) -> float:
    """How long the last step takes here and now, so that kills fall before, into and behind it."""
    shutil.copyfile(golden, image)
    run = subprocess.Popen(
        [judges.RESEAL, "generalize", image], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert run.stderr
    for _ in range(STEPS):
        run.stderr.readline()
    start = time.monotonic()
    run.communicate(timeout=120)
    image.unlink()
    return time.monotonic() - start


def _run_and_kill(image: Path, moment: int, drawn: random.Random, merging: float) -> str:
    """Kill the parent alone, a random time after a random step has begun; returns its marker."""
    marker = uuid.uuid4().hex
    run = subprocess.Popen(
        [judges.RESEAL, "generalize", image],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {MARKER: marker},
    )
    assert run.stderr
    # The merge is the last step and the only one that touches the image: every other kill hits it.
    steps = drawn.randrange(STEPS) if moment % 2 else STEPS
    for _ in range(steps):
        if not run.stderr.readline():
            break
    time.sleep(drawn.uniform(0, merging if steps == STEPS else 0.04))
    run.kill()
    run.communicate(timeout=30)
    return marker


def _nobody_survives(marker: str) -> None:
    deadline = time.monotonic() + 5
    while alive := _marked(marker):
        assert time.monotonic() < deadline, f"still alive: {alive}"
        time.sleep(0.005)


def _marked(marker: str) -> list[str]:
    found = []
    wanted = f"{MARKER}={marker}".encode()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if wanted in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_text())
            except OSError:
                continue
    return found


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
