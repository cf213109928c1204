"""The record of a generalize run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reseal.providers.machine_sid import machine_sid
from reseal.sysprep.arm import Target, missing
from reseal.sysprep.generalize import generalize

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.providers import Provider
    from reseal.session import Session
    from reseal.windows import Installation


def generalize_job(
    target: Target, providers: tuple[Provider, ...] | None = None
) -> Callable[[Session], dict[str, Any]]:
    """Return the job that generalizes a session's installation and records it."""

    def job(session: Session) -> dict[str, Any]:
        outcome = generalize(session, target, providers)
        return {
            "result": outcome.result,
            "target": target.value,
            "windows": {
                "volume": session.installation.volume,
                "root": session.installation.root,
                "product_name": session.installation.product_name,
                "build": session.installation.build,
            },
            "checks": [one.to_json() for one in outcome.checks],
            "coverage": outcome.coverage.to_json(),
        }

    return job


def still_armed(
    target: Target, providers: tuple[Provider, ...] | None = None
) -> Callable[[Installation], list[str]]:
    """Return the look at the written image: what it lacks of the armed state."""
    new_sid = providers is None or machine_sid in providers
    return lambda installation: missing(installation, target, new_sid=new_sid)
