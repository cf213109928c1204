r"""Arm an image, so that its next boot runs specialize, then OOBE or audit mode.

| value | mark, source |
|---|---|
| `SYSTEM\Setup` SetupType 2, CmdLine | reported: a build diary's offline inspection of a correctly generalized Server 2019 image; image builders set both by hand to arm an image; interoperability notes on how OOBE arms itself again |
| OOBEInProgress 1 | to OOBE reported by the same sources; to audit mode inferred: whether Sysprep writes more there than AuditBoot, SetupType and CmdLine is not confirmed |
| SystemSetupInProgress, SetupPhase 4 | inferred: 1 and 4 in one Vista hive before specialize (seen); 0 and 4 where OOBE arms itself again (reported), which is not a run of Sysprep |
| CloneTag | seen in five real hives: the time of the last generalize as C `ctime` text |
| SysprepStatus GeneralizationState 4 | reported by three independent sources |
| ChildCompletion, UnattendPasses 0 | reported: otherwise the pass does not run again, or Windows computes ImageState UNDEPLOYABLE |
| ImageState in `Setup\State` | documented: Microsoft, Windows Setup States |
| ImageState in State.ini | documented, with quotes around it; the files that were seen have none |
| ImageState in `Setup\ImageServicingData` | seen in staged images |
| AuditBoot | reported |
| CleanupState 2, if the image has the value | inferred: seen in finished installations; the meaning of other numbers is not known |
| AuditInProgress 0 when leaving audit mode, if the image has the value | inferred: a tool is reported to recognise audit mode by it; that Windows clears it is not confirmed |
| Sysprep_succeeded.tag | seen in logs and on generalized images |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reseal.session import Mark, Session
from reseal.windows import Installation, Registry, setup

ARM = "arm"
WINDEPLOY = r"oobe\windeploy.exe"
_SHUTDOWN_REQUIRED = "SetupShutdownRequired"


class Target(StrEnum):
    """The destination of the next boot."""

    OOBE = "oobe"
    AUDIT = "audit"


class Stage(StrEnum):
    """Whether specialize still has to run."""

    GENERALIZED = "GENERALIZE"
    SPECIALIZED = "SPECIALIZE"


def image_state(stage: Stage, target: Target) -> str:
    """Return the ImageState for a destination of the next boot (documented)."""
    return f"IMAGE_STATE_{stage}_RESEAL_TO_{target.upper()}"


@dataclass(frozen=True, slots=True)
class Armed:
    """One registry value of the armed state: a number or a text."""

    path: str
    name: str
    data: int | str
    mark: Mark


#: Children and passes that run again at the next boot, and so must not count as done.
_CHILDREN = ("oobeldr.exe", "audit.exe", "SetupFinalTasks")
_PASSES = ("auditSystem", "auditUser", "oobeSystem")


def armed_state(target: Target, stage: Stage = Stage.GENERALIZED) -> list[Armed]:
    """Return every registry value of the armed state, consistent with one another."""
    seen, reported, inferred = Mark.SEEN, Mark.REPORTED, Mark.INFERRED
    in_progress = inferred if target is Target.AUDIT else reported
    generalized = stage is Stage.GENERALIZED
    number = setup.GENERALIZED if generalized else setup.SPECIALIZED
    children = ("setup.exe", *_CHILDREN) if generalized else _CHILDREN
    passes = ("specialize", *_PASSES) if generalized else _PASSES
    state = image_state(stage, target)
    return [
        Armed(setup.SETUP, "SetupType", 2, reported),
        Armed(setup.SETUP, "CmdLine", WINDEPLOY, reported),
        Armed(setup.SETUP, "OOBEInProgress", 1, in_progress),
        Armed(setup.SETUP, "SystemSetupInProgress", int(generalized), inferred),
        Armed(setup.SETUP, "SetupPhase", 4, inferred),
        Armed(setup.SYSPREP_STATUS, "GeneralizationState", number, reported),
        *(Armed(setup.CHILD_COMPLETION, name, 0, reported) for name in children),
        *(Armed(setup.UNATTEND_PASSES, name, 0, reported) for name in passes),
        Armed(setup.STATUS, "AuditBoot", int(target is Target.AUDIT), reported),
        Armed(setup.SETUP_STATE, "ImageState", state, Mark.DOCUMENTED),
        Armed(setup.IMAGE_SERVICING_DATA, "ImageState", state, seen),
    ]


def carried_over(registry: Registry, target: Target) -> list[Armed]:
    """Return the required values of entries that an image may already have; absent ones stay absent."""
    values = [Armed(setup.SYSPREP_STATUS, "CleanupState", setup.CLEANUP_IDLE, Mark.INFERRED)]
    if target is Target.OOBE:
        values.append(Armed(setup.SETUP, "AuditInProgress", 0, Mark.INFERRED))
    return [one for one in values if registry.value(one.path, one.name) is not None]


def missing(
    installation: Installation,
    target: Target,
    stage: Stage = Stage.GENERALIZED,
    *,
    new_sid: bool = True,
) -> list[str]:
    """Return the names of entries that differ from the armed state; empty if it is complete.

    Args:
        installation: the Windows to examine.
        target: the destination of its next boot.
        stage: whether specialize still has to run.
        new_sid: whether a request for a new machine SID is part of the state.
    """
    registry = installation.registry
    lacks = [
        f"{one.path}\\\\{one.name}"
        for one in (*armed_state(target, stage), *carried_over(registry, target))
        if registry.value(one.path, one.name) != one.data
    ]
    files = [setup.STATE_INI]
    if stage is Stage.GENERALIZED:
        files.append(setup.TAG_FILE)
        if new_sid and not setup.new_sid_pending(registry):
            lacks.append(
                f"{setup.PENDING_REQUEST} with {setup.SETUPCL_EXE} in {setup.SETUPEXECUTE}"
            )
    paths = map(installation.path, files)
    lacks.extend(path for path in paths if installation.tree.stat(path) is None)
    return lacks


def arm(session: Session, target: Target) -> None:
    """Stage the armed state of a generalized image, with its clone tag and tag file."""
    arm_boot(session, target, Stage.GENERALIZED)
    with session.acting(ARM, Mark.SEEN):
        # ctime: the day is padded with a space.
        tag = f"{session.now:%a %b} {session.now.day:2} {session.now:%H:%M:%S %Y}"
        session.set_strings(setup.SETUP, "CloneTag", [tag])
        session.write_file(session.installation.path(setup.TAG_FILE), b"")


def arm_boot(session: Session, target: Target, stage: Stage) -> None:
    """Stage the values that send the next boot to OOBE or audit mode, and note the inferred ones.

    Args:
        session: the opened installation.
        target: the destination of the next boot.
        stage: whether specialize still has to run.
    """
    values = armed_state(target, stage)
    set_state(session, values)
    reset_carried_over(session, target)
    write_state_file(session, image_state(stage, target))
    *names, last = (f"{one.name} {one.data}" for one in values if one.mark is Mark.INFERRED)
    session.note(
        f"{', '.join(names)} and {last} are inferred: no source gives them for an image that Sysprep "
        "has armed."
    )


def set_state(session: Session, values: list[Armed]) -> None:
    """Stage values of SYSTEM and SOFTWARE that control the next boot."""
    for one in values:
        with session.acting(ARM, one.mark):
            if isinstance(one.data, int):
                session.set_number(one.path, one.name, one.data)
            else:
                session.set_text(one.path, one.name, one.data)
    with session.acting(ARM, Mark.SEEN):
        # The armed boot would carry out a leftover request to shut down.
        session.delete_value(setup.SETUP, _SHUTDOWN_REQUIRED)
    with session.acting(ARM, Mark.REPORTED):
        # A failed run leaves it; it is only found here if the check was overridden.
        session.delete_value(setup.SYSPREP_REGISTRY, setup.SYSPREP_CORRUPT)


def reset_carried_over(session: Session, target: Target) -> None:
    """Stage the values that `carried_over` requires, and note them."""
    registry = session.registry
    stale = [
        one
        for one in carried_over(registry, target)
        if registry.value(one.path, one.name) != one.data
    ]
    set_state(session, stale)
    for one in stale:
        session.note(
            f"{one.name} is {one.data} now. This is inferred: no source says how Windows uses it."
        )


def write_state_file(session: Session, state: str) -> None:
    """Stage State.ini, the third copy of the ImageState, without quotes as finished images have it (seen)."""
    with session.acting(ARM, Mark.SEEN):
        text = f"[State]\r\nImageState={state}\r\n"
        session.write_file(session.installation.path(setup.STATE_INI), text.encode("ascii"))
