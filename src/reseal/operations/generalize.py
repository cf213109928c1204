"""Generalize an installation: the order of the whole run.

Drivers, steps of customizing, the answer file, Sysprep's plan, the SID, and the final steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reseal.errors import UsageError
from reseal.operations import sid
from reseal.operations.answers import FORCE_UNATTEND, AnswerFileOptions, mode_of
from reseal.operations.customize import StepWords, needs_of, read
from reseal.operations.drivers import added
from reseal.operations.operation import (
    HostPath,
    Operation,
)
from reseal.operations.record import GeneralizeRecord, identity_text
from reseal.operations.volumes import say_left

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reseal.session import Session
    from reseal.windows import Installation

_PROVED = "State: every value of the armed state was read back from the written image."
_PROVED_SID = (
    "Identity: the old machine SID was looked for in every written hive, file name and descriptor, and "
    "remains only where this record says so."
)
#: Where a next boot can go.
TARGETS = ("oobe", "audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralizeRequest(AnswerFileOptions):
    """Options of a generalize run.

    Attributes:
        target: where the next boot goes, `oobe` or `audit`; None for what the answer file says, or OOBE.
        enable: ids of providers that do not run by default.
        disable: ids of providers that are not to run.
        all_volumes: whether volumes that hold no profile of this Windows are changed, too.
        sid: when the machine gets its new SID: `pending` at its first boot, `new` in this run, `both` in
            this run and again at the first boot.
        sid_now: the same as `sid` `new`.
        rearm: whether the activation is rearmed at the first boot; None where the copy is licensed by
            volume.
        remove_drivers: whether third parties' driver packages are removed, too.
        drivers: a folder of this computer whose driver packages are added first.
        mode: `vm` where the image returns to the same hypervisor.
        strict: whether images with third parties' Sysprep providers are refused.
        force: names of checks, and of what steps refuse, that do not stop the run.
        discard_hibernation: whether a hibernated session is discarded; unsaved data is lost.
        chkdsk_at_boot: whether Windows checks the volume at its next boot.
        locate_boot_devices: whether the boot manager searches for Windows.
        save_identity: where the identity goes that the machine had, for `verify`.
        steps: steps of customizing that are done first.
    """

    target: str | None = None
    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    all_volumes: bool = False
    sid: str = "pending"
    sid_now: bool = False
    rearm: bool | None = False
    remove_drivers: bool = False
    drivers: HostPath | None = None
    mode: str | None = None
    strict: bool = False
    force: tuple[str, ...] = ()
    discard_hibernation: bool = False
    chkdsk_at_boot: bool = False
    locate_boot_devices: bool = False
    save_identity: HostPath | None = None
    steps: tuple[StepWords, ...] = ()


class Generalize(Operation[GeneralizeRecord]):
    """Generalize an image.

    Attributes:
        target: where the next boot goes.
    """

    command = "generalize"
    rehearses = True

    def __init__(self, request: GeneralizeRequest | None = None) -> None:
        """Read and check every file that the request names.

        Raises:
            ResealError: a file can't be read, or is wrong.
            UsageError: options contradict each other, or a name is not known.
        """
        from reseal import checks
        from reseal.checks.cached_answers import GIVEN
        from reseal.customize.run import Customization, forced
        from reseal.providers.machine_sid import machine_sid
        from reseal.providers.selection import select

        asked = request or GeneralizeRequest()
        self._request = asked
        self._identity = Path(asked.save_identity) if asked.save_identity else None
        self._drivers = Path(asked.drivers) if asked.drivers else None
        self._providers = select(asked.enable, asked.disable)
        of_steps, others = forced(asked.force)
        self._steps = Customization(read(asked.steps), of_steps)
        self._answers = asked.read(force=FORCE_UNATTEND in others)
        self.target = target_of(asked.target, self._answers and self._answers.document)
        _check_mode(asked.mode, self.target)
        named = [name for name in others if name != FORCE_UNATTEND]
        given = {GIVEN} if self._answers else set()
        self._switches = checks.force(named) | _switches(asked) | given
        when = _when(asked)
        self._sid = None if when == "pending" else sid.SidNow(again=when == "both")
        self._new_sid = machine_sid in self._providers and self._sid is None
        self.proved = (_PROVED, _PROVED_SID) if self._sid else (_PROVED,)

    @property
    def needs(self) -> Mapping[str, Any]:
        """Fields of `RunOptions` that the operation sets."""
        folders = self._answers.driver_folders.values() if self._answers else ()
        steps = needs_of(self._steps)
        drivers = (self._drivers,) if self._drivers else ()
        return {
            **steps,
            "reads": (*drivers, *folders, *steps["reads"]),
            "chkdsk_at_boot": self._request.chkdsk_at_boot,
            "switches": self._switches,
        }

    @property
    def outside(self) -> str | None:
        """The option that works outside the session, if any."""
        asked = self._request
        own = ("chkdsk_at_boot", "discard_hibernation", "save_identity")
        return next((name for name in own if getattr(asked, name)), None) or self._steps.outside

    def prepare(self, *, dry_run: bool) -> None:
        """Create the folders of this computer that steps write to."""
        self._steps.prepare(dry_run=dry_run)

    def result(self, session: Session) -> dict[str, Any]:
        """Stage the whole run."""
        from reseal.operations.replay import replay
        from reseal.proof import known
        from reseal.providers.plugins import every
        from reseal.sysprep.arm import Target
        from reseal.sysprep.generalize import generalize as engine
        from reseal.windows import identity

        session.registry.all_volumes = self._request.all_volumes
        say_left(session, identity.machine_sid(session.registry), pending=self._sid is None)
        # First, so that the checks and the devices' provider see the drivers.
        drivers = added(session, self._drivers) if self._drivers else None
        target = Target(self.target)
        answers = self._steps.stage(session, target, self._answers)
        with session.step("Looking at what stays"):
            kept = known.kept(session.installation, self._providers)
        outcome = engine(session, target, self._providers, answers, sid_now=self._sid is not None)
        done = outcome.result == "generalized"
        if done:
            replay(session)
        replaced = self._sid.change(session, generalized=done) if self._sid else None
        self._steps.finish()
        # The checks have warned of identities already.
        warned = {one.id for one in every() if one.identity}
        for one in kept:
            if one.provider not in warned:
                session.note(one.sentence)
        return {
            "result": outcome.result,
            "summary": _summary(self.target, session, done=done),
            "target": self.target,
            "checks": [one.to_json() for one in outcome.checks],
            "coverage": outcome.coverage.to_json(),
            "kept": [one.to_json() for one in kept],
            "unattend": outcome.unattend.to_json() if outcome.unattend else None,
            "sid": replaced,
            "drivers": drivers,
        }

    def recheck(self, installation: Installation) -> list[str]:
        """Return what the written image lacks of the armed state, and where the old SID remains."""
        from reseal.sysprep.arm import Target, missing

        lacks = missing(installation, Target(self.target), new_sid=self._new_sid)
        return lacks + self._sid.remains(installation) if self._sid else lacks

    def files(self) -> Mapping[Path, Callable[[Mapping[str, Any]], str | None]]:
        """The identity that the machine had."""
        return {self._identity: _identity_of} if self._identity else {}

    def keep(self) -> None:
        """Move copied-out files into place."""
        self._steps.publish()

    def complete(self, done: GeneralizeRecord) -> None:
        """Move copied-out files into place."""
        if copied_out := self._steps.publish():
            done["copied_out"] = copied_out

    def discard(self) -> None:
        """Delete copied-out files that were not moved into place."""
        self._steps.discard()


def target_of(wanted: str | None, document: Any) -> str:
    """Return the target of the next boot: the request's, else that of the answer file, else OOBE.

    Raises:
        UsageError: the target is unknown.
    """
    if wanted is not None and wanted not in TARGETS:
        msg = f"{wanted} is not a known target."
        raise UsageError(msg, "Use oobe or audit.")
    return wanted or mode_of(document) or "oobe"


def _when(request: GeneralizeRequest) -> str:
    """Return when the machine gets its new SID.

    Raises:
        UsageError: the time is unknown, or two were given.
    """
    if request.sid not in sid.WHEN:
        msg = f"--sid {request.sid} is not known."
        raise UsageError(msg, f"Use {', '.join(sid.WHEN[:-1])}, or {sid.WHEN[-1]}.")
    if request.sid_now and request.sid == "both":
        msg = "--sid-now is --sid new, so it excludes --sid both."
        raise UsageError(msg, "Leave one of them out.")
    return "new" if request.sid_now else request.sid


def _check_mode(mode: str | None, target: str) -> None:
    if mode not in {None, "vm"}:
        msg = f"--mode {mode} is not known; the only mode is vm."
        raise UsageError(msg, "Leave --mode out for an image that may go to any hardware.")
    if mode and target == "audit":
        msg = "--mode vm goes to OOBE only."
        raise UsageError(msg, "Leave --audit or --mode vm out.")


def _switches(request: GeneralizeRequest) -> frozenset[str]:
    """Return the switches that providers and checks look at."""
    from reseal.providers.declaration import DISABLED, ENABLED

    given = {
        "mode:vm": request.mode == "vm",
        "strict": request.strict,
        "remove-drivers": request.remove_drivers,
        "discard-hibernation": request.discard_hibernation,
        "locate-boot-devices": request.locate_boot_devices,
        "rearm": bool(request.rearm),
        "rearm-volume": request.rearm is None,
    }
    named = {f"{ENABLED}{one}" for one in request.enable} | {
        f"{DISABLED}{one}" for one in request.disable
    }
    return frozenset(name for name, on in given.items() if on) | named


def _summary(target: str, session: Session, *, done: bool) -> str:
    if done:
        where = "audit mode" if target == "audit" else "OOBE"
        return f"The image is generalized. Its next boot runs specialize, then {where}."
    if session.changes:
        return "The image was generalized already; the other options were applied."
    return "The image was generalized already; nothing was changed."


def _identity_of(done: Mapping[str, Any]) -> str | None:
    return identity_text(done) if done["result"] == "generalized" else None
