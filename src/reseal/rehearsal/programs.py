"""Programs in System32 without which Windows stops as soon as it starts them."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.mark import Mark
from reseal.rehearsal import sources
from reseal.rehearsal.declaration import Fact, passes, stops
from reseal.rehearsal.walk import Walk

C21A = "0xC000021A (STATUS_SYSTEM_PROCESS_TERMINATED)"
RESTORE = "Restore it from installation media of the same version"


def programs_exist(walk: Walk, programs: tuple[str, ...]) -> Iterator[Fact]:
    """Yield a fact for each program that can't be started; one that passes if all can.

    Args:
        walk: the image.
        programs: names of files in System32.
    """
    bad = 0
    for name in programs:
        path = walk.system32(name)
        if reason := _unfit(walk, path):
            bad += 1
            text = f"{path} {reason}."
            yield stops(text, C21A, Mark.DOCUMENTED, sources.BUGCHECKS, cure=RESTORE)
    if not bad:
        yield passes(f"{', '.join(programs)} are there.", Mark.DOCUMENTED, sources.BUGCHECKS)


def _unfit(walk: Walk, path: str) -> str | None:
    """Return why a program can't be started, or None."""
    stat = walk.stat(path)
    if stat is None or not stat.size:
        return "is missing" if stat is None else "is empty"
    return walk.other_architecture(path, stat)
