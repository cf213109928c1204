r"""An image's position in the state machine of Setup, and how to arm or repair its next boot.

How Windows computes ImageState (reported, interoperability notes):

| GeneralizationState | other input | ImageState |
|---|---|---|
| 4 | ChildCompletion\setup.exe 0 | GENERALIZE_RESEAL_TO_OOBE, or _AUDIT if AuditBoot is not 0 |
| 4 | setup.exe not 0: specialize has begun | UNDEPLOYABLE |
| 7 | oobeldr.exe (audit.exe if AuditBoot is not 0) 0 | SPECIALIZE_RESEAL_TO_OOBE or _AUDIT |
| 7 | that child 3 | COMPLETE (if AuditBoot is not 0: SPECIALIZE_RESEAL_TO_AUDIT) |
| 7 | that child another number | UNDEPLOYABLE |
| another, such as 3 | | UNDEPLOYABLE |

A missing child counts as 0: it has not run (inferred).

Some Windows 11 installations are reported to stay at 4 after OOBE. Therefore 4 with setup.exe 3 (done,
seen) is not a generalized image: with ImageState COMPLETE it is a finished installation, with any other
state it is stuck (inferred).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reseal.errors import CheckError
from reseal.session import Mark, Session
from reseal.sysprep.arm import (
    Armed,
    Stage,
    Target,
    arm_boot,
    image_state,
    missing,
    reset_carried_over,
    set_state,
    write_state_file,
)
from reseal.windows import Installation, Registry, setup

_NOT_RUN, _BEGUN, _DONE = 0, 1, 3
_CHILDREN = ("setup.exe", "oobeldr.exe", "audit.exe")
_PASSES = (
    "windowsPE", "offlineServicing", "generalize", "specialize", "auditSystem", "auditUser", "oobeSystem",
)  # fmt: skip
#: Numbers of a configuration pass that has not failed; 1, 3, 5, 6 and 8 mean a failure, and numbers
#: above 9 do not exist (reported).
_SOUND = frozenset({0, 2, 4, 7, 9})


@dataclass(frozen=True, slots=True)
class Standing:
    """An image's position in the state machine of Setup.

    Attributes:
        generalization_state: 4 generalized, 7 specialized, 3 failed; None if missing.
        cleanup_state: 2 in finished installations; None if missing.
        corrupt: whether Sysprep marked a failed run.
        audit: whether the next boot goes to audit mode.
        children: numbers of setup.exe, oobeldr.exe and audit.exe; 0 not run, 1 begun, 3 done.
        failed_passes: configuration passes that failed, and their numbers.
        setup_type: 2 if the next boot runs CmdLine.
        cmd_line: the command that it runs.
        stored: the ImageState that is stored in the image.
        new_sid: whether setupcl.exe has to generate a new machine SID.
    """

    generalization_state: int | None
    cleanup_state: int | None
    corrupt: bool
    audit: bool
    children: dict[str, int]
    failed_passes: dict[str, int]
    setup_type: int | None
    cmd_line: str | None
    stored: str | None
    new_sid: bool

    @classmethod
    def of(cls, registry: Registry) -> Standing:
        """Read it from the hives."""
        passes = {name: registry.number(setup.UNATTEND_PASSES, name) or 0 for name in _PASSES}
        corrupt = registry.value(setup.SYSPREP_REGISTRY, setup.SYSPREP_CORRUPT)
        return cls(
            generalization_state=registry.number(setup.SYSPREP_STATUS, "GeneralizationState"),
            cleanup_state=registry.number(setup.SYSPREP_STATUS, "CleanupState"),
            corrupt=corrupt not in {None, 0, ""},
            audit=bool(registry.number(setup.STATUS, "AuditBoot")),
            children={
                name: registry.number(setup.CHILD_COMPLETION, name) or _NOT_RUN
                for name in _CHILDREN
            },
            failed_passes={name: one for name, one in passes.items() if one not in _SOUND},
            setup_type=registry.number(setup.SETUP, "SetupType"),
            cmd_line=registry.text(setup.SETUP, "CmdLine"),
            stored=registry.text(setup.SETUP_STATE, "ImageState"),
            new_sid=setup.new_sid_pending(registry),
        )

    @property
    def target(self) -> Target:
        """The destination of the next boot."""
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
    def specialized_at_4(self) -> bool:
        """Whether specialize is done although GeneralizationState says that it has to run."""
        return (
            self.generalization_state == setup.GENERALIZED and self.children["setup.exe"] == _DONE
        )

    @property
    def finished_at_4(self) -> bool:
        """Whether the installation is finished although GeneralizationState stayed at 4."""
        return self.specialized_at_4 and self.stored == setup.COMPLETE


def faults(standing: Standing) -> Iterator[str]:
    """Yield the faults of an image's state at which Windows or the next Sysprep run would stop."""
    number = standing.generalization_state
    if number is None:
        yield "GeneralizationState is missing: Sysprep never ran here, or the hive is incomplete."
    elif stage_of(standing) is None:
        yield (
            f"A run of Sysprep failed or was interrupted (GeneralizationState {number}); the next run "
            "would stop with 0x1f."
        )
    elif standing.specialized_at_4 and not standing.finished_at_4:
        yield "Specialize is done (setup.exe 3), but GeneralizationState is still 4."
    elif standing.stored == setup.UNDEPLOYABLE != standing.computed:
        yield "ImageState says that a part of Setup is running or has failed."
    if standing.corrupt:
        yield "SysprepCorrupt is set: a run of Sysprep failed."
    if standing.cleanup_state not in {None, setup.CLEANUP_IDLE}:
        yield (
            f"CleanupState is {standing.cleanup_state}; finished installations have 2, and the meaning "
            "of other numbers is not known."
        )
    for name, child in standing.children.items():
        if child == _BEGUN:
            yield (
                f"{name} started but did not finish. Windows would report that the computer restarted "
                "unexpectedly."
            )
        elif child not in {_NOT_RUN, _DONE}:
            yield f"{name} has the unknown number {child}; 0 means not run, 3 means done."
    for name, failed in standing.failed_passes.items():
        yield f"The pass {name} failed ({failed}), and Setup stops at a failed pass."


