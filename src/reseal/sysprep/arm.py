r"""Arm an image: its next boot runs specialize, then OOBE or audit mode.

| value | mark, source |
|---|---|
| `SYSTEM\Setup` SetupType 2, CmdLine, OOBEInProgress 1 | seen: offline inspection of a correctly generalized Server 2019 image |
| SystemSetupInProgress 1, SetupPhase 4 | inferred: seen in one Vista hive whose specialize was still to come; another code path writes 0 when it re-arms OOBE (reported) |
| CloneTag | seen in five real hives: the C `ctime` text of the last generalize |
| SysprepStatus GeneralizationState 4 | reported by three independent sources |
| ChildCompletion, UnattendPasses 0 | reported: otherwise the pass does not run again, or ImageState is computed as UNDEPLOYABLE |
| ImageState in `Setup\State` and State.ini | documented: Microsoft, Windows Setup States |
| ImageState in `Setup\ImageServicingData` | seen in staged images |
| AuditBoot | reported |
| Sysprep_succeeded.tag | seen in logs and on generalized images |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reseal.regf import types
from reseal.session import Mark
from reseal.windows import setup

if TYPE_CHECKING:
    from reseal.session import Session
    from reseal.windows import Installation

ARM = "arm"
WINDEPLOY = r"oobe\windeploy.exe"
_SHUTDOWN_REQUIRED = "SetupShutdownRequired"


class Target(StrEnum):
    """Where the next boot goes after specialize."""

    OOBE = "oobe"
    AUDIT = "audit"

    @property
    def image_state(self) -> str:
        """The ImageState that announces it."""
        if self is Target.AUDIT:
            return setup.GENERALIZE_RESEAL_TO_AUDIT
        return setup.GENERALIZE_RESEAL_TO_OOBE


@dataclass(frozen=True, slots=True)
class Armed:
    """One registry value of the armed state: a number or a text."""

    path: str
    name: str
    data: int | str
    mark: Mark


def armed_state(target: Target) -> list[Armed]:
    """Every registry value of the armed state, consistent with one another."""
    seen, reported, inferred = Mark.SEEN, Mark.REPORTED, Mark.INFERRED
    return [
        Armed(setup.SETUP, "SetupType", 2, seen),
        Armed(setup.SETUP, "CmdLine", WINDEPLOY, seen),
        Armed(setup.SETUP, "OOBEInProgress", 1, seen),
        Armed(setup.SETUP, "SystemSetupInProgress", 1, inferred),
        Armed(setup.SETUP, "SetupPhase", 4, inferred),
        Armed(setup.SYSPREP_STATUS, "GeneralizationState", setup.GENERALIZED, reported),
        *(
            Armed(setup.CHILD_COMPLETION, name, 0, reported)
            for name in ("setup.exe", "oobeldr.exe", "audit.exe", "SetupFinalTasks")
        ),
        *(
            Armed(setup.UNATTEND_PASSES, name, 0, reported)
            for name in ("specialize", "auditSystem", "auditUser", "oobeSystem")
        ),
        Armed(setup.STATUS, "AuditBoot", int(target is Target.AUDIT), reported),
        Armed(setup.SETUP_STATE, "ImageState", target.image_state, Mark.DOCUMENTED),
        Armed(setup.IMAGE_SERVICING_DATA, "ImageState", target.image_state, seen),
    ]


def missing(installation: Installation, target: Target) -> list[str]:
    """Name what the image lacks of the armed state; empty where it is complete."""
    registry = installation.registry
    lacks = [
        f"{one.path}\\\\{one.name}"
        for one in armed_state(target)
        if registry.value(one.path, one.name) != one.data
    ]
    if not setup.new_sid_pending(registry):
        lacks.append(f"{setup.PENDING_REQUEST} with {setup.SETUPCL_EXE} in {setup.SETUPEXECUTE}")
    lacks.extend(
        path
        for path in (installation.path(setup.TAG_FILE), installation.path(setup.STATE_INI))
        if installation.tree.stat(path) is None
    )
    return lacks


def arm(session: Session, target: Target) -> None:
    """Stage the armed state, in the registry, State.ini and the tag file."""
    for one in armed_state(target):
        with session.acting(ARM, one.mark):
            if isinstance(one.data, int):
                session.set_number(one.path, one.name, one.data)
            else:
                session.set_text(one.path, one.name, one.data)
    with session.acting(ARM, Mark.SEEN):
        # ctime: the day is padded with a space.
        tag = f"{session.now:%a %b} {session.now.day:2} {session.now:%H:%M:%S %Y}"
        session.set_value(
            setup.SETUP, "CloneTag", types.REG_MULTI_SZ, types.encode(types.REG_MULTI_SZ, [tag])
        )
        session.write_file(session.installation.path(setup.TAG_FILE), b"")
        # A left-over request to shut down would be carried out after specialize.
        session.delete_value(setup.SETUP, _SHUTDOWN_REQUIRED)
    with session.acting(ARM, Mark.DOCUMENTED):
        state = f'[State]\r\nImageState="{target.image_state}"\r\n'
        session.write_file(session.installation.path(setup.STATE_INI), state.encode("ascii"))
    session.note(
        "SystemSetupInProgress 1 and SetupPhase 4 are inferred: one real hive with specialize still to "
        "come holds them, and no source states them for a generalized image."
    )
