"""The record of a generalize run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reseal.errors import ImageError
from reseal.providers.machine_sid import machine_sid
from reseal.report.record import recorded
from reseal.sid import Pending, Replacement, Result, change_now, choose
from reseal.sid.change import remains
from reseal.sysprep.arm import Target, missing
from reseal.sysprep.generalize import generalize
from reseal.windows import identity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reseal.customize import Customization
    from reseal.providers import Provider
    from reseal.session import Session
    from reseal.unattend.apply import Request
    from reseal.windows import Installation

_PROVED = "State: every value of the armed state was read back from the written image."
_PROVED_SID = (
    "Identity: the old machine SID was looked for in every written hive, file name and descriptor, and "
    "stands only where this record says so."
)


class SidNow:
    """The new machine SID done in the run itself, so that the first boot has nothing to replace."""

    def __init__(self) -> None:
        self._replacement: Replacement | None = None
        self._result = Result()

    def change(self, session: Session, *, generalized: bool) -> dict[str, Any] | None:
        """Stage the change, once the rest is staged; None where an earlier run did it.

        Args:
            session: the opened installation.
            generalized: whether this run generalized it.

        Raises:
            ImageError: the image has no machine SID, or is damaged.
        """
        if not generalized and not Pending.of(session.registry).requested:
            return None
        old = identity.machine_sid(session.registry)
        if old is None:
            msg = "The image has no machine SID (no SECURITY and SAM hives). Nothing was changed."
            raise ImageError(msg, "Leave --sid-now out, or restore the hives from a backup.")
        new = choose(old, session.random)
        self._replacement = Replacement(old, new)
        self._result = change_now(session, self._replacement)
        session.note(
            f"The machine SID is {new} already: whatever is copied from this image shares it, until "
            "`reseal sid --new` or `reseal clone` gives each copy its own."
        )
        return {"old": str(old), "new": str(new), **self._result.to_json()}

    def remains(self, installation: Installation) -> list[str]:
        """Name where the written image has the old SID against the plan, or still asks for another."""
        found = ["a machine SID that stays"] if Pending.of(installation.registry).requested else []
        if self._replacement:
            found += remains(installation, self._replacement, self._result)
        return found


def generalize_job(
    target: Target,
    providers: tuple[Provider, ...] | None = None,
    answers: Request | None = None,
    sid_now: SidNow | None = None,
    drivers: Path | None = None,
    customization: Customization | None = None,
) -> Callable[[Session], dict[str, Any]]:
    """Return the job that generalizes a session's installation and records it.

    Args:
        target: where the next boot goes.
        providers: those that run; None for those that do by default.
        answers: the answer file for the passes before and after, if any.
        sid_now: given where the machine gets its new SID here rather than at its next boot.
        drivers: a folder of driver packages that go into the image, if any.
        customization: steps that are done first, if any.
    """

    def job(session: Session) -> dict[str, Any]:
        added = None
        if drivers:
            from reseal.drivers import add_packages  # noqa: PLC0415  few runs add any

            # First, so that the checks and the devices' provider see the drivers.
            with session.step("Adding drivers"):
                added = [one.to_json() for one in add_packages(session, drivers)]
                session.verify()
        merged = customization.stage(session, target, answers) if customization else answers
        outcome = generalize(session, target, providers, merged, sid_now=sid_now is not None)
        done = outcome.result == "generalized"
        sid = sid_now.change(session, generalized=done) if sid_now else None
        if customization:
            customization.finish()
        where = "audit mode" if target is Target.AUDIT else "OOBE"
        if done:
            summary = f"The image is generalized. Its next boot runs specialize, then {where}."
        elif session.changes:
            summary = "The image was generalized already; what was asked for besides is done."
        else:
            summary = "The image was generalized already; nothing was changed."
        return {
            "result": outcome.result,
            "summary": summary,
            "target": target.value,
            "checks": [one.to_json() for one in outcome.checks],
            "coverage": outcome.coverage.to_json(),
            "unattend": outcome.unattend.to_json() if outcome.unattend else None,
            "sid": sid,
            "drivers": added,
        }

    return recorded("generalize", job, proved=(_PROVED, _PROVED_SID) if sid_now else (_PROVED,))


def still_armed(
    target: Target, providers: tuple[Provider, ...] | None = None, sid_now: SidNow | None = None
) -> Callable[[Installation], list[str]]:
    """Return the look at the written image: what it lacks of the armed state."""
    new_sid = sid_now is None and (providers is None or machine_sid in providers)

    def recheck(installation: Installation) -> list[str]:
        lacks = missing(installation, target, new_sid=new_sid)
        return lacks + sid_now.remains(installation) if sid_now else lacks

    return recheck
