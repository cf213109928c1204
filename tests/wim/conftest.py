"""WIM files for the tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.end_to_end.judges import reseal

MIB = 1 << 20


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw volume with a sample Windows. Not to be changed."""
    path = tmp_path_factory.mktemp("wim") / "sample.raw"
    windows(path, Machine(), size=48 * MIB, partitioned=False)
    return path


@pytest.fixture(scope="session")
def golden_wim(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three images of Windows, with an integrity table. Not to be changed."""
    folder = tmp_path_factory.mktemp("golden")
    other = folder / "other.raw"
    windows(
        other, Machine(computer_name="OTHER", files={"Program Files": {"big.bin": b"b" * 300_000}}),
        size=48 * MIB, partitioned=False,
    )  # fmt: skip
    path = folder / "three.wim"
    for image, name, more in (
        (sample, "First", ["--check"]), (other, "Second", ["--append", "--description", "The one"]),
        (sample, "Third", ["--append"]),
    ):  # fmt: skip
        done = reseal("capture", image, path, "--name", name, "--quiet", *more)
        assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def three(golden_wim: Path, tmp_path: Path) -> Path:
    """A WIM with three images, of the test's own, alone in its folder."""
    folder = tmp_path / "wim"
    folder.mkdir()
    return Path(shutil.copyfile(golden_wim, folder / "three.wim"))
