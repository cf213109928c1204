"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time: a test that fails must fail for everybody.
settings.register_profile("reseal", derandomize=True, database=None)
settings.load_profile("reseal")

#: Real Windows artefacts; they lie beside the project, never in it.
CORPUS = Path(os.environ.get("RESEAL_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real Windows artefacts; the test is skipped where it is absent."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real Windows artefacts is not at hand")
    return CORPUS
