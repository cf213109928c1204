"""The cost of the sandbox per worker: CPU time with all layers and with none."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

from reseal import sandbox
from reseal.run import disk  # a run has loaded this much when it forks
from reseal.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = 40
#: A run starts about four workers.
WORKERS = 4
#: Milliseconds that the sandbox may add to a run.
LIMIT = 30.0
NONE = "namespaces,landlock,allow-list,seccomp"


def _processor_time() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def per_worker(without: str, runs: int = RUNS) -> float:
    """Return the CPU time in seconds of a worker that does nothing."""
    assert disk
    before = os.environ.get("RESEAL_SANDBOX_WITHOUT")
    os.environ["RESEAL_SANDBOX_WITHOUT"] = without
    try:
        run_worker(lambda _: None, subject="nothing")
        start = _processor_time()
        for _ in range(runs):
            run_worker(lambda _: None, subject="nothing")
        return (_processor_time() - start) / runs
    finally:
        if before is None:
            del os.environ["RESEAL_SANDBOX_WITHOUT"]
        else:
            os.environ["RESEAL_SANDBOX_WITHOUT"] = before


def measure() -> Iterator[str]:
    """Yield the lines of the table."""
    sandbox.prepare()
    within, without = per_worker(""), per_worker(NONE)
    added = (within - without) * 1000
    yield f"sandbox, processor time of a worker that does nothing, {RUNS} runs each"
    yield f"  {'with all layers':<24} {within * 1000:7.2f} ms"
    yield f"  {'without':<24} {without * 1000:7.2f} ms"
    yield f"  {f'added to a run ({WORKERS})':<24} {added * WORKERS:7.2f} ms  (limit {LIMIT:.0f})"
