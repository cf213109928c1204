"""windeploy.exe and setup.exe: the specialize pass."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.answerfile import AnswerFile, Pass
from reseal.answerfile.components import COMMANDS
from reseal.answerfile.requested import settings_at
from reseal.drivers.signature import Executable
from reseal.mark import Mark
from reseal.rehearsal import sources
from reseal.rehearsal.answers import findings, unreadable
from reseal.rehearsal.declaration import Fact, passes, stage, stops, unknown
from reseal.rehearsal.programs import RESTORE
from reseal.rehearsal.walk import BIOS, Walk
from reseal.sysprep.action_file import ActionFileError, parse
from reseal.unattend.present import users
from reseal.windows import setup

SPECIALIZE = r"System32\Sysprep\ActionFiles\Specialize.xml"
SETUP_EXE = r"oobe\setup.exe"
RESERVED = "e3c9e316-0b5c-4db8-817d-f92df00215ae"
FILE_SYSTEM = r"HKLM\SYSTEM\CurrentControlSet\Control\FileSystem"
_HARDWARE = "Windows could not configure Windows to run on this computer's hardware"
_LOOP = "The computer restarted unexpectedly or encountered an unexpected error, at each boot"
_RECOVER = "reseal boot IMAGE --recover"
_MAX_COMMANDS, _MAX_MODULES = 500, 2_000
#: Builds from which Specialize.xml calls spntfs.dll, and of media with a crash on BIOS.
_SPNTFS_SINCE, _RDP_CRASH_SINCE = 26100, 26200
#: Values of NtfsDisable8dot3NameCreation that are the same for all volumes.
_GLOBAL_NAMES = frozenset({0, 1, 3})


@stage(
    "setup",
    "windeploy.exe and setup.exe run the specialize pass",
    order=8,
    mark=Mark.SEEN,
    source=sources.STATE_HIVES,
)
def setup_stage(walk: Walk) -> Iterator[Fact]:
    """GeneralizationState 4 with setup.exe not done runs specialize; one failed module ends the pass."""
    standing = walk.standing
    due = standing.generalization_state == setup.GENERALIZED and standing.children["setup.exe"] == 0
    if not walk.runs_setup:
        yield from _not_run(walk, due=due)
        return
    yield from _state(walk)
    if walk.stat(walk.system32(SETUP_EXE)) is None:
        yield stops(
            rf"{walk.system32(SETUP_EXE)} is missing.",
            _LOOP,
            Mark.INFERRED,
            sources.STATE_HIVES,
            cure=RESTORE,
        )
    if not due:
        return
    yield passes("The boot runs specialize.", Mark.SEEN, sources.STATE_HIVES)
    yield from _modules(walk)
    yield from _partitions(walk)
    yield from _answers(walk)
    yield from _versions(walk)


def _not_run(walk: Walk, *, due: bool) -> Iterator[Fact]:
    if due:
        yield stops(
            "The image is generalized, but its SetupType and CmdLine do not start windeploy.exe: specialize "
            "would not run.",
            "a plain logon screen, without specialize and OOBE",
            Mark.REPORTED,
            sources.STATE_HIVES,
            cure="reseal boot IMAGE --oobe",
        )
    elif walk.standing.generalization_state == setup.GENERALIZE_FAILED:
        yield unknown(
            "A run of Sysprep failed or was interrupted (GeneralizationState 3).",
            Mark.REPORTED,
            sources.STATE_HIVES,
            cure=_RECOVER,
        )
    else:
        yield passes("Setup has nothing to do.", Mark.SEEN, sources.STATE_HIVES)


def _state(walk: Walk) -> Iterator[Fact]:
    """State values at which Setup does not go on."""
    standing = walk.standing
    begun = [name for name, child in standing.children.items() if child == 1]
    for name in begun:
        yield stops(
            f"{name} started and did not finish (ChildCompletion 1).",
            _LOOP,
            Mark.REPORTED,
            "mickitblog.blogspot.com 2012/01",
            cure=_RECOVER,
        )
    for name, failed in standing.failed_passes.items():
        yield stops(
            f"The pass {name} has failed ({failed}).",
            "Setup stops: the system is in an invalid state",
            Mark.REPORTED,
            sources.STATE_HIVES,
            cure=_RECOVER,
        )
    if standing.generalization_state == setup.GENERALIZE_FAILED:
        yield stops(
            "A run of Sysprep failed or was interrupted (GeneralizationState 3).",
            _LOOP,
            Mark.REPORTED,
            sources.STATE_HIVES,
            cure=_RECOVER,
        )


def _modules(walk: Walk) -> Iterator[Fact]:
    """The DLLs of Specialize.xml."""
    path = walk.installation.path(SPECIALIZE)
    stat = walk.stat(path)
    if stat is None:
        yield unknown(
            f"{path} is missing; Windows before 8 has its list in the registry.",
            Mark.SEEN,
            sources.THIS_IMAGE,
        )
        return
    try:
        components = parse(walk.session.files.read(path), path)
    except ActionFileError as error:
        yield stops(
            f"{error.message}", _HARDWARE, Mark.INFERRED, "the action files of Windows 10 and 11"
        )
        return
    count = bad = 0
    for component in components:
        if component.wow64 or component.architecture not in {walk.architecture, ""}:
            continue
        for module in component.modules[:_MAX_MODULES]:
            if module.validate or not module.dll:
                continue
            count += 1
            if reason := _unfit(walk, walk.system32(module.dll)):
                bad += 1
                yield stops(
                    f"Specialize.xml calls {module}, but {walk.system32(module.dll)} {reason}.",
                    _HARDWARE,
                    Mark.INFERRED,
                    "one failed module ends the pass (seen, first boots of Windows 11)",
                    cure=RESTORE,
                )
    if count and not bad:
        yield passes(
            f"The {count} modules of Specialize.xml are there.",
            Mark.INFERRED,
            "one failed module ends the pass (seen, first boots of Windows 11)",
        )


def _unfit(walk: Walk, path: str) -> str | None:
    stat = walk.stat(path)
    if stat is None:
        return "is missing"
    if stat.reparse_tag:
        return None
    found = Executable.read(walk.session.files.head(path, 4096), stat.size)
    if found is None:
        return "is not a program"
    if walk.architecture and found.architecture != walk.architecture:
        return f"is for {found.architecture or 'another machine'}"
    return None


def _partitions(walk: Walk) -> Iterator[Fact]:
    """SpBcd needs a store on the partition that the firmware started from."""
    if not walk.partitioned:
        return
    if walk.store is None:
        yield stops(
            "Specialize needs the boot store of the partition that the firmware started from; there is none.",
            f"{_HARDWARE} (c0000452, 0xC000000F)",
            Mark.SEEN,
            "first boots of Windows 11 that wimapply had laid out",
            cure="reseal boot IMAGE --repair",
        )
    if walk.scheme == "gpt" and not any(one.type == RESERVED for one in walk.ranges):
        yield unknown(
            "The disk has no Microsoft reserved partition; one image without it stopped in specialize.",
            Mark.REPORTED,
            "pbatard/rufus#432",
            cure="reseal deploy IMAGE DISK",
        )


def _answers(walk: Walk) -> Iterator[Fact]:
    """The answer file that wins in specialize."""
    winner = users(walk.answer_files, [Pass.SPECIALIZE]).get(Pass.SPECIALIZE)
    if damaged := unreadable(walk, winner, Pass.SPECIALIZE):
        yield damaged
        return
    if winner is None or winner.document is None:
        yield passes(
            "No answer file has a specialize pass.", Mark.DOCUMENTED, sources.ANSWER_SEARCH
        )
        return
    yield from findings(walk, winner, Pass.SPECIALIZE)
    yield from _commands(walk, winner.document)


def _commands(walk: Walk, document: AnswerFile) -> Iterator[Fact]:
    """Commands of the pass whose program the image does not have."""
    count = 0
    for component, path, name in COMMANDS:
        for setting in settings_at(
            document, Pass.SPECIALIZE, component, f"{path}/{name}", walk.architecture or ""
        ):
            count += 1
            if count > _MAX_COMMANDS:
                return
            program, there = walk.program(setting.text)
            if there is False:
                yield unknown(
                    f"A command of the specialize pass starts {program[:200]}, which is not in the image.",
                    Mark.DOCUMENTED,
                    "Unattended Windows Setup Reference, RunSynchronous",
                )


def _versions(walk: Walk) -> Iterator[Fact]:
    """What stopped first boots of single versions."""
    names = walk.registry.number(FILE_SYSTEM, "NtfsDisable8dot3NameCreation")
    if walk.build >= _SPNTFS_SINCE and names in _GLOBAL_NAMES:
        yield unknown(
            f"NtfsDisable8dot3NameCreation is {names}, the same for all volumes; spntfs.dll stopped a first "
            "boot of current Windows 11 with error 304, which may come from that.",
            Mark.REPORTED,
            "cschneegans/unattend-generator#453 (seen); that the value is the cause: inferred",
            cure=rf"Set it to 2 in {FILE_SYSTEM} with reseal reg",
        )
    if walk.build >= _RDP_CRASH_SINCE and walk.firmware == BIOS:
        yield unknown(
            "RdpSysPrepRestoreOffline crashed in specialize of a 26200.8037 on BIOS; with UEFI it did not.",
            Mark.SEEN,
            "a log of a first boot",
            cure="reseal deploy IMAGE DISK --firmware uefi",
        )
