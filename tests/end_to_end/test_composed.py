"""Machines composed of real hives: what they are, and what generalize makes of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.end_to_end import composed, judges


@pytest.mark.corpus
@pytest.mark.parametrize("name", composed.MACHINES)
def test_a_composed_machine_is_what_its_hives_say(
    name: str, composed_machines: dict[str, Path]
) -> None:
    what = composed.MACHINES[name]
    done = judges.reseal("inspect", composed_machines[name], "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["build"] for one in found["windows"]] == [what.build]
    assert found["identity"]["machine_sid"] == str(what.sid)
    assert found["identity"]["computer_name"] == what.computer_name


@pytest.mark.corpus
@pytest.mark.parametrize("name", composed.MACHINES)
def test_its_hives_are_read_by_others_after_it_was_generalized(
    name: str, composed_machines: dict[str, Path], tmp_path: Path
) -> None:
    image = tmp_path / "machine.qcow2"
    shutil.copyfile(composed_machines[name], image)
    record = judges.generalize(image)
    assert record["result"] == "generalized"
    volume = judges.Volume.of(image, tmp_path)
    assert volume.is_clean()
    for hive in ("SYSTEM", "SOFTWARE"):
        assert judges.seen(volume.read(judges.HIVES[hive]))
