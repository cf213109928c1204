"""The record of `reseal reg` on an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reseal.report.record import recorded
from reseal.run import Callables, RunOptions, change
from reseal.run.hive_copies import Taken, replace_all

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.session import Session


def put_back(
    image: Path,
    command: str,
    changed: list[tuple[Taken, bytes]],
    *,
    volume: str | None = None,
    detailed: bool = False,
) -> dict[str, Any]:
    """Write the new content of hives into an image, all or none, and return the record.

    Args:
        image: a disk image or a folder.
        command: as it was typed, such as `reg set`.
        changed: the hives that were taken out, with what they hold now.
        volume: which Windows, as `--volume` names it.
        detailed: whether the record is to name every key and value, and whose the image is.

    Raises:
        CheckError: the image's hive is no longer the one that was taken out.
    """

    def job(session: Session) -> dict[str, Any]:
        replace_all(session, changed, detailed=detailed)
        names = ", ".join(sorted(taken.name for taken, _ in changed))
        several = "hives" if len(changed) > 1 else "hive"
        return {"result": "changed", "summary": f"The {several} {names} of the image changed."}

    return change(image, Callables(recorded(command, job, whose=detailed)), RunOptions(volume))
