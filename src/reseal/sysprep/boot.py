r"""Where an image stands in the state machine of Setup, and how its next boot is armed or mended.

How Windows computes ImageState (reported, interoperability notes):

| GeneralizationState | other input | ImageState |
|---|---|---|
| 4 | ChildCompletion\setup.exe 0 | GENERALIZE_RESEAL_TO_OOBE, or _AUDIT where AuditBoot is not 0 |
| 4 | setup.exe not 0: specialize began | UNDEPLOYABLE |
| 7 | oobeldr.exe (audit.exe where AuditBoot is not 0) 0 | SPECIALIZE_RESEAL_TO_OOBE or _AUDIT |
| 7 | that child 3 | COMPLETE (where AuditBoot is not 0: SPECIALIZE_RESEAL_TO_AUDIT) |
| 7 | that child another number | UNDEPLOYABLE |
| another, such as 3 | | UNDEPLOYABLE |

A missing child counts as 0 where it has not run (inferred).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.errors import CheckError
from reseal.session import Mark
from reseal.sysprep.arm import (
    Armed,
    Stage,
    Target,
    arm_boot,
    image_state,
    missing,
    set_state,
    write_state_file,
)
from reseal.windows import setup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.session import Session
    from reseal.windows import Installation, Registry

_DONE = 3
#: A run of Sysprep that failed or was interrupted leaves this (reported).
_FAILED = 3
_SYSPREP = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\Sysprep"
_CORRUPT = "SysprepCorrupt"
_CHILDREN = ("setup.exe", "oobeldr.exe", "audit.exe")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an image stands.

    Attributes:
        generalization_state: 4 generalized, 7 specialized, 3 failed; None where missing.
        audit: whether the next boot goes to audit mode.
        children: numbers of setup.exe, oobeldr.exe and audit.exe; 0 not run, 1 begun, 3 done.
        setup_type: 2 where the next boot runs CmdLine.
        cmd_line: what it runs.
        stored: the ImageState that is written in the image.
        new_sid: whether setupcl.exe is to make a new machine SID.
    """

    generalization_state: int | None
    audit: bool
    children: dict[str, int]
    setup_type: int | None
    cmd_line: str | None
    stored: str | None
    new_sid: bool

    @classmethod
    def of(cls, registry: Registry) -> Standing:
        """Read it from the hives."""
        return cls(
            registry.number(setup.SYSPREP_STATUS, "GeneralizationState"),
            bool(registry.number(setup.STATUS, "AuditBoot")),
            {name: registry.number(setup.CHILD_COMPLETION, name) or 0 for name in _CHILDREN},
            registry.number(setup.SETUP, "SetupType"),
            registry.text(setup.SETUP, "CmdLine"),
            registry.text(setup.SETUP_STATE, "ImageState"),
            setup.new_sid_pending(registry),
        )

    @property
    def target(self) -> Target:
        """Where the next boot goes."""
        return Target.AUDIT if self.audit else Target.OOBE

    @property
    def computed(self) -> str:
        """The ImageState that Windows would compute."""
        if self.generalization_state == setup.GENERALIZED:
            if self.children["setup.exe"] == 0:
                return image_state(Stage.GENERALIZED, self.target)
            return setup.UNDEPLOYABLE
        if self.generalization_state == setup.SPECIALIZED:
            child = self.children["audit.exe" if self.audit else "oobeldr.exe"]
            if child == 0 or (child == _DONE and self.audit):
                return image_state(Stage.SPECIALIZED, self.target)
            return setup.COMPLETE if child == _DONE else setup.UNDEPLOYABLE
        return setup.UNDEPLOYABLE

    @property
    def armed(self) -> bool:
        """Whether the next boot runs Windows Setup's own program."""
        return bool(self.setup_type) and bool(self.cmd_line)

    @property
    def failed_child(self) -> str | None:
        """The program that began and did not end ("The computer restarted unexpectedly")."""
        return next((name for name, number in self.children.items() if number == 1), None)


def explain(standing: Standing) -> Iterator[str]:
    """Say in sentences where an image stands and what its next boot does."""
    state = standing.computed
    yield f"ImageState: {standing.stored or 'missing'}; Windows would compute {state}."
    if standing.stored not in {None, state}:
        yield "The two differ: whatever wrote the state did not write all of it."
    if standing.generalization_state is None:
        yield "GeneralizationState is missing: Sysprep never ran here, or the hive is incomplete."
    elif standing.generalization_state == setup.GENERALIZED:
        yield "The image is generalized; specialize is still to come (GeneralizationState 4)."
    elif standing.generalization_state == setup.SPECIALIZED:
        yield "The installation is specialized (GeneralizationState 7)."
    else:
        yield (
            f"A run of Sysprep failed or was interrupted (GeneralizationState "
            f"{standing.generalization_state}); the next one would stop with 0x1f. "
            "`reseal boot --recover` puts it back."
        )
    if standing.failed_child:
        yield (
            f"{standing.failed_child} began and did not end, so Windows would say that the computer "
            "restarted unexpectedly. `reseal boot --recover` lets it begin again."
        )
    yield from _next_boot(standing)


