"""What a worker may take: memory, time, files; and the timer that ends one that comes to no end.

Source: setrlimit(2), documented.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from reseal.errors import UsageError

#: Open files that a process may have.
FILES = 1024

#: Processor seconds that a worker may use without reading or writing anything, or reporting.
PATIENCE = 600.0
#: What a worker needs for everything but hives, and what every hive needs for each of its bytes.
_BASE, _PER_BYTE = 2 << 30, 4
#: More than all hives of a Windows have together.
_MOST_HIVES = 2 << 30
#: Address space beyond the memory that counts: libraries, files, stacks and arenas of threads.
_RESERVED = 8 << 30
#: What is left when the bound on memory was met, to say so.
_SPARE = 64 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may take, and touch.

    Attributes:
        memory: bytes beyond what its parent had; None for no bound. The default is that of the
            largest disks.
        patience: processor seconds without a sign of life; None for no bound.
        processor: processor seconds in all; None for no bound.
        reads: files and folders of the host that it reads.
        writes: files and folders of the host that it reads and writes. A worker that has any may
            change modes, times and attributes of files, too; one of a disk image has none.
        keeps: file descriptors of its parent that stay open.
        programs: whether it starts programs of others.
    """

    memory: int | None = _BASE + _PER_BYTE * _MOST_HIVES
    patience: float | None = PATIENCE
    processor: float | None = None
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    keeps: tuple[int, ...] = ()
    programs: bool = False

    @classmethod
    def of_disk(
        cls, size: int, *, reads: tuple[Path, ...] = (), writes: tuple[Path, ...] = ()
    ) -> Self:
        """Return what work on a disk of `size` bytes may take.

        A hive takes four times its size, and all hives together are no larger than the disk.
        """
        memory = _BASE + _PER_BYTE * min(size, _MOST_HIVES)
        return cls(memory, processor=_seconds(size), reads=reads, writes=writes)

    def as_wished(self) -> Self:
        """Return these limits with what the person has set in the environment.

        RESEAL_WORKER_MEMORY is in MiB, RESEAL_WORKER_PATIENCE in seconds; 0 means no bound.

        Raises:
            UsageError: one of them is no number.
        """
        wished = self
        memory, patience = _wish("MEMORY"), _wish("PATIENCE")
        if memory is not None:
            wished = replace(wished, memory=memory << 20 or None)
        if patience is not None:
            wished = replace(wished, patience=patience or None)
            if not patience:
                wished = replace(wished, processor=None)
        return wished


def _wish(what: str) -> int | None:
    name = f"RESEAL_WORKER_{what}"
    said = os.environ.get(name)
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and len(said) < 10):
        raise UsageError(
            f"{name} is {said!r}, which is no number.", "Set a number, 0 for no bound."
        )
    return int(said)


def _seconds(size: int) -> float:
    """The most processor time that is honest: compressing a disk takes a second for some MiB."""
    return 3600 + size / (1 << 20)


_patience: float | None = None


def watch(patience: float | None) -> None:
    """Have the kernel end this process when it works for so long without a `heartbeat`."""
    global _patience  # noqa: PLW0603  one timer for a process
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    _patience = patience
    heartbeat()


def heartbeat() -> None:
    """Say that work goes on. In a process that nobody watches this does nothing.

    Called for every transfer from and to the image, and with every report.
    """
    if _patience is not None:
        # Processor time, so that a slow disk or a busy machine takes nothing off.
        signal.setitimer(signal.ITIMER_PROF, _patience)


def limit(*, memory: int | None, processor: float | None) -> None:
    """Set the resource limits of this process.

    Args:
        memory: bytes that it may take in addition to what it has; None for no bound.
        processor: seconds of processor time that it may use in all; None for no bound.
    """
    _lower(resource.RLIMIT_CORE, 0)  # a core file would hold the image's secrets
    _lower(resource.RLIMIT_NOFILE, FILES)
    if memory is not None:
        used = Path("/proc/self/statm").read_bytes().split()
        page = resource.getpagesize()
        # Data is what counts; the address space bounds what is shared, and reserved by allocators.
        _lower(resource.RLIMIT_DATA, int(used[5]) * page + memory, _SPARE)
        _lower(resource.RLIMIT_AS, int(used[0]) * page + memory + _RESERVED, _SPARE)
    if processor is not None:
        _lower(
            resource.RLIMIT_CPU, int(processor) + 1, 60
        )  # SIGKILL follows a minute after SIGXCPU
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _lower(kind: int, wanted: int, spare: int = 0) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard - spare)
    resource.setrlimit(kind, (wanted, wanted + spare))


def use_spare_memory() -> None:
    """Let a process that has met its bound on memory say so."""
    for kind in (resource.RLIMIT_DATA, resource.RLIMIT_AS):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (hard, hard))
