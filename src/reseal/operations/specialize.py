"""Turn an image into one machine with its own name, SID, MachineGuid and answer file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reseal.errors import CheckError
from reseal.operations.answers import FORCE_UNATTEND, Content, load
from reseal.operations.operation import HostPath, Operation, check_force
from reseal.operations.record import SpecializeRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reseal.session import Session
    from reseal.windows import Installation

#: The check that --force overrides to rename a member of a domain.
FORCE_DOMAIN = "domain"
PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecializeRequest:
    """The identity of one machine. None leaves a setting as it is in the image.

    Attributes:
        computer_name: its name, or `*` for a random one.
        sid: its SID; `new` for one that reseal generates now, `pending` for one that Windows generates.
        unattend: an answer file for its first boot, as in `AnswerFileOptions`.
        settings: `SETTING=VALUE` each, as in `Shell-Setup/TimeZone=UTC`; they win over the answer file.
        now: whether all is done at once that has a known place.
        all_volumes: whether a SID that is replaced now is replaced on volumes without a profile, too.
        replace: whether answer files that would win are moved aside.
        force: `unattend`, to take an answer file with errors; `domain`, to rename a member of a domain.
        drivers: a folder of this computer whose driver packages are added.
    """

    computer_name: str | None = None
    sid: str | None = None
    unattend: Content | None = None
    settings: tuple[str, ...] = ()
    now: bool = False
    all_volumes: bool = False
    replace: bool = False
    force: tuple[str, ...] = ()
    drivers: HostPath | None = None


class Specialize(Operation[SpecializeRecord]):
    """Turn an image into one machine.

    Attributes:
        breaks: whether the SID may be replaced although something in the image depends on it.
    """

    command = "specialize"
    rehearses = True

    def __init__(self, request: SpecializeRequest) -> None:
        """Read and check every file that the request names.

        Raises:
            AnswerFileError: the answer file can't be read.
            UsageError: something is not of its form, or is a password.
        """
        from reseal.answerfile.assignment import Assignment, assigned
        from reseal.specialize import Specialization, Wish
        from reseal.specialize.wish import checked_name, parsed_sid, refuse_secrets

        check_force(request.force, FORCE_UNATTEND, FORCE_DOMAIN)
        own = [Assignment.parse(one) for one in request.settings]
        refuse_secrets(own)
        name = request.computer_name
        self._drivers = (Path(request.drivers),) if request.drivers else ()
        self._machine = Specialization(
            Wish(
                computer_name=checked_name(name) if name is not None else None,
                sid=parsed_sid(request.sid) if request.sid else None,
                document=load(request.unattend) if request.unattend else None,
                settings=partial(assigned, own) if own else None,
                now=request.now,
                all_volumes=request.all_volumes,
                replace=request.replace,
                force_answers=FORCE_UNATTEND in request.force,
                force_domain=FORCE_DOMAIN in request.force,
                drivers=self._drivers[0] if self._drivers else None,
            )
        )
        given = (name, request.sid, request.unattend, request.settings, request.drivers)
        self._chosen = any(given)
        self.breaks = (request.sid or PENDING).lower() != PENDING

    @property
    def needs(self) -> Mapping[str, Any]:
        """Fields of `RunOptions` that the operation sets."""
        return {"reads": self._drivers}

    def result(self, session: Session) -> dict[str, Any]:
        """Stage the machine."""
        self._refuse_nothing(session)
        done = self._machine(session).to_json()
        name = done["computer_name"] or "a name that Windows generates at its first boot"
        return {"result": "specialized", "summary": f"The image is one machine: {name}.", **done}

    def _refuse_nothing(self, session: Session) -> None:
        """Refuse a machine of its own that would keep its name and its SID."""
        from reseal.windows.setup import SetupState

        state = SetupState.of(session.installation)
        if self._chosen or state.generalized:
            return
        msg = (
            f"The image is not generalized ({state.image_state or 'unknown state'}), and neither a name nor "
            "a SID was given, so it would stay the same machine. Nothing was changed."
        )
        raise CheckError(
            msg, "Generalize it first (`reseal generalize`), or give --computer-name and --sid new."
        )

    def recheck(self, installation: Installation) -> list[str]:
        """Return what the written image lacks."""
        return self._machine.recheck(installation)
