"""Arm the next boot of an image without generalizing it, or explain its state."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from reseal.errors import UsageError
from reseal.operations.answers import FORCE_UNATTEND, AnswerFileOptions, mode_of
from reseal.operations.operation import Opening, Operation, check_force, look
from reseal.operations.record import BootRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from reseal.run.opening import Found
    from reseal.session import Session
    from reseal.windows import Installation

_PROVED = "State: every value that the next boot reads was read back from the written image."


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRequest(AnswerFileOptions):
    """What the next boot does: one of these options, or the mode of an answer file.

    Attributes:
        oobe: whether it goes to OOBE.
        audit: whether it goes to audit mode.
        recover: whether a failed Sysprep or Setup is put back to its last consistent state instead.
        status: whether nothing is changed, and the state is explained instead.
        enable_storage: whether the drivers of storage controllers, and the stack above them, start again.
        force: `unattend`, to take an answer file with errors.
    """

    oobe: bool = False
    audit: bool = False
    recover: bool = False
    status: bool = False
    enable_storage: bool = False
    force: tuple[str, ...] = ()


class Boot(Operation[BootRecord]):
    """Arm the next boot of an image."""

    command = "boot"
    rehearses = True
    proved = (_PROVED,)

    def __init__(self, request: BootRequest) -> None:
        """Read and check every file that the request names.

        Raises:
            AnswerFileError: a file can't be read.
            UsageError: options contradict each other.
        """
        alone = request.status or request.recover or request.enable_storage
        if request.unattend and alone:
            msg = "--status, --recover and --enable-storage take no answer file."
            raise UsageError(
                msg, "Give it with --oobe or --audit, or with `reseal unattend apply`."
            )
        check_force(request.force, FORCE_UNATTEND)
        self._answers = request.read(force=bool(request.force))
        wanted = [name for name in ("oobe", "audit") if getattr(request, name)]
        if self._answers and not wanted and (mode := mode_of(self._answers.document)):
            wanted = [mode]
        if len(wanted) + request.recover + request.status + request.enable_storage != 1:
            msg = "Say one of --oobe, --audit, --status, --recover and --enable-storage."
            raise UsageError(msg, "`reseal boot IMAGE --status` explains the state of the image.")
        self._target = wanted[0] if wanted else None
        self._storage = request.enable_storage

    @property
    def needs(self) -> Mapping[str, Any]:
        """Fields of `RunOptions` that the operation sets."""
        folders = self._answers.driver_folders.values() if self._answers else ()
        return {"reads": tuple(folders)}

    def result(self, session: Session) -> dict[str, Any]:
        """Stage the next boot, and its answer file."""
        from reseal.sysprep import boot as engine
        from reseal.sysprep.arm import Target
        from reseal.unattend import apply as unattend

        if self._storage:
            from reseal.operations.storage import enable

            enable(session)
            session.verify()
            return {
                "result": "changed" if session.changes else "unchanged",
                "summary": "The drivers of the disk start at boot."
                if session.changes
                else "The drivers of the disk started already; nothing was changed.",
            }
        if self._target is None:
            put_back = engine.recover(session)
            session.verify()
            return {
                "result": "recovered" if put_back else "unchanged",
                "summary": "The image is back in its last consistent state."
                if put_back
                else "The image was in a consistent state; nothing was changed.",
            }
        armed = engine.boot(session, Target(self._target))
        # After arming: the place of the file is the one of the state that is staged.
        outcome = unattend.stage(session, self._answers) if self._answers else None
        session.verify()
        where = "audit mode" if self._target == "audit" else "OOBE"
        return {
            "result": "armed" if armed else "applied" if session.changes else "unchanged",
            "summary": f"The next boot goes to {where}{'' if armed else ' already'}.",
            "target": self._target,
            "unattend": outcome.to_json() if outcome else None,
        }

    def recheck(self, installation: Installation) -> list[str]:
        """Return what the written image lacks of the armed or consistent state."""
        from reseal.sysprep import boot as engine
        from reseal.sysprep.arm import Target, missing

        if self._storage:
            return []
        if self._target is None:
            return engine.recovered(installation)
        stage = engine.stage_of(engine.Standing.of(installation.registry))
        if stage is None:
            return ["a known state"]
        return missing(installation, Target(self._target), stage, new_sid=False)


def status(image: Path, opening: Opening | None = None) -> dict[str, Any]:
    """Explain the state of an installation and what its next boot does."""

    def job(found: Found) -> dict[str, Any]:
        from reseal.sysprep import boot as engine

        standing = engine.Standing.of(found.installation.registry)
        return {
            "standing": asdict(standing) | {"computed": standing.computed},
            "explanation": list(explained(found.installation)),
        }

    return look(image, job, opening)


def explained(installation: Installation) -> Iterator[str]:
    """Yield sentences about an image's state, its next boot, and the answer files that this boot uses."""
    from reseal.checks import Level
    from reseal.checks.cached_answers import cached_answers
    from reseal.session import Session
    from reseal.sysprep import boot as engine

    standing = engine.Standing.of(installation.registry)
    yield from engine.explain(standing)
    for one in cached_answers(Session(installation)) if standing.armed else ():
        if one.level is Level.WARNING:
            yield one.message
