"""The machine SID of an image: shown, replaced, or left to Windows to replace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reseal.errors import CheckError, ImageError, UsageError
from reseal.operations.operation import Opening, Operation, look
from reseal.operations.record import SidRecord
from reseal.operations.volumes import say_left

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.run.opening import Found
    from reseal.session import Session
    from reseal.sid import Replacement, Result
    from reseal.windows import Installation, Sid

_PROVED = (
    "Identity: the written hives, file names and descriptors were searched for the old machine SID."
)
_NONE = "The image has no machine SID (no SECURITY and SAM hives). Nothing was changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class SidRequest:
    """Which machine SID an image gets, and when.

    Attributes:
        chosen: the SID; None for a new one (or, if pending, for what Windows generates).
        new: whether a SID is drawn here also where the change is left to Windows.
        pending: whether the change is left to Windows at the next boot.
        all_volumes: whether volumes that hold no profile of this Windows are changed, too.
        force: whether a member of a domain gets another SID.
    """

    chosen: str | None = None
    new: bool = False
    pending: bool = False
    all_volumes: bool = False
    force: bool = False


#: When the machine of a generalized image gets its new SID: at its first boot, in the run, or in the run
#: and again at the first boot.
WHEN = ("pending", "new", "both")
_MAX_REASONS = 100


class ReplacedSid:
    """A machine SID replaced in a session, and its check of the written image."""

    def __init__(self, session: Session, old: Sid, new: Sid, *, again: bool = False) -> None:
        from reseal.sid import Replacement, change_now

        self.replacement: Replacement = Replacement(old, new)
        self.result: Result = change_now(session, self.replacement, again=again)

    def remains(self, installation: Installation) -> list[str]:
        """List unplanned remains of the old SID in the written image."""
        from reseal.sid.change import remains

        return remains(installation, self.replacement, self.result)


class SidNow:
    """The new machine SID of a run that generalizes.

    Args:
        again: whether every copy is asked to generate its own at its first boot, as for images that leave the
            house. Nothing may keep the old SID then.
    """

    def __init__(self, *, again: bool = False) -> None:
        self._again = again
        self._replaced: ReplacedSid | None = None

    def change(self, session: Session, *, generalized: bool) -> dict[str, Any] | None:
        """Stage the change after all others; None if an earlier run did it.

        Args:
            session: the opened installation.
            generalized: whether this run generalized it.

        Raises:
            CheckError: something would keep the old SID, and nothing may.
            ImageError: the image has no machine SID, or is damaged.
        """
        from reseal.sid import Pending, choose, pend
        from reseal.sid.fresh import is_fresh, mark_fresh

        requested = Pending.of(session.registry).requested
        done = requested and is_fresh(session.registry) if self._again else not requested
        if not generalized and done:
            return None
        old = _machine_sid(session, "Leave --sid out, or restore the hives from a backup.")
        new = choose(old, session.random)
        self._replaced = ReplacedSid(session, old, new, again=self._again)
        mark_fresh(session, new)
        if self._again:
            _refuse_remains(session, self._replaced.result)
            pend(session, None)
            session.note(
                f"The machine SID is {new} until the first boot, when setupcl.exe is asked to generate "
                "another for each copy. A copy on which it does not run keeps this one."
            )
        else:
            session.note(
                f"The machine SID is {new} already: every copy of this image shares it, until "
                "`reseal sid --new` or `reseal clone` gives each copy its own."
            )
        session.note(
            "What local users protected with DPAPI (saved passwords, private keys) can't be read any more, "
            "since it is bound to the old SID."
        )
        session.verify()
        return {"old": str(old), "new": str(new), **self._replaced.result.to_json()}

    def remains(self, installation: Installation) -> list[str]:
        """List unplanned remains of the old SID in the written image, and a wrong request for a new one."""
        from reseal.sid import Pending

        requested = Pending.of(installation.registry).requested
        found = []
        if self._again and not requested:
            found.append("the request for a new SID at the first boot")
        if not self._again and requested:
            found.append("a machine SID that stays")
        return found + self._replaced.remains(installation) if self._replaced else found


def _refuse_remains(session: Session, result: Result) -> None:
    """Raise CheckError if anything would keep the old SID; the message lists all of it."""
    closed = session.neighbours.closed_volumes.items()
    reasons = [
        *result.obstacles,
        *(f"Volume {number} can't be examined: it is {reason}." for number, reason in closed),
    ]
    if not reasons:
        return
    more = len(reasons) - _MAX_REASONS
    shown = [*reasons[:_MAX_REASONS], *([f"There are {more} more reasons."] if more > 0 else [])]
    msg = (
        "The old machine SID would stay in the image, so --sid both is refused: "
        f"{' '.join(shown)} Nothing was changed."
    )
    raise CheckError(
        msg,
        "Remove what is listed, add --all-volumes to change other volumes, too, or leave the SID to "
        "Windows with --sid pending.",
    )


class ChangeSid(Operation[SidRecord]):
    """Set the machine SID of an image."""

    command = "sid"
    proved = (_PROVED,)

    def __init__(self, request: SidRequest) -> None:
        """Check the request; raises UsageError."""
        if request.new and request.chosen:
            msg = "--new and --sid exclude each other."
            raise UsageError(msg, "Choose one of them.")
        self._request = request
        self._new = _parsed(request.chosen) if request.chosen else None
        self._replaced: ReplacedSid | None = None

    def result(self, session: Session) -> dict[str, Any]:
        """Stage the change, or the request for it."""
        from reseal.sid import pend
        from reseal.sid.effects import effects, refuse_in_domain

        old = _machine_sid(session, "Restore the hives from a backup.")
        refuse_in_domain(session, force=self._request.force)
        session.registry.all_volumes = self._request.all_volumes
        say_left(session, old, pending=self._request.pending)
        new = self._new = self._wanted(session, old)
        record = {
            "old": str(old),
            "new": str(new) if new else None,
            "effects": effects(session, old),
        }
        if self._request.pending:
            pend(session, new)
            session.verify()
            by = f"{new}" if new else "one that Windows generates"
            summary = f"Windows replaces the machine SID at its next boot by {by}."
            return {"result": "pending", "summary": summary, **record}
        assert new is not None
        if new == old:
            session.note(f"The machine has this SID already: {new}; nothing was changed.")
            summary = f"The machine SID is {new} already."
            return {"result": "unchanged", "summary": summary, **record}
        self._replaced = ReplacedSid(session, old, new)
        summary = f"The machine SID is {new} now, everywhere that it can be changed safely."
        return {
            "result": "changed",
            "summary": summary,
            **record,
            **self._replaced.result.to_json(),
        }

    def _wanted(self, session: Session, old: Sid) -> Sid | None:
        """Return the SID that was chosen, or generate one; None if Windows generates it."""
        from reseal.sid import choose, refuse
        from reseal.windows import identity

        if self._new is not None:
            refuse(session, self._new)
            return self._new
        if self._request.pending and not self._request.new:
            return None
        domain = identity.domain_sid(session.registry)
        return choose(old, session.random, frozenset({domain} if domain else ()))

    def recheck(self, installation: Installation) -> list[str]:
        """Name what the written image lacks."""
        from reseal.sid import Pending

        if self._request.pending:
            pending = Pending.of(installation.registry)
            wrong = not pending.requested or (self._new is not None and pending.chosen != self._new)
            return ["the request for a new SID"] if wrong else []
        return self._replaced.remains(installation) if self._replaced else []


def show_sid(image: Path, opening: Opening | None = None) -> dict[str, Any]:
    """Describe the SID of an installation and what a change of it would break.

    Returns:
        `machine_sid`, `domain_sid`, `domain` (name), `pending` (requested, chosen), `generalized`,
        `accounts` (SIDs of profiles to their folders) and `effects`, a list of sentences. What is
        absent is None.
    """
    return look(image, _shown, opening)


def _shown(found: Found) -> dict[str, Any]:
    from reseal.session import Session
    from reseal.sid import Pending
    from reseal.sid.effects import effects
    from reseal.windows import identity
    from reseal.windows.setup import SetupState

    installation = found.installation
    registry = installation.registry
    sid = identity.machine_sid(registry)
    domain_sid = identity.domain_sid(registry)
    pending = Pending.of(registry)
    return {
        "machine_sid": str(sid) if sid else None,
        "domain_sid": str(domain_sid) if domain_sid else None,
        "domain": identity.domain(registry).name,
        "pending": {
            "requested": pending.requested,
            "chosen": str(pending.chosen) if pending.chosen else None,
        },
        "generalized": SetupState.of(installation).generalized,
        "accounts": {
            name: path for name, path in registry.profiles.items() if name.startswith("S-1-5-21-")
        },
        "effects": effects(Session(installation), sid) if sid else [],
    }


def _machine_sid(session: Session, hint: str) -> Sid:
    from reseal.windows import identity

    found = identity.machine_sid(session.registry)
    if found is None:
        raise ImageError(_NONE, hint)
    return found


def _parsed(text: str) -> Sid:
    from reseal.windows import Sid

    try:
        return Sid.parse(text)
    except ValueError as error:
        msg = f"--sid: {error}."
        raise UsageError(msg, "A machine SID has the form S-1-5-21-x-y-z.") from error