def explain(standing: Standing) -> Iterator[str]:
    """Yield sentences that describe an image's state and its next boot."""
    state = standing.computed
    yield f"ImageState: {standing.stored or 'missing'}; Windows would compute {state}."
    if standing.finished_at_4:
        yield (
            "The installation is finished. Its GeneralizationState stayed at 4, as reported for some "
            "Windows 11 installations; programs that wait for 7 keep waiting."
        )
    elif standing.stored not in {None, state}:
        yield "The two differ: the stored state is incomplete."
    if stage_of(standing) is Stage.GENERALIZED:
        yield "The image is generalized; specialize still has to run (GeneralizationState 4)."
    elif standing.generalization_state == setup.SPECIALIZED:
        yield "The installation is specialized (GeneralizationState 7)."
    wrong = list(faults(standing))
    yield from wrong
    if wrong and standing.generalization_state is not None:
        yield f"`reseal boot --recover` {_way_back(standing)}."
    yield from _next_boot(standing)


def _next_boot(standing: Standing) -> Iterator[str]:
    if not standing.armed:
        yield "The next boot is a normal boot: no Setup program is armed (SetupType 0)."
        return
    steps = []
    if standing.new_sid:
        steps.append("setupcl.exe is asked for a new machine SID")
    if stage_of(standing) is Stage.GENERALIZED:
        steps.append(f"{standing.cmd_line} runs specialize")
    else:
        steps.append(f"{standing.cmd_line} starts")
    steps.append("audit mode follows" if standing.audit else "OOBE follows")
    yield f"At the next boot {', then '.join(steps)}."


def boot(session: Session, target: Target) -> bool:
    """Stage a boot to OOBE or audit mode without generalizing the image.

    This is what `sysprep /oobe` and `sysprep /audit` do. A generalized image stays generalized.

    Returns:
        Whether anything was staged.

    Raises:
        CheckError: a run of Sysprep or of Setup failed in this image.
    """
    standing = Standing.of(session.registry)
    stage = stage_of(standing)
    wrong = " ".join(faults(standing))
    if stage is None or wrong:
        msg = (
            f"The next boot can't be armed from the image's present state: {wrong} Nothing was "
            "changed."
        )
        raise CheckError(msg, "See `reseal boot IMAGE --status`, then use --recover.")
    if not missing(session.installation, target, stage):
        session.note(f"The next boot already goes to {target.value}.")
        return False
    arm_boot(session, target, stage)
    if standing.finished_at_4:
        session.note(
            "GeneralizationState had stayed at 4 in a finished installation. It is 7 now, since "
            "specialize is done."
        )
    return True


