"""Hives of an image that were taken out, changed, and are put back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reseal.operations.operation import Operation, Writing, run
from reseal.operations.record import RunRecord

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.run.hive_copies import Taken
    from reseal.session import Session


class PutBack(Operation[RunRecord]):
    """The new content of hives, on its way into an image: all or none.

    Args:
        command: as it was typed, such as `reg set`.
        changed: the hives that were taken out, with what they hold now.
        detailed: whether the record is to name every key and value, and whose the image is.
    """

    def __init__(
        self, command: str, changed: list[tuple[Taken, bytes]], *, detailed: bool = False
    ) -> None:
        self.command = command
        self.whose = detailed
        self._changed = changed

    def result(self, session: Session) -> dict[str, Any]:
        """Stage the hives; raises CheckError where one is no longer the one that was taken out."""
        from reseal.run.hive_copies import replace_all

        replace_all(session, self._changed, detailed=self.whose)
        names = ", ".join(sorted(taken.name for taken, _ in self._changed))
        several = "hives" if len(self._changed) > 1 else "hive"
        return {"result": "changed", "summary": f"The {several} {names} of the image changed."}


def put_back(
    image: Path,
    command: str,
    changed: list[tuple[Taken, bytes]],
    *,
    volume: str | None = None,
    detailed: bool = False,
) -> RunRecord:
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
    return run(image, PutBack(command, changed, detailed=detailed), Writing(volume=volume))
