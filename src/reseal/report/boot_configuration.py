"""The record of `reseal bcd` on an image, or on a store in a file."""

from __future__ import annotations

from typing import Any

from reseal.report.record import COMPLETENESS, NOT_PROVED, SCHEMA
from reseal.session import Change, Mark
from reseal.version import __version__

_PROVED = (
    "Structure: the store was verified before it was written, and read back afterwards.",
    COMPLETENESS,
)


def record(command: str, done: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
    """Turn what an edit of a store returned into the record that `--report` keeps.

    Args:
        command: as it was typed, such as `bcd set`.
        done: what `reseal.run.boot.change` returned.
        dry_run: whether nothing was written.
    """
    target = f"{done['path']}: {done['object']} {done['element']}"
    before, after = (
        None if lines is None else ", ".join(lines) for lines in (done["before"], done["after"])
    )
    kind = "set_boot_element" if after is not None else "delete_boot_element"
    change = Change("bcd", kind, target, before, after, Mark.DOCUMENTED)
    changed = bool(done["changed"])
    written = {"hives": [target.partition(":")[0]], "files": None} if done["written"] else None
    where = "is absent" if after is None else f"is {after}"
    timings = done["timings"]
    return {
        "schema": SCHEMA,
        "command": command,
        "reseal": __version__,
        "image": done["image"],
        "windows": None,
        "before": None,
        "after": None,
        "result": "dry run" if dry_run else "changed" if changed else "unchanged",
        "summary": f"{done['object']} {done['element']} {where}.",
        "changes": [change.to_json()] if changed else [],
        "notes": [],
        "written": written,
        "traffic": done["traffic"],
        "timings": {**timings, "total": sum(timings.values())},
        "proved": list(_PROVED),
        "not_proved": list(NOT_PROVED[:1]),
    }
