"""Put changed hives back into the image that they were copied from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reseal.operations.operation import Operation
from reseal.operations.record import RunRecord

if TYPE_CHECKING:
    from reseal.run.hive_copies import Taken
    from reseal.session import Session


class PutBack(Operation[RunRecord]):
    """Write the new content of hives into an image, all or none.

    Args:
        command: such as `reg set`.
        changed: the copied hives, each with its new content.
        detailed: whether the record names every key and value, and the identity of the image.
    """

    def __init__(
        self, command: str, changed: list[tuple[Taken, bytes]], *, detailed: bool = False
    ) -> None:
        self.command = command
        self.whose = detailed
        self._changed = changed

    def result(self, session: Session) -> dict[str, Any]:
        """Stage the hives; raises CheckError if one changed since it was copied."""
        from reseal.run.hive_copies import replace_all

        replace_all(session, self._changed, detailed=self.whose)
        names = ", ".join(sorted(taken.name for taken, _ in self._changed))
        several = "hives" if len(self._changed) > 1 else "hive"
        return {"result": "changed", "summary": f"The {several} {names} of the image changed."}
