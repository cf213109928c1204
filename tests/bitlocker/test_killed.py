"""Kills in the middle of a decryption in place: encrypted and openable, or complete after resume."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from reseal.bitlocker import keys
from reseal.run import read
from tests.bitlocker import encryptor
from tests.bitlocker.encryptor import Made, Protector
from tests.bitlocker.test_run import decrypted, look
from tests.bitlocker.windows import encrypted_windows
from tests.end_to_end import judges

KILLS = int(os.environ.get("RESEAL_KILLS", "6"))


def command(image: Path, key: Path) -> list[str]:
    return [
        *(str(judges.RESEAL), "decrypt", str(image), "--in-place", "--sparse"),
        *("--key", f"recovery:{key}"),
    ]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("suffix", ["qcow2", "raw"])
def test_untouched_or_complete(suffix: str, tmp_path: Path, recovery: Protector) -> None:
    golden = encrypted_windows(
        tmp_path / f"golden.{suffix}", [recovery], made=Made(), used_space_only=False
    )
    before = golden.read_bytes()
    key = tmp_path / "recovery.txt"
    key.write_text(encryptor.RECOVERY)
    given = (keys.recovery_key(encryptor.RECOVERY),)
    first, merging = _seconds(golden, key, tmp_path / f"timed.{suffix}")
    drawn = random.Random(f"killed {suffix}")
    outcomes = {"untouched": 0, "resumed": 0, "complete": 0}
    for moment in range(KILLS):
        folder = tmp_path / f"run{moment}"
        folder.mkdir()
        image = folder / f"image.{suffix}"
        shutil.copyfile(golden, image)
        run = subprocess.Popen(
            command(image, key), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert run.stderr
        steps = 1 + moment % 2
        for _ in range(steps):
            run.stderr.readline()
        time.sleep(drawn.uniform(0, first if steps == 1 else merging))
        run.kill()
        run.communicate(timeout=30)
        outcome = "untouched"
        shown = judges.reseal("inspect", image, "--json")
        if "reseal resume" in shown.stderr:
            assert shown.returncode == 4
            resumed = judges.reseal("resume", image)
            assert resumed.returncode == 0, resumed.stderr
            outcome = "resumed"
        elif image.read_bytes() != before:
            outcome = "complete"
        if outcome == "untouched":
            assert read(image, look, keys=given)["encrypted"] is True
        else:
            assert read(image, look)["encrypted"] is False
            judged = folder / "judged"
            judged.mkdir()
            decrypted(image, judged)
        outcomes[outcome] += 1
        shutil.rmtree(folder)
    print(f"{suffix}: {outcomes}")
    assert outcomes["untouched"] > 0
    assert sum(outcomes.values()) == KILLS


def _seconds(golden: Path, key: Path, image: Path) -> tuple[float, float]:
    """How long the decryption and the merge take here and now."""
    shutil.copyfile(golden, image)
    run = subprocess.Popen(
        command(image, key), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert run.stderr
    moments = []
    for line in run.stderr:
        assert line.startswith(("Decrypting volume 1", "Merging")), line
        moments.append(time.monotonic())
    run.wait(timeout=120)
    assert run.returncode == 0
    end = time.monotonic()
    image.unlink()
    assert len(moments) == 2
    return moments[1] - moments[0], end - moments[1]
