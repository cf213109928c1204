"""Clones made by a Dask cluster over shared storage: `pip install reseal[cluster]`.

Every Dask worker starts one of reseal's own workers, the same as on one machine, and sends it the tasks.
All of them must see the golden image and the output folder under the same paths. If a Dask worker was killed
and its task runs again, the second attempt finds the files that the first one finished.

Answer files, including passwords, travel through the scheduler: use `tls://` on networks that others can
read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, Self

from reseal.clone.plan import ClonePlan, FleetMachine
from reseal.clone.pool import Answer, Worker, WorkerError, plain
from reseal.errors import EngineError, ImageError, ResealError

_CONNECT = 30.0
#: Extra tasks beyond those that run at once, so that no Dask worker waits for the scheduler.
_AHEAD = 4
#: One worker for each thread of Dask, started by it and ended with it.
_own = threading.local()


def make(plan: dict[str, Any], machine: dict[str, Any]) -> dict[str, Any]:
    """Make one clone; runs in a Dask worker.

    Args:
        plan: a `ClonePlan` as plain data.
        machine: a `FleetMachine` as plain data.

    Returns:
        `made` or `error`, in the form of `Workshop.make` and `ResealError`.
    """
    try:
        worker = _worker(plan)
        worker.ask(FleetMachine(**machine))
        return worker.wait()
    except WorkerError as error:
        _dismiss()
        return {"error": plain(error)}


def _worker(plan: dict[str, Any]) -> Worker:
    found: tuple[dict[str, Any], Worker] | None = getattr(_own, "worker", None)
    if found is not None and found[0] == plan:
        return found[1]
    _dismiss()
    worker = Worker(ClonePlan(**plan))
    said = worker.wait()
    if "error" in said:
        worker.close()
        msg = str(said["error"]["message"])
        raise WorkerError(msg, said["error"].get("hint"))
    _own.worker = (plan, worker)
    return worker


def _dismiss() -> None:
    found = getattr(_own, "worker", None)
    _own.worker = None
    if found is not None:
        found[1].close()


class Cluster:
    """A connection to a Dask scheduler. A context.

    Args:
        plan: the plan of the fleet.
        address: the address of the scheduler, `tcp://host:8786`.

    Raises:
        EngineError: Dask is not installed.
        ImageError: the scheduler does not answer.
    """

    def __init__(self, plan: ClonePlan, address: str) -> None:
        try:
            distributed: Any = import_module("distributed")  # an optional extra
        except ImportError as error:
            raise EngineError(
                "Dask is not installed.", "Install it: pip install 'reseal[cluster]'."
            ) from error
        self._plan = plan
        self._distributed = distributed
        try:
            self._client = distributed.Client(address, timeout=_CONNECT, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise ImageError(
                f"The Dask scheduler {address} does not answer: {error}",
                "Start it with `dask scheduler`, and workers with `dask worker`.",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def run(
        self, machines: Iterable[FleetMachine], started: Callable[[FleetMachine], None]
    ) -> Iterator[Answer]:
        """Make machines; yield the answers as they arrive.

        Args:
            machines: the machines.
            started: called with each machine when it is handed out.
        """
        plan = self._plan.to_json()
        waiting = iter(list(machines))
        pending: dict[Any, FleetMachine] = {}
        done = self._distributed.as_completed(loop=self._client.loop)

        def hand_out(count: int) -> None:
            for machine in (one for _, one in zip(range(count), waiting, strict=False)):
                started(machine)
                future = self._client.submit(make, plan, machine.to_json(), pure=False)
                pending[future.key] = machine
                done.add(future)

        hand_out(max(1, sum(self._client.nthreads().values())) + _AHEAD)
        for future in done:
            machine = pending.pop(future.key)
            yield self._answer(machine, future)
            future.release()
            hand_out(1)

    @staticmethod
    def _answer(machine: FleetMachine, future: Any) -> Answer:
        try:
            return machine, dict(future.result())
        except Exception as error:  # noqa: BLE001  whatever Dask or another version of reseal raises
            wrapped = ResealError(f"The Dask cluster could not make {machine.name}: {error}")
            return machine, {"error": plain(wrapped)}
