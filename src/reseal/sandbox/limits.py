"""The limits of a worker (memory, time, files), and the timer that ends one that hangs.

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

#: Processor seconds that a worker may use without reading, writing or reporting.
PATIENCE = 600.0
#: Memory of a worker without hives, and memory per byte of a hive.
_BASE, _PER_BYTE = 2 << 30, 4
#: More than the total size of all hives of a Windows installation.
_MOST_HIVES = 2 << 30
#: Address space in addition to the counted memory: libraries, files, stacks and arenas of threads.
_RESERVED = 8 << 30
#: Memory that is kept free to report that the limit was reached.
_SPARE = 64 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a worker.

    Attributes:
        memory: bytes in addition to its parent's; None for no limit. The default fits the largest
            disks.
        patience: processor seconds without progress; None for no limit.
        processor: total processor seconds; None for no limit.
        reads: files and folders of the host that it reads.
        writes: files and folders of the host that it reads and writes. A worker with any may also
            change modes, times and attributes of files; a worker on a disk image has none.
        keeps: file descriptors of its parent that stay open.
        sockets: local sockets that it connects to, each once.
        programs: whether it may start third-party programs.
    """

    memory: int | None = _BASE + _PER_BYTE * _MOST_HIVES
    patience: float | None = PATIENCE
    processor: float | None = None
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    keeps: tuple[int, ...] = ()
    sockets: tuple[Path, ...] = ()
    programs: bool = False

    @classmethod
    def of_disk(
        cls, size: int, *, reads: tuple[Path, ...] = (), writes: tuple[Path, ...] = ()
    ) -> Self:
        """Return the limits for work on a disk of `size` bytes.

        A hive needs four times its size, and all hives together fit on the disk.

        Args:
            size: bytes of the disk.
            reads: files and folders of this computer that the work may read.
            writes: files and folders of this computer that the work may read and write.
        """
        memory = _BASE + _PER_BYTE * min(size, _MOST_HIVES)
        return cls(memory, processor=_seconds(size), reads=reads, writes=writes)

    def as_wished(self) -> Self:
        """Return these limits with the user's settings in the environment.

        RESEAL_WORKER_MEMORY is in MiB, RESEAL_WORKER_PATIENCE in seconds; 0 means no limit.

        Raises:
            UsageError: one of them is not a number.
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
            f"{name} is {said!r}, which is not a number.", "Set a number; 0 means no limit."
        )
    return int(said)


def _seconds(size: int) -> float:
    """A generous limit of processor time: compressing takes a second for some MiB."""
    return 3600 + size / (1 << 20)


_patience: float | None = None


def watch(patience: float | None) -> None:
    """Have the kernel end this process after this much processor time without a `heartbeat`."""
    global _patience  # noqa: PLW0603  one timer for a process
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    _patience = patience
    heartbeat()


def heartbeat() -> None:
    """Report progress to the timer; without `watch`, do nothing.

    Called for every transfer from and to the image, and with every report.
    """
    if _patience is not None:
        # Processor time, so that a slow disk or a busy machine does not matter.
        signal.setitimer(signal.ITIMER_PROF, _patience)


def limit(*, memory: int | None, processor: float | None) -> None:
    """Set the resource limits of this process.

    Args:
        memory: bytes that it may allocate in addition; None for no limit.
        processor: total seconds of processor time; None for no limit.
    """
    _lower(resource.RLIMIT_CORE, 0)  # a core file would hold the image's secrets
    _lower(resource.RLIMIT_NOFILE, FILES)
    if memory is not None:
        used = Path("/proc/self/statm").read_bytes().split()
        page = resource.getpagesize()
        # The data limit is the main one; the address space limits shared memory and reservations.
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
    """Free some memory, so that a process at its memory limit can report that."""
    for kind in (resource.RLIMIT_DATA, resource.RLIMIT_AS):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (hard, hard))
