"""The worker's side of an image that is opened from Python: it does what the caller asks."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from reseal.errors import ResealError, UsageError
from reseal.messages import Channel
from reseal.providers.plugins import every
from reseal.providers.selection import select
from reseal.regf import RegfError
from reseal.report.generalization import SidNow, generalize_job, still_armed
from reseal.report.record import recorded
from reseal.session import Mark
from reseal.sysprep.arm import Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reseal.session import Session
    from reseal.windows import Installation

#: What the caller sends to end the session.
COMMIT, ABANDON = "commit", "abandon"


class AbandonedError(ResealError):
    """The caller left without commit, so that nothing is written."""


class Service:
    """Stages what the caller asks for, until it says commit.

    Args:
        address: the socket at which the caller waits.
    """

    def __init__(self, address: Path) -> None:
        self._address = address
        self._recheck: Callable[[Installation], list[str]] = lambda _: []
        self._record: dict[str, Any] = {}

    def job(self, session: Session) -> dict[str, Any]:
        """Serve the caller; the result is the record of the run."""
        return recorded("python", self._serve)(session)

    def recheck(self, installation: Installation) -> list[str]:
        """Name what the written image lacks."""
        return self._recheck(installation)

    def _serve(self, session: Session) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._address))
            channel = Channel(connection.fileno(), binary=True)
            verbs = self._verbs(session)
            channel.send({"answer": None})
            while request := channel.receive():
                if request["verb"] == COMMIT:
                    session.verify()
                    result = "changed" if session.changes else "unchanged"
                    return {"result": result, **self._record}
                if request["verb"] == ABANDON:
                    break
                with session.acting("python", Mark.INFERRED):
                    channel.send(_answer(verbs[request["verb"]], request))
        msg = "The session was left without commit. Nothing was changed."
        raise AbandonedError(msg)

    def _verbs(self, session: Session) -> dict[str, Callable[..., Any]]:
        files, registry = session.files, session.registry
        # The session's own verbs, under their own names.
        own = (
            *("set_text", "set_number", "set_strings", "set_value", "delete_value", "delete_key"),
            *("rename_key", "write_file", "delete_file", "delete_tree", "rename_file", "note"),
        )
        return {
            **{name: getattr(session, name) for name in own},
            "value": registry.value,
            "values": lambda path: _values(session, path),
            "subkeys": lambda path: [one.name for one in _key(session, path).subkeys()],
            "read_file": files.read,
            "exists": lambda path: files.stat(path) is not None,
            "list_folder": lambda path: [one.name for one in files.list(path)],
            "changes": lambda: [one.to_json() for one in session.changes],
            "notes": lambda: session.notes,
            "facts": lambda: _facts(session.installation),
            "run_provider": lambda name: _run_provider(session, name),
            "generalize": lambda **options: self._generalize(session, **options),
        }

    def _generalize(
        self, session: Session, target: str, enable: list[str], disable: list[str], *, sid_now: bool
    ) -> None:
        goal, chosen = Target(target), select(enable, disable)
        sid = SidNow() if sid_now else None
        self._record = generalize_job(goal, chosen, None, sid)(session)
        self._recheck = still_armed(goal, chosen, sid)


def _answer(verb: Callable[..., Any], request: dict[str, Any]) -> dict[str, Any]:
    """Call a verb; what it raises goes to the caller, and the session goes on."""
    try:
        return {"answer": verb(*request["arguments"], **request["options"])}
    except (ResealError, RegfError) as error:
        kind = next(
            one.__name__ for one in type(error).__mro__ if one.__module__ == "reseal.errors"
        )
        return {"error": kind, "message": str(error), "hint": error.hint}


def _key(session: Session, path: str) -> Any:
    key = session.registry.key(path)
    if key is None:
        msg = f"The image has no key {path}."
        raise UsageError(msg)
    return key


def _values(session: Session, path: str) -> dict[str, Any]:
    return {one.name: one.decoded for one in _key(session, path).values()}


def _facts(installation: Installation) -> dict[str, Any]:
    names = ("product_name", "edition", "version", "build", "architecture")
    return {
        "root": installation.root,
        "volume": installation.volume,
        **{name: getattr(installation, name) for name in names},
    }


def _run_provider(session: Session, name: str) -> None:
    chosen = next((one for one in every() if one.id == name), None)
    if chosen is None:
        msg = f"There is no provider called {name}."
        raise UsageError(msg, "`reseal providers` lists them all.")
    chosen(session)
