"""What becomes of a run: read back, summed up, or refused by the host."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reseal.errors import ImageError, ResealError
from reseal.windows import Installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reseal.session.run import Recheck
    from reseal.session.session import Session, Written
    from reseal.tree import Tree


@contextmanager
def host_errors(path: Path) -> Iterator[None]:
    """Let what the host refuses, such as room for temporary files, be an error of reseal's."""
    try:
        yield
    except OSError as error:
        if isinstance(error, ResealError):
            raise
        what = f" ({error.filename})" if error.filename else ""
        raise ImageError(f"{path} was not changed: {error.strerror or error}{what}.") from error


def read_back(tree: Tree, session: Session, recheck: Recheck, subject: str) -> None:
    """Look at what was written with fresh eyes; raise ImageError if anything is not as staged."""
    old = session.installation
    again = Installation(tree, old.root, volume=old.volume)
    for name in session.edited_hives:
        loaded = session.registry.loaded[name]
        if tree.read(loaded.file) != loaded.hive.to_bytes():
            msg = f"The hive {loaded.file} of {subject} reads back differently than it was written."
            raise ImageError(msg, "The image was left untouched. Please report this.")
    problems = recheck(again)
    if problems:
        msg = f"{subject} is not complete after the run; it lacks {', '.join(problems)}."
        raise ImageError(msg, "The image was left untouched. Please report this.")


def summary(result: dict[str, Any], session: Session, written: Written | None) -> dict[str, Any]:
    """Return the record of a run: what its job returned, and what the session knows."""
    return {
        **result,
        "changes": [one.to_json() for one in session.changes],
        "notes": session.notes,
        "written": asdict(written) if written else None,
        "traffic": None,
        "timings": session.timings,
    }
