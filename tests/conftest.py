"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from reseal.testing import real
from tests import command, oracles

# The same examples every time: a test that fails must fail for everybody.
settings.register_profile("reseal", derandomize=True, database=None)
settings.load_profile("reseal")

#: Real Windows artefacts; they lie beside the project, never in it.
CORPUS = Path(os.environ.get("RESEAL_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))


#: glibc's setting to keep large blocks in huge pages. Each program that a test starts, and each worker of
#: reseal's, is forked from a process that has read whole disks, at a cost that grows with its pages.
_TUNABLES, _HUGE_PAGES = "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"

_run = pytest.StashKey[TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder in which the workers of this run share what other readers saw."""
    if hasattr(config, "workerinput"):
        os.environ.pop(_TUNABLES, None)  # for the workers alone, not for what they start
        return
    config.stash[_run] = TemporaryDirectory(prefix="reseal-tests-")
    os.environ[oracles.KEPT] = config.stash[_run].name
    if config.getoption("numprocesses", None):
        os.environ[_TUNABLES] = _HUGE_PAGES


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove it."""
    if folder := config.stash.get(_run, None):
        folder.cleanup()
        os.environ.pop(oracles.KEPT, None)
        os.environ.pop(_TUNABLES, None)


def pytest_collection_finish() -> None:
    """Load all of reseal, so that its workers are forked with it."""
    command.preload()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what is marked `judges` to `make judges`; the rest of the suite has one of each kind."""
    if "RESEAL_JUDGES" not in os.environ:
        for item in items:
            if item.get_closest_marker("judges"):
                item.add_marker(pytest.mark.skip(reason="`make judges` runs it"))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real Windows artefacts; the test is skipped where it is absent."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real Windows artefacts is not at hand")
    return CORPUS


@pytest.fixture(scope="session")
def machine_in_use(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine in use with two volumes, made once; a test that changes it copies it."""
    path = tmp_path_factory.mktemp("machine") / "in-use.qcow2"
    real.machine(path)
    return path