def recover(session: Session) -> bool:
    """Stage the return from the faults that `faults` names to the last consistent state.

    | found | restored to | mark |
    |---|---|---|
    | GeneralizationState 4, setup.exe neither 0 nor 3 | generalized: specialize begins again | reported |
    | 4, setup.exe 3, ImageState not COMPLETE | 7, since 3 is done, and as below | inferred |
    | 7, setup.exe neither 0 nor 3 | setup.exe 3, as administrators write it, and as below | reported |
    | 3 or an unknown number | 7: children and AuditBoot are those from before the run, and as below | inferred |
    | 7, AuditBoot not 0 | specialized: audit mode begins again, where Windows stays until it is resealed (documented) | reported |
    | 7, oobeldr.exe 3 | a finished installation: no Setup program armed, COMPLETE | reported |
    | 7, oobeldr.exe another number | specialized: OOBE begins again | reported |
    | a pass that failed | 0: not begun | reported |
    | CleanupState not 2 | 2 | seen in finished installations, else inferred |
    | SysprepCorrupt | deleted | reported |

    Returns:
        Whether anything was staged.

    Raises:
        CheckError: GeneralizationState is missing.
    """  # noqa: E501  a table row can't be wrapped
    standing = Standing.of(session.registry)
    if not any(faults(standing)):
        session.note("The image is in a consistent state; there is nothing to recover.")
        return False
    if standing.generalization_state is None:
        msg = (
            "GeneralizationState is missing, so the last consistent state is unknown. Nothing was "
            "changed."
        )
        raise CheckError(
            msg, "Boot the image and let Setup finish, or restore the SYSTEM hive from a backup."
        )
    if stage_of(standing) is Stage.GENERALIZED:
        arm_boot(session, standing.target, Stage.GENERALIZED)
    else:
        set_state(session, [Armed(setup.CHILD_COMPLETION, "setup.exe", _DONE, Mark.REPORTED)])
        if _oobe_is_over(standing):
            _finish(session, standing)
        else:
            arm_boot(session, standing.target, Stage.SPECIALIZED)
    set_state(
        session,
        [Armed(setup.UNATTEND_PASSES, name, 0, Mark.REPORTED) for name in standing.failed_passes],
    )
    _say_what_was_done(session, standing)
    return True


def recovered(installation: Installation) -> list[str]:
    """Return what is still wrong with a recovered image."""
    return ["a consistent state"] if any(faults(Standing.of(installation.registry))) else []


def stage_of(standing: Standing) -> Stage | None:
    """Return whether specialize still has to run; None if Sysprep failed or left no state."""
    if standing.generalization_state == setup.SPECIALIZED or standing.specialized_at_4:
        return Stage.SPECIALIZED
    return Stage.GENERALIZED if standing.generalization_state == setup.GENERALIZED else None


def _oobe_is_over(standing: Standing) -> bool:
    return not standing.audit and standing.children["oobeldr.exe"] == _DONE


def _way_back(standing: Standing) -> str:
    """Return what `recover` does, as a verb phrase."""
    if stage_of(standing) is Stage.GENERALIZED:
        return "makes specialize run again"
    if _oobe_is_over(standing):
        return "restores the state of a finished installation"
    return f"makes {'audit mode' if standing.audit else 'OOBE'} run again"


def _say_what_was_done(session: Session, standing: Standing) -> None:
    stage = stage_of(standing)
    if stage is None:
        session.note(
            "The failed run of Sysprep may have done a part of its work; what it removed stays removed. "
            "Otherwise the image is assumed to be as it was before that run (inferred)."
        )
    elif standing.specialized_at_4:
        session.note(
            "Specialize counts as done, since setup.exe is 3. That GeneralizationState then has to be 7 "
            "is inferred."
        )
    stopped = any(child not in {_NOT_RUN, _DONE} for child in standing.children.values())
    if stopped or standing.failed_passes:
        session.note(
            r"The logs Windows\Panther\setuperr.log and Windows\Panther\UnattendGC\setuperr.log say why "
            "Setup did not finish."
        )
    if standing.armed and standing.cmd_line != session.registry.text(setup.SETUP, "CmdLine"):
        session.note(f"The next boot no longer runs {standing.cmd_line}.")


def _finish(session: Session, standing: Standing) -> None:
    """Stage the state of a finished installation, as five real hives have it."""
    seen, reported = Mark.SEEN, Mark.REPORTED
    values = [
        Armed(setup.SETUP, "SetupType", 0, seen),
        Armed(setup.SETUP, "CmdLine", "", seen),
        Armed(setup.SETUP, "OOBEInProgress", 0, seen),
        Armed(setup.SETUP, "SystemSetupInProgress", 0, seen),
        Armed(setup.SETUP, "SetupPhase", 0, seen),
        Armed(setup.SYSPREP_STATUS, "GeneralizationState", setup.SPECIALIZED, seen),
        Armed(setup.CHILD_COMPLETION, "oobeldr.exe", _DONE, seen),
        Armed(setup.CHILD_COMPLETION, "audit.exe", _NOT_RUN, seen),
        Armed(setup.STATUS, "AuditBoot", 0, seen),
        Armed(setup.SETUP_STATE, "ImageState", setup.COMPLETE, reported),
        Armed(setup.IMAGE_SERVICING_DATA, "ImageState", setup.COMPLETE, reported),
    ]
    if standing.cleanup_state is not None:
        values.append(Armed(setup.SYSPREP_STATUS, "CleanupState", setup.CLEANUP_IDLE, seen))
    set_state(session, values)
    reset_carried_over(session, Target.OOBE)
    write_state_file(session, setup.COMPLETE)
