from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.way_in import stage


@pytest.fixture(scope="session")
def golden_stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stage.golden(tmp_path_factory.mktemp("stage"))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return stage.environment(stage.stand_ins(tmp_path_factory.mktemp("path") / "bin"))


@pytest.fixture
def new_stage(golden_stage: Path, tmp_path: Path) -> Callable[[], Path]:
    """Make the folder anew, as often as it is asked for."""

    def make() -> Path:
        folder = tmp_path / "work"
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(golden_stage, folder)
        return folder

    return make
