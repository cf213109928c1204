"""What happens around a fleet while it is made: a golden image that changes, a run that was killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reseal.clone import CloneOptions, clone
from reseal.clone.record import MADE, FleetRecord
from reseal.errors import ImageError, ResealError
from tests.clone import machines

TWO = [{"name": "PC-1"}, {"name": "PC-2"}]
OPTIONS = CloneOptions(jobs=1, sample=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return machines.golden(tmp_path_factory.mktemp("golden") / "golden.qcow2")


@pytest.fixture
def golden(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(made, tmp_path / "golden.qcow2"))


def written(image: Path) -> None:
    with image.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")


def replaced(image: Path) -> None:
    other = image.with_name("other")
    shutil.copyfile(image, other)
    other.rename(image)


def grown(image: Path) -> None:
    with image.open("ab") as file:
        file.write(b"x" * 512)


@pytest.mark.parametrize("change", [written, replaced, grown])
def test_a_golden_image_that_changes_meanwhile_ends_the_run(
    change: Callable[[Path], None], golden: Path, tmp_path: Path
) -> None:
    results = clone(golden, TWO, tmp_path / "fleet", OPTIONS)
    assert next(results).error is None
    change(golden)
    with pytest.raises(ImageError, match="was changed during the run"):
        list(results)
    record = FleetRecord.read(tmp_path / "fleet")
    assert record
    assert [one.state for one in record.machines.values()].count(MADE) == 1
    images = [one.name for one in (tmp_path / "fleet").iterdir() if one.suffix == ".qcow2"]
    assert len(images) == 1  # what was made of the changed one is gone


@pytest.mark.parametrize("digest", ["other", None])
def test_a_golden_image_that_changed_since_is_refused(
    digest: str | None, golden: Path, tmp_path: Path
) -> None:
    fleet = tmp_path / "fleet"
    assert all(one.error is None for one in clone(golden, TWO[:1], fleet, OPTIONS))
    if digest:  # with the size and time that it had
        record = FleetRecord.read(fleet)
        assert record
        assert record.golden
        record.golden["digest"] = digest
        record.write()
        said = "was changed since thin clones in this folder"
    else:
        written(golden)
        said = "belongs to PC-1 of an earlier run"
    before = {one.name: one.read_bytes() for one in fleet.iterdir()}
    with pytest.raises(ResealError, match=said):
        list(clone(golden, TWO[:1], fleet, OPTIONS))
    assert {one.name: one.read_bytes() for one in fleet.iterdir()} == before


def test_the_next_run_deletes_what_a_killed_one_left(golden: Path, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet"
    (fleet / ".reseal-killed").mkdir(parents=True)
    (fleet / ".reseal-killed" / "PC-1.qcow2").write_bytes(b"half")
    (fleet / ".PC-2.qcow2.reseal-partial").mkdir()
    (fleet / ".PC-2.qcow2.reseal-overlay").write_bytes(b"half")
    (fleet / ".fleet.json.new").write_bytes(b"{")
    (fleet / ".reseal-link").symlink_to(tmp_path)
    # Of an image whose merge was interrupted: `resume` needs both.
    kept = {".other.qcow2.reseal-overlay", ".other.qcow2.reseal-journal", ".notes"}
    for name in kept:
        (fleet / name).write_text(name)
    assert all(one.error is None for one in clone(golden, TWO[:1], fleet, OPTIONS))
    assert {one.name for one in fleet.iterdir()} == {"PC-1.qcow2", "fleet.json", *kept}
    assert golden.exists()


@pytest.mark.parametrize("name", ["reseal", "golden", ".reseal"])
def test_what_is_not_of_reseal_stays(name: str, golden: Path, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet"
    (fleet / name).mkdir(parents=True)
    (fleet / name / "file").write_text("mine")
    assert all(one.error is None for one in clone(golden, TWO[:1], fleet, OPTIONS))
    assert (fleet / name / "file").read_text() == "mine"
