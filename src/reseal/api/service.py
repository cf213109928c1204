"""The worker's side of an image opened from Python: it serves the caller's requests."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from reseal.errors import ResealError, UsageError
from reseal.messages import Channel
from reseal.operations.boot import Boot, BootRequest
from reseal.operations.customize import Customize, CustomizeRequest
from reseal.operations.generalize import Generalize, GeneralizeRequest
from reseal.operations.operation import Operation
from reseal.operations.record import RunRecord
from reseal.operations.sid import ChangeSid, SidRequest
from reseal.operations.specialize import Specialize, SpecializeRequest
from reseal.operations.unattend import ApplyUnattend, UnattendRequest
from reseal.providers.plugins import every
from reseal.regf import RegfError
from reseal.sandbox import sockets
from reseal.session import Mark, Session
from reseal.windows import Installation

#: Requests that an opened image can stage.
Request: TypeAlias = (
    GeneralizeRequest
    | BootRequest
    | SidRequest
    | SpecializeRequest
    | CustomizeRequest
    | UnattendRequest
)
#: By the name of each request: the request and what is made of it.
_OPERATIONS: dict[str, tuple[type[Request], Callable[[Any], Operation[Any]]]] = {
    "GeneralizeRequest": (GeneralizeRequest, Generalize),
    "BootRequest": (BootRequest, Boot),
    "SidRequest": (SidRequest, ChangeSid),
    "SpecializeRequest": (SpecializeRequest, Specialize),
    "CustomizeRequest": (CustomizeRequest, Customize),
    "UnattendRequest": (UnattendRequest, ApplyUnattend),
}
#: Messages that end the session.
COMMIT, ABANDON = "commit", "abandon"


_ABANDONED = "The session was left without commit. Nothing was changed."


class AbandonedError(ResealError):
    """The caller left without commit, so that nothing is written."""


class Service(Operation[RunRecord]):
    """Stages what the caller requests, until commit.

    Args:
        address: the socket at which the caller waits.
        needs: fields of `RunOptions`, set when the image was opened.
    """

    command = "python"

    def __init__(self, address: Path, needs: Mapping[str, Any] | None = None) -> None:
        self._address = address
        self._needs = needs or {}
        self._staged: list[Operation[Any]] = []
        self._record: dict[str, Any] = {}

    @property
    def needs(self) -> Mapping[str, Any]:
        """Fields of `RunOptions`."""
        return {**self._needs, "sockets": (self._address,)}

    def recheck(self, installation: Installation) -> list[str]:
        """Name what the written image lacks."""
        return [lack for one in self._staged for lack in one.recheck(installation)]

    def result(self, session: Session) -> dict[str, Any]:
        """Serve the caller; the result is the record of the run."""
        number = sockets.taken(self._address)
        if number is None:
            raise AbandonedError(_ABANDONED)
        with socket.socket(fileno=number) as connection:
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
        raise AbandonedError(_ABANDONED)

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
            "stage": partial(self._stage, session),
        }

    def _stage(self, session: Session, name: str, **options: Any) -> None:
        """Stage an operation. What it says of the image wins in the record of the run."""
        request, make = _OPERATIONS[name]
        operation = make(request(**{name: _tuples(one) for name, one in options.items()}))
        if operation.outside:
            msg = f"{operation.outside} does something outside the image, which is open already."
            hint = "Ask `reseal.open` or `commit` for it, or use `reseal.operations.run`."
            raise UsageError(msg, hint)
        session.switches |= operation.needs.get("switches", frozenset())
        last = self._staged[-1:] if _rechecks(operation) else []
        if last:
            msg = f"This run stages what `reseal {last[0].command}` does already."
            raise UsageError(msg, "Commit it first, and open the image again.")
        self._record = operation.stage(session)
        if _rechecks(operation):
            self._staged.append(operation)


def _rechecks(operation: Operation[Any]) -> bool:
    """Whether an operation checks the final state of the image, which another would change."""
    return type(operation).recheck is not Operation.recheck


def _tuples(value: Any) -> Any:
    """What JSON has as lists, requests have as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


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
        msg = f"{name} is not a known provider."
        raise UsageError(msg, "`reseal providers` lists them all.")
    chosen(session)
