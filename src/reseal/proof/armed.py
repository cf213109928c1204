"""Every value of the armed state of an image, as it is, as it must be, and what it means."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from reseal.session import Mark
from reseal.sid.fresh import is_fresh
from reseal.sysprep.arm import Stage, Target, armed_state, carried_over, image_state
from reseal.windows import Installation, identity, setup

_MEANINGS = {
    "SetupType": "2 runs CmdLine before anyone can log on.",
    "CmdLine": "What runs then: the program that drives specialize and OOBE.",
    "OOBEInProgress": "Services that must wait for the end of OOBE wait.",
    "SystemSetupInProgress": "The kernel starts as it does within Setup.",
    "SetupPhase": "The phase of Setup that the kernel assumes for this boot.",
    "GeneralizationState": "4: generalized, specialize still to come; 7: a finished installation.",
    "CleanupState": "2: no clean-up of Sysprep's is under way. Not every image has it.",
    "AuditInProgress": "Whether the image is in audit mode, for one tool at least. Not every image has it.",
    "AuditBoot": "Whether the boot goes to audit mode rather than to OOBE.",
    "ImageState": "The state that deployment tools read. Windows computes it from the other values.",
}
_CHILD = "0: this part of the first boot has not run yet. Windows skips one that is done."
_PASS = "0: this configuration pass has not run yet. Windows skips one that is done."  # noqa: S105


@dataclass(frozen=True, slots=True)
class Part:
    r"""One value or file of the armed state.

    Attributes:
        target: a registry value (`key\\name`), or a path of the volume.
        expected: what it must be.
        found: what it is; None where it is missing.
        correct: whether it is as it must be.
        meaning: what Windows does with it.
        mark: how that is known.
    """

    target: str
    expected: object
    found: object
    correct: bool
    meaning: str
    mark: Mark

    def to_json(self) -> dict[str, Any]:
        """The part as plain data."""
        return asdict(self)


def target_of(installation: Installation) -> Target:
    """Where the next boot is meant to go, by AuditBoot."""
    audit = installation.registry.number(setup.STATUS, "AuditBoot")
    return Target.AUDIT if audit else Target.OOBE


def armed(installation: Installation, old_sid: str | None = None) -> list[Part]:
    """Look at every value and file that makes the next boot run specialize and OOBE or audit mode.

    Args:
        installation: the Windows to look at.
        old_sid: the machine SID before it was generalized, where that is known. With another one in
            its place and no request for a third, the image has its new SID.
    """
    registry, target = installation.registry, target_of(installation)
    parts = []
    for one in (*armed_state(target), *carried_over(registry, target)):
        found = registry.value(one.path, one.name)
        shown = found.hex() if isinstance(found, bytes) else found
        parts.append(
            Part(f"{one.path}\\\\{one.name}", one.data, shown, found == one.data,
                 _meaning(one.path, one.name), one.mark)
        )  # fmt: skip
    sid = _new_sid(installation, old_sid)
    pending = any(one.target.endswith(setup.OPERATION_FLAGS) for one in sid)
    return [*parts, *sid, *_files(installation, target), *_programs(installation, pending=pending)]


def _programs(installation: Installation, *, pending: bool) -> list[Part]:
    """The programs of the first boot that are missing: what they are to do is not done without them."""
    return [
        Part(path, "present", None, correct=False,
             meaning="The first boot starts it.", mark=Mark.SEEN)
        for path in setup.missing_programs(installation)
        if pending or not path.lower().endswith(setup.SETUPCL_EXE)
    ]  # fmt: skip


def _meaning(path: str, name: str) -> str:
    if path == setup.CHILD_COMPLETION:
        return _CHILD
    return _PASS if path == setup.UNATTEND_PASSES else _MEANINGS[name]


def _new_sid(installation: Installation, old_sid: str | None) -> list[Part]:
    registry = installation.registry
    own = str(identity.machine_sid(registry))
    replaced = old_sid not in {None, own} or is_fresh(registry)
    if replaced and not setup.new_sid_pending(registry):
        wanted = f"another than {old_sid or 'the old one'}"
        return [
            Part("machine SID", wanted, own, correct=True, mark=Mark.SEEN,
                 meaning="The machine has its new SID; setupcl.exe is not asked for another.")
        ]  # fmt: skip
    flags = registry.number(setup.PENDING_REQUEST, setup.OPERATION_FLAGS)
    bit = setup.REPLACE_ACCOUNT_DOMAIN_SID
    parts = [
        Part(f"{setup.PENDING_REQUEST}\\\\{setup.OPERATION_FLAGS}", f"a number with bit {bit}", flags,
             bool((flags or 0) & bit),
             "Bit 4 asks setupcl.exe to replace the machine's SID. Other bits are not judged.",
             Mark.INFERRED)
    ]  # fmt: skip
    for control_set in registry.control_sets:
        path = setup.SESSION_MANAGER.replace("CurrentControlSet", control_set)
        starts = {name: registry.value(path, name) for name in setup.executed_names(registry)}
        name = next(filter(lambda one: _setupcl_first(starts[one]), starts), setup.SETUPEXECUTE)
        parts.append(
            Part(f"{path}\\\\{name}", f"{setup.SETUPCL_EXE} first", starts[name],
                 _setupcl_first(starts[name]),
                 "What the session manager runs before anything else: the change of the SID.",
                 Mark.REPORTED)
        )  # fmt: skip
    return parts


def _setupcl_first(strings: object) -> bool:
    return isinstance(strings, list) and [one.lower() for one in strings[:1]] == [setup.SETUPCL_EXE]


def _files(installation: Installation, target: Target) -> list[Part]:
    state = image_state(Stage.GENERALIZED, target)
    ini, tag = installation.path(setup.STATE_INI), installation.path(setup.TAG_FILE)
    stat = installation.tree.stat(ini)
    written = None
    if stat is not None and not stat.is_directory:
        written = setup.state_in(installation.tree.read(ini, 0, 4096))
    there = installation.tree.stat(tag) is not None
    return [
        Part(ini, state, written, written == state,
             "The third place of the ImageState.", Mark.DOCUMENTED),
        Part(tag, "present", "present" if there else None, there,
             "Sysprep's own sign that a run succeeded.", Mark.SEEN),
    ]  # fmt: skip
