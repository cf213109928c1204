"""The record of `reseal boot`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reseal.report.record import recorded
from reseal.run.opening import Found, choose
from reseal.sysprep import boot
from reseal.sysprep.arm import Target, missing
from reseal.unattend import apply as unattend

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.session import Session
    from reseal.windows import Installation

_PROVED = "State: what the next boot reads was read back from the written image."


def status(found: list[Found], volume: str | None, subject: str) -> dict[str, Any]:
    """Explain where an installation stands and what its next boot does."""
    standing = boot.Standing.of(choose(found, volume, subject).installation.registry)
    return {
        "standing": asdict(standing) | {"computed": standing.computed},
        "explanation": list(boot.explain(standing)),
    }


def boot_job(
    target: Target, answers: unattend.Request | None = None
) -> Callable[[Session], dict[str, Any]]:
    """Return the job that arms the next boot without generalizing, and gives it an answer file."""

    def job(session: Session) -> dict[str, Any]:
        armed = boot.boot(session, target)
        # After arming: the place of the file is the one of the state that is staged.
        outcome = unattend.stage(session, answers) if answers else None
        session.verify()
        where = "audit mode" if target is Target.AUDIT else "OOBE"
        return {
            "result": "armed" if armed else "applied" if session.changes else "unchanged",
            "summary": f"The next boot goes to {where}{'' if armed else ' already'}.",
            "target": target.value,
            "unattend": outcome.to_json() if outcome else None,
        }

    return recorded("boot", job, proved=(_PROVED,))


def armed(target: Target) -> Callable[[Installation], list[str]]:
    """Return the look at the written image: what it lacks of the armed state."""

    def recheck(installation: Installation) -> list[str]:
        stage = boot.stage_of(boot.Standing.of(installation.registry))
        return (
            ["a known state"]
            if stage is None
            else missing(installation, target, stage, new_sid=False)
        )

    return recheck


def recover_job(session: Session) -> dict[str, Any]:
    """The job that puts an image back to its last consistent state."""
    return recorded("boot", _recover, proved=(_PROVED,))(session)


def _recover(session: Session) -> dict[str, Any]:
    put_back = boot.recover(session)
    session.verify()
    return {
        "result": "recovered" if put_back else "unchanged",
        "summary": "The image is back in its last consistent state."
        if put_back
        else "The image was in a consistent state; nothing was changed.",
    }
