"""The machine SID of an image as plain data, and the jobs that change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reseal.errors import ImageError
from reseal.report.record import recorded
from reseal.run.opening import Found, choose
from reseal.session import Session
from reseal.sid import Pending, Replacement, Result, change_now, pend, refuse
from reseal.sid import choose as choose_sid
from reseal.sid.change import remains
from reseal.sid.effects import effects, refuse_in_domain
from reseal.windows import Installation, Sid, identity
from reseal.windows.setup import SetupState

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROVED = (
    "Identity: the written hives, file names and descriptors were searched for the old machine SID."
)


def shown(found: list[Found], volume: str | None, subject: str) -> dict[str, Any]:
    """Describe the SID of an installation and what a change of it would break.

    Returns:
        `machine_sid`, `domain_sid`, `domain` (name), `pending` (requested, chosen), `generalized`,
        `accounts` (SIDs of profiles to their folders) and `effects`, a list of sentences. What is
        absent is None.
    """
    installation = choose(found, volume, subject).installation
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


class SidJob:
    """What `reseal sid` does to a session's installation, and the look at it afterwards.

    Args:
        new: the chosen SID, None for a new one (or, pending, for what Windows draws).
        pending: leave the change to Windows at the next boot.
        draw: choose a SID here also where it is pending.
        all_volumes: change the other volumes' descriptors, too.
        force: also for a member of a domain.
    """

    def __init__(
        self,
        new: Sid | None,
        *,
        pending: bool = False,
        draw: bool = False,
        all_volumes: bool = False,
        force: bool = False,
    ) -> None:
        self._new = new
        self._pending = pending
        self._draw = draw
        self._all_volumes = all_volumes
        self._force = force
        self._replacement: Replacement | None = None
        self._result = Result()

    def __call__(self, session: Session) -> dict[str, Any]:
        """Stage the change."""
        return recorded("sid", self._change, proved=(_PROVED,))(session)

    def _change(self, session: Session) -> dict[str, Any]:
        old = identity.machine_sid(session.registry)
        if old is None:
            msg = "The image has no machine SID (no SECURITY and SAM hives). Nothing was changed."
            raise ImageError(msg, "Restore the hives from a backup.")
        refuse_in_domain(session, force=self._force)
        new = self._new
        if new is not None:
            refuse(session, new)
        elif self._draw or not self._pending:
            domain = identity.domain_sid(session.registry)
            new = choose_sid(old, session.random, frozenset({domain} if domain else ()))
        self._new = new
        record: dict[str, Any] = {
            "old": str(old),
            "new": str(new) if new else None,
            "effects": effects(session, old),
        }
        if self._pending:
            pend(session, new)
            session.verify()
            by = f"{new}" if new else "one that Windows draws"
            summary = f"Windows replaces the machine SID at its next boot by {by}."
            return {"result": "pending", "summary": summary, **record}
        assert new is not None
        if new == old:
            session.note(f"The machine has this SID already: {new}; nothing was changed.")
            return {
                "result": "unchanged",
                "summary": f"The machine SID is {new} already.",
                **record,
            }
        self._replacement = Replacement(old, new)
        self._result = change_now(session, self._replacement, all_volumes=self._all_volumes)
        summary = f"The machine SID is {new} now, everywhere that it can be changed safely."
        return {"result": "changed", "summary": summary, **record, **self._result.to_json()}

    def recheck(self, installation: Installation) -> list[str]:
        """Name what the written image lacks."""
        if self._pending:
            pending = Pending.of(installation.registry)
            wrong = not pending.requested or (self._new is not None and pending.chosen != self._new)
            return ["the request for a new SID"] if wrong else []
        if self._replacement is None:
            return []
        return remains(installation, self._replacement, self._result)


def show_text(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of `reseal sid --show`."""
    yield f"Machine SID  {record['machine_sid'] or 'unknown'}"
    pending = record["pending"]
    if pending["requested"]:
        yield f"Next boot    replaced by {pending['chosen'] or 'one that Windows draws'}"
    if record["domain_sid"]:
        yield f"Domain       {record['domain']} ({record['domain_sid']})"
    for sid, path in record["accounts"].items():
        yield f"Profile      {sid}  {path}"


def change_text(record: dict[str, Any], *, dry_run: bool, output: str | None) -> Iterator[str]:
    """Yield the lines of a change."""
    where = output or record["image"]["path"]
    for name, counts in record.get("hives", {}).items():
        listed = ", ".join(f"{count} × {kind}" for kind, count in counts.items())
        yield f"  {name}: {listed}"
    for one in record.get("descriptors", []):
        state = "changed" if one["changed"] else "left as they are"
        yield (
            f"  volume {one['volume']}: {one['with_sid']} of {one['distinct']} descriptors "
            f"{state if one['with_sid'] else 'hold the SID'}"
        )
    for name, count in record.get("files", {}).items():
        yield f"  {name}: {count} places"
    for name in record.get("names", []):
        yield f"  {name}: renamed"
    for one in record.get("left", []):
        count = "" if one["count"] is None else f" ({one['count']} times)"
        yield f"Left: {one['path']}{count}, {one['format']}: {one['reason']}."
    for note in record["notes"]:
        yield f"Note: {note}"
    total = record["timings"]["total"]
    if dry_run:
        yield f"Nothing was written: a dry run of {total:.2f} s."
    elif record["result"] == "pending":
        yield f"{where} gets {record['new'] or 'a new SID that Windows draws'} at its next boot."
    elif record["result"] == "changed":
        yield f"{where}: {record['old']} is {record['new']} now ({total:.2f} s)."