def _next_boot(standing: Standing) -> Iterator[str]:
    if not standing.armed:
        yield "The next boot is a usual one: no Setup program is armed (SetupType 0)."
        return
    steps = []
    if standing.new_sid:
        steps.append("setupcl.exe makes a new machine SID")
    if standing.generalization_state == setup.GENERALIZED:
        steps.append(f"{standing.cmd_line} runs specialize")
    else:
        steps.append(f"{standing.cmd_line} starts")
    steps.append("audit mode follows" if standing.audit else "OOBE follows")
    yield f"At the next boot {', then '.join(steps)}."


def boot(session: Session, target: Target) -> bool:
    """Stage an image's next boot to go to OOBE or audit mode, without generalizing it.

    What `sysprep /oobe` and `sysprep /audit` do. A generalized image stays generalized.

    Returns:
        Whether anything was staged.

    Raises:
        CheckError: a run of Sysprep or of Setup failed in this image.
    """
    standing = Standing.of(session.registry)
    stage = stage_of(standing)
    if stage is None or standing.failed_child:
        msg = "The image is in no state from which its next boot can be armed. Nothing was changed."
        raise CheckError(msg, "See `reseal boot IMAGE --status`, then use --recover.")
    if not missing(session.installation, target, stage):
        session.note(f"The next boot goes to {target.value} already.")
        return False
    arm_boot(session, target, stage)
    return True


def recover(session: Session) -> bool:
    """Stage the way back from UNDEPLOYABLE, or from a Setup that restarted unexpectedly.

    | found | put back to | mark |
    |---|---|---|
    | GeneralizationState 4, setup.exe begun | generalized, specialize begins again | reported |
    | 7, oobeldr.exe or audit.exe begun | specialized, that child begins again | reported |
    | 3, no Setup program armed | a finished installation: 7 and COMPLETE | reported |

    Returns:
        Whether anything was staged.
    """
    standing = Standing.of(session.registry)
    stage = stage_of(standing)
    if stage is not None and standing.failed_child:
        arm_boot(session, standing.target, stage)
        session.note(
            f"{standing.failed_child} runs again from its beginning. Why it did not end stands in "
            r"Windows\Panther\setuperr.log and Windows\Panther\UnattendGC\setuperr.log."
        )
        return True
    if stage is None and standing.generalization_state is not None:
        set_state(session, _finished())
        write_state_file(session, setup.COMPLETE)
        with session.acting("recover", Mark.REPORTED):
            session.delete_value(_SYSPREP, _CORRUPT)
        session.note(
            "The failed run of Sysprep may have done a part of its work; what it removed stays removed."
        )
        return True
    session.note("The image is in a consistent state; there is nothing to put back.")
    return False


def recovered(installation: Installation) -> list[str]:
    """Look at a recovered image: what is still wrong."""
    standing = Standing.of(installation.registry)
    if standing.failed_child or standing.computed == setup.UNDEPLOYABLE:
        return ["a consistent state"]
    return []


def stage_of(standing: Standing) -> Stage | None:
    """Whether specialize is still to come; None where Sysprep failed or left no state."""
    return {setup.GENERALIZED: Stage.GENERALIZED, setup.SPECIALIZED: Stage.SPECIALIZED}.get(
        standing.generalization_state or 0
    )


def _finished() -> list[Armed]:
    """The values of a finished installation, as five real hives have them."""
    seen, reported = Mark.SEEN, Mark.REPORTED
    return [
        Armed(setup.SETUP, "SetupType", 0, seen),
        Armed(setup.SETUP, "CmdLine", "", seen),
        Armed(setup.SETUP, "OOBEInProgress", 0, seen),
        Armed(setup.SETUP, "SystemSetupInProgress", 0, seen),
        Armed(setup.SETUP, "SetupPhase", 0, seen),
        Armed(setup.SYSPREP_STATUS, "GeneralizationState", setup.SPECIALIZED, seen),
        Armed(setup.CHILD_COMPLETION, "setup.exe", _DONE, seen),
        Armed(setup.CHILD_COMPLETION, "oobeldr.exe", _DONE, seen),
        Armed(setup.STATUS, "AuditBoot", 0, seen),
        Armed(setup.SETUP_STATE, "ImageState", setup.COMPLETE, reported),
        Armed(setup.IMAGE_SERVICING_DATA, "ImageState", setup.COMPLETE, reported),
    ]
