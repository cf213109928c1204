"""What the records of all runs that change an image have in common."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reseal.proof.identity import MachineIdentity
from reseal.version import __version__
from reseal.windows.setup import SetupState, new_sid_pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.session import Session
    from reseal.windows import Installation

#: The form of the record; `schema/<name>.json` describes it.
SCHEMA = "record-1"
DRY_RUN = "dry run"

_STRUCTURE = (
    "Structure: what was touched in each registry hive was verified before it was written, and read "
    "back afterwards; the volume was opened again after it was closed."
)
COMPLETENESS = (
    "Completeness: everything that differs is in this record; the image was written as a whole or not "
    "at all."
)
PROVED = (_STRUCTURE, COMPLETENESS)
NOT_PROVED = (
    "A boot: no Windows ran here.",
    "What carries the mark inferred rests on observation or reasoning, not on a document.",
)


def recorded(
    command: str,
    job: Callable[[Session], dict[str, Any]],
    *,
    proved: tuple[str, ...] = (),
    whose: bool = True,
) -> Callable[[Session], dict[str, Any]]:
    """Have a job's result be a record that `--report` can keep.

    Args:
        command: as it is typed, without `reseal`.
        job: stages changes in a session and returns plain data with `result`, and with `summary`, a
            whole sentence that says what the image is now.
        proved: whole sentences on what the command's own look at the written image proves.
        whose: whether the identity and the state of the image belong to the record.

    Returns:
        The job. Its result begins with `schema`, `command`, `reseal` (the version), `windows`, `before`
        and `after` (whose the installation is, and what its next boot does), `proved` and
        `not_proved`; what the job returns of the same name wins.
    """

    def run(session: Session) -> dict[str, Any]:
        installation = session.installation
        before = owner(installation) if whose else None
        result = job(session)
        return {
            "schema": SCHEMA,
            "command": command,
            "reseal": __version__,
            "windows": {
                "volume": installation.volume,
                "root": installation.root,
                "product_name": installation.product_name,
                "build": installation.build,
            },
            "before": before,
            "after": owner(installation) if whose else None,
            "summary": "The image was changed." if session.changes else "Nothing was changed.",
            "proved": [*proved, *PROVED],
            "not_proved": list(NOT_PROVED),
            **result,
        }

    return run


def owner(installation: Installation) -> dict[str, Any]:
    """Whose an installation is, and what its next boot does; staged changes count."""
    return {
        "identity": MachineIdentity.of(installation).to_json(),
        "new_sid_at_next_boot": new_sid_pending(installation.registry),
        "state": asdict(SetupState.of(installation)),
    }
