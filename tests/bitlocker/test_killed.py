"""Kills in the middle of a decryption in place: encrypted and openable, or complete after resume."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from reseal.bitlocker import keys
from reseal.run import read
from tests.bitlocker import encryptor
from tests.bitlocker.encryptor import Made, Protector
from tests.bitlocker.test_run import decrypted, look
from tests.bitlocker.windows import encrypted_windows
from tests.end_to_end import judges
from tests.faults import supervisor
from tests.faults.supervisor import Fault, Outcome

KILLS = int(os.environ.get("RESEAL_KILLS", "4"))


def run(golden: Path, key: Path, image: Path, fault: Fault | None) -> Outcome:
    image.parent.mkdir()
    shutil.copyfile(golden, image)
    options = ["--in-place", "--sparse", "--key", f"recovery:{key}"]
    return supervisor.command([judges.RESEAL, "decrypt", image, *options], image.parent, fault)


@pytest.mark.skipif(not supervisor.available(), reason="this system can't supervise system calls")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("suffix", ["qcow2", pytest.param("raw", marks=pytest.mark.judges)])
def test_untouched_or_complete(suffix: str, tmp_path: Path, recovery: Protector) -> None:
    golden = encrypted_windows(
        tmp_path / f"golden.{suffix}", [recovery], made=Made(), used_space_only=False
    )
    before = golden.read_bytes()
    key = tmp_path / "recovery.txt"
    key.write_text(encryptor.RECOVERY)
    given = (keys.recovery_key(encryptor.RECOVERY),)
    name = f"image.{suffix}"
    calls = run(golden, key, tmp_path / "whole" / name, None).calls
    outcomes = {"untouched": 0, "resumed": 0, "complete": 0}
    for moment in supervisor.moments(calls, f"/{name} qemu-img", KILLS):
        image = tmp_path / str(moment) / name
        assert run(golden, key, image, Fault(moment, "orphan")).hit
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
            judged = image.parent / "judged"
            judged.mkdir()
            decrypted(image, judged)
        outcomes[outcome] += 1
        shutil.rmtree(image.parent)
    print(f"{suffix}: {outcomes}")
    assert outcomes["untouched"] > 0
    assert outcomes["resumed"] > 0
