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
    """Yield a fact for each missing program; one that passes if all exist.

    Args:
        walk: the image.
        programs: names of files in System32.
    """
    missing = [name for name in programs if walk.stat(walk.system32(name)) is None]
    for name in missing:
        text = f"{walk.system32(name)} is missing."
        yield stops(text, C21A, Mark.DOCUMENTED, sources.BUGCHECKS, cure=RESTORE)
    if not missing:
        yield passes(f"{', '.join(programs)} are there.", Mark.DOCUMENTED, sources.BUGCHECKS)
