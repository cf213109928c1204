from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reseal.testing.windows import windows
from tests.end_to_end import composed


@pytest.fixture(scope="session")
def golden_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample image, to be copied."""
    path = tmp_path_factory.mktemp("golden") / "sample.qcow2"
    windows(path)
    return path


@pytest.fixture(scope="session")
def composed_machines(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The machines that are composed of real hives, to be copied."""
    folder = tmp_path_factory.mktemp("composed")
    made = {name: folder / f"{number}.qcow2" for number, name in enumerate(composed.MACHINES)}
    for name, path in made.items():
        composed.build(corpus, name, path)
    return made


@pytest.fixture
def sample(golden_sample: Path, tmp_path: Path) -> Path:
    """A sample image of the test's own, alone in its folder."""
    folder = tmp_path / "image"
    folder.mkdir()
    path = folder / "sample.qcow2"
    shutil.copyfile(golden_sample, path)
    return path


@pytest.fixture
def untouched() -> Callable[[Path], Callable[[], None]]:
    """Remember an image; the returned function asserts that it and its folder are as they were."""

    def remember(image: Path) -> Callable[[], None]:
        data, names = image.read_bytes(), sorted(one.name for one in image.parent.iterdir())

        def check() -> None:
            assert image.read_bytes() == data
            assert sorted(one.name for one in image.parent.iterdir()) == names

        return check

    return remember
