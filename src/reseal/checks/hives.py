"""The hives that a generalized image needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error
from reseal.errors import ImageError
from reseal.mark import Mark
from reseal.windows.names import MACHINE_HIVES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session


@check(
    "hives",
    "All machine hives are present and undamaged.",
    mark=Mark.REPORTED,
    source="hives that setupcl.exe walks: event messages of Microsoft-Windows-SetupCl (seen), "
    "interoperability notes (reported)",
    forceable=False,
    order=20,  # reports damage once, before other checks meet it
)
def hives(session: Session) -> Iterable[Finding]:
    """Without any one of them, Windows does not boot or setupcl.exe can't change the SID."""
    registry = session.registry
    for name in MACHINE_HIVES:
        try:
            found = registry.hive(name)
            if name == "SYSTEM" and found is not None:
                _ = registry.control_sets
        except ImageError as problem:
            yield error(problem.message, problem.hint, damaged=True)
            continue
        if found is None:
            message = f"The hive {registry.file(name)} is missing."
            yield error(message, "Restore it from a backup of the image.", damaged=True)
