"""The record of a generalize run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reseal.proof.identity import MachineIdentity
from reseal.providers.machine_sid import machine_sid
from reseal.sysprep.arm import Target, missing
from reseal.sysprep.generalize import generalize
from reseal.windows.setup import SetupState, new_sid_pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.providers import Provider
    from reseal.session import Session
    from reseal.sysprep.unattend import Request
    from reseal.windows import Installation


#: The form of the record; `schema/<name>.json` describes it.
SCHEMA = "record-1"


def generalize_job(
    target: Target,
    providers: tuple[Provider, ...] | None = None,
    answers: Request | None = None,
) -> Callable[[Session], dict[str, Any]]:
    """Return the job that generalizes a session's installation and records it."""

    def job(session: Session) -> dict[str, Any]:
        before = _whose(session.installation)
        outcome = generalize(session, target, providers, answers)
        return {
            "schema": SCHEMA,
            "result": outcome.result,
            "target": target.value,
            "before": before,
            "after": _whose(session.installation),
            "windows": {
                "volume": session.installation.volume,
                "root": session.installation.root,
                "product_name": session.installation.product_name,
                "build": session.installation.build,
            },
            "checks": [one.to_json() for one in outcome.checks],
            "coverage": outcome.coverage.to_json(),
            "unattend": outcome.unattend.to_json() if outcome.unattend else None,
        }

    return job


def _whose(installation: Installation) -> dict[str, Any]:
    """Whose an installation is, and what its next boot does; staged changes count."""
    return {
        "identity": MachineIdentity.of(installation).to_json(),
        "new_sid_at_next_boot": new_sid_pending(installation.registry),
        "state": asdict(SetupState.of(installation)),
    }


def still_armed(
    target: Target, providers: tuple[Provider, ...] | None = None
) -> Callable[[Installation], list[str]]:
    """Return the look at the written image: what it lacks of the armed state."""
    new_sid = providers is None or machine_sid in providers
    return lambda installation: missing(installation, target, new_sid=new_sid)
