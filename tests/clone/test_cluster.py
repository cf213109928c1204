"""The same work on a Dask cluster: two worker processes, one of which is killed in the middle."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from reseal.clone import CloneOptions, clone
from reseal.errors import ImageError
from tests.clone import machines
from tests.clone.machines import prove, record

COUNT = 12


@pytest.fixture(scope="module")
def distributed() -> Any:
    """Dask, which is large: loaded at the top, every fork of the other tests would copy it."""
    return pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return machines.golden(tmp_path_factory.mktemp("golden") / "golden.qcow2")


def test_a_cluster_that_loses_a_worker_makes_them_all(
    golden: Path, tmp_path: Path, distributed: Any
) -> None:
    folder = tmp_path / "fleet"
    rows = [{"name": f"WS-{number}"} for number in range(COUNT)]
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        local_directory=tmp_path / "dask",
    ) as cluster:  # fmt: skip
        pids = [worker.pid for worker in cluster.workers.values()]
        options = CloneOptions(dask=cluster.scheduler_address, seed="one")
        results = []
        for result in clone(golden, rows, folder, options):
            results.append(result)
            if len(results) == 3:
                os.kill(pids[0], signal.SIGKILL)
    assert [result.error for result in results] == [None] * COUNT
    entries = record(folder)
    assert {entry["state"] for entry in entries} == {"made"}
    assert len({entry["identity"]["machine_sid"] for entry in entries}) == COUNT
    assert len({entry["identity"]["machine_guid"] for entry in entries}) == COUNT
    assert len(list(folder.glob("*.qcow2"))) == COUNT
    assert not list(folder.glob(".*partial"))
    prove(entries[-1], folder, tmp_path / "look")
    # It is the same work: the same seed gives the same machines without a cluster.
    alone = list(clone(golden, rows, tmp_path / "alone", CloneOptions(seed="one", sample=False)))
    guids = {one.entry.name: one.entry.identity["machine_guid"] for one in alone}
    assert guids == {entry["name"]: entry["identity"]["machine_guid"] for entry in entries}


@pytest.mark.usefixtures("distributed")
def test_a_scheduler_that_does_not_answer(
    golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reseal.clone.cluster._CONNECT", 0.5)
    options = CloneOptions(dask="tcp://127.0.0.1:1")
    with pytest.raises(ImageError, match="does not answer"):
        list(clone(golden, [{"name": "A"}], tmp_path / "fleet", options))
