"""An answer file for an image: check it, apply what can be applied offline, place it for Windows.

What each pass comes to:

| pass | what happens |
|---|---|
| windowsPE | nothing: it belongs to Windows Setup on its medium; marked as over |
| offlineServicing | applied at once, as DISM's /Apply-Unattend does; marked as over |
| generalize | applied before the generalization of the same run; marked as over |
| specialize, auditSystem, auditUser, oobeSystem | left to Windows, which finds the file at its first boot |

Documented: How Configuration Passes Work. On request those settings of specialize that have a known place
are applied at once too; Windows applies them again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reseal import answerfile
from reseal.answerfile import Level, Pass, Target, mark
from reseal.errors import CheckError
from reseal.session import Mark
from reseal.unattend import accounts as offline_accounts
from reseal.unattend import copy_profile, oobe_xml, specialize_now
from reseal.unattend import drivers as driver_paths
from reseal.unattend import place as placing
from reseal.unattend import present as answer_files
from reseal.unattend.pass_settings import Left, applied, apply_pass, explain, left, left_package
from reseal.unattend.time_zone import TIME_ZONES
from reseal.windows import manifests
from reseal.windows.setup import SetupState

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.answerfile import AnswerFile, Finding
    from reseal.session import Session
    from reseal.unattend.place import Situation
    from reseal.windows import Installation

KEYBOARD_LAYOUTS = r"HKLM\SYSTEM\CurrentControlSet\Control\Keyboard Layouts"
#: How many errors a message names; the rest is counted.
_SHOWN = 10
_OVER = (
    "The image is generalized already, and this pass is over; reseal or Sysprep would have to "
    "generalize it again."
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for.

    Attributes:
        document: the answer file.
        replace: whether other files that would win are moved aside.
        force: whether an answer file with errors is taken.
        now: whether settings of specialize are applied at once where their place is known.
        oobe_xml: name and content of an oobe.xml to place, too.
        driver_folders: folders of this computer by the driver path for which each stands.
    """

    document: AnswerFile
    replace: bool = False
    force: bool = False
    now: bool = False
    oobe_xml: tuple[str, bytes] | None = None
    driver_folders: dict[str, Path] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """What became of an answer file. No value of a setting stands in it.

    Attributes:
        file: its name.
        placed: where it lies in the image.
        to_run: the passes that the next boot runs.
        moved_aside: where files lie now that would have won.
        findings: what the check found.
        warnings: what else to know before the image boots.
        applied: the settings that were applied at once.
        not_applied: those that could not be.
        left_to_windows: those of specialize that were not, where it was asked for at once.
        drivers: the driver packages that were found, and what became of each.
    """

    file: str
    placed: str | None = None
    to_run: tuple[Pass, ...] = ()
    moved_aside: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    applied: list[dict[str, object]] = field(default_factory=list)
    not_applied: list[Left] = field(default_factory=list)
    left_to_windows: list[Left] = field(default_factory=list)
    drivers: list[dict[str, object]] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """The outcome as plain data."""
        return {
            "file": self.file,
            "placed": self.placed,
            "to_run": [name.value for name in self.to_run],
            "moved_aside": self.moved_aside,
            "findings": [one.as_dict() for one in self.findings],
            "warnings": self.warnings,
            "applied": self.applied,
            "not_applied": [one.to_json() for one in self.not_applied],
            "left_to_windows": [one.to_json() for one in self.left_to_windows],
            "drivers": self.drivers,
        }


class Application:
    """One answer file on its way into one image; `begin`, `place`, then `finish`."""

    def __init__(self, session: Session, request: Request, situation: Situation) -> None:
        self._session = session
        self._request = request
        self._situation = situation
        self.outcome = Outcome(request.document.name, to_run=situation.to_run)

    def begin(self) -> None:
        """Check the file against the image and make way for it.

        Raises:
            AnswerFileError: the oobe.xml is wrong.
            CheckError: the file has errors, or another one would win.
            UsageError: a folder is given for a driver path that the file does not have.
        """
        session, request, outcome = self._session, self._request, self.outcome
        outcome.findings = check(request.document, session.installation, force=request.force)
        driver_paths.check(request.document, request.driver_folders)
        mode = answerfile.requested_mode(request.document)
        if mode and mode.shutdown:
            session.note("ForceShutdownNow: an image that is powered off stays off.")
        if mode and mode.disagreeing:
            session.note(
                f"Reseal: {mode.setting.pass_name} asks for {mode.mode}, {' and '.join(mode.disagreeing)} "
                "for the other mode. Where the answer file decides where the next boot goes, "
                f"{mode.setting.pass_name} counts, since that boot would run it first (inferred); --oobe "
                "or --audit decides otherwise."
            )
        problem = copy_profile.problem(session, request.document)
        outcome.warnings += [problem] if problem else []
        outcome.moved_aside = placing.make_way(session, self._situation, replace=request.replace)
        if request.oobe_xml:
            name, data = request.oobe_xml
            oobe_xml.place(session, data, name)

    def apply_generalize(self) -> None:
        """Stage the settings of the pass generalize, before the generalization itself."""
        self._apply(Pass.GENERALIZE)

    def finish(self) -> None:
        """Stage the settings that are applied at once, and the file in its place."""
        session, document = self._session, self._request.document
        self._apply(Pass.OFFLINE_SERVICING)
        self.outcome.not_applied += map(left_package, document.packages)
        if self._request.now:
            done, later = specialize_now.apply(session, document)
            self.outcome.applied += map(applied, done)
            self.outcome.left_to_windows += later
        if self._situation.to_run:
            own = {one.name for one in document.passes if one.components}
            answer_files.leave_out(
                session,
                [name for name in answer_files.STILL_TO_RUN if name not in own],
                but=session.installation.path(self._situation.place),
            )
        for sentence in placing.also_used(session, document, self._situation):
            session.note(sentence)
        if not self._situation.to_run:
            session.note(
                "This installation is not generalized, so its next boot runs no pass; the file is used "
                "when Sysprep generalizes it."
            )
        self.outcome.placed = placing.place(session, document, self._situation)

    def say_generalize_is_over(self) -> None:
        """Name the settings of a generalize pass that came too late."""
        values, rest = answerfile.placed(self._request.document, Pass.GENERALIZE)
        late = dict.fromkeys([*(value.setting for value in values), *rest])
        self.outcome.not_applied += [left(one, _OVER) for one in late]

    def _apply(self, name: Pass) -> None:
        settings = [one for one in self._request.document.passes if one.name == name]
        if not any(one.components and not one.was_processed for one in settings):
            return
        done, rest = apply_pass(self._session, self._request.document, name)
        self.outcome.applied += map(applied, done)
        if name is Pass.OFFLINE_SERVICING:
            offline_accounts.apply(self._session, self._request.document)
            accounts = [one for one in rest if offline_accounts.is_account_setting(one)]
            self.outcome.applied += map(applied, accounts)
            drivers = driver_paths.apply(
                self._session, self._request.document, self._request.driver_folders
            )
            self.outcome.drivers += drivers.packages
            self.outcome.applied += map(applied, drivers.applied)
            self.outcome.not_applied += drivers.left
            others = [*accounts, *filter(driver_paths.is_driver_setting, rest)]
            rest = [one for one in rest if one not in others]
        self.outcome.not_applied += map(explain, rest)
        placing.note_processed(self._session, name)


def apply_found(session: Session, situation: Situation) -> Outcome | None:
    """Stage the pass generalize of the answer file that Sysprep finds by itself, if there is one.

    Documented: Windows Setup Automation Overview, implicit search order; that settings of this pass
    come before the generalization: How Configuration Passes Work.

    Returns:
        What became of it; None where no file in the image has settings for the pass.
    """
    files = answer_files.existing(session)
    found = answer_files.users(files, (Pass.GENERALIZE,)).get(Pass.GENERALIZE)
    if found is None or found.document is None:
        return None
    application = Application(session, Request(found.document), situation)
    application.apply_generalize()
    with session.acting(answer_files.STEP, Mark.DOCUMENTED):
        session.write_file(found.path, mark(found.document, (Pass.GENERALIZE,)).to_bytes())
    session.note(
        f"The pass generalize was taken from {found.path}, where Sysprep looks for it, too."
    )
    application.outcome.placed = found.path
    return application.outcome


def apply(session: Session, request: Request) -> Outcome:
    """Stage an answer file for an image as it is. Nothing is written.

    Raises:
        AnswerFileError: the oobe.xml is wrong.
        CheckError: the file has errors, or another one would win.
    """
    outcome = stage(session, request)
    with session.step("Verifying the edited hives"):
        session.verify()
    return outcome


def stage(session: Session, request: Request) -> Outcome:
    """Stage an answer file for an image in the state that it has, or that is staged for it.

    Raises:
        AnswerFileError: the oobe.xml is wrong.
        CheckError: the file has errors, or another one would win.
    """
    now = placing.situation(SetupState.of(session.installation))
    application = Application(session, request, now)
    with session.step("Checking the answer file"):
        application.begin()
    with session.step("Applying its settings"):
        if Pass.GENERALIZE in now.done:
            application.say_generalize_is_over()
        application.finish()
    return application.outcome


def target_of(installation: Installation, *, thorough: bool = False) -> Target:
    """Return the Windows that an answer file is for, as its check wants to know it.

    Args:
        installation: the Windows.
        thorough: whether its component store is looked through, which holds tens of thousands of files.
    """
    layouts = _names(installation, KEYBOARD_LAYOUTS)
    return Target(
        architecture=installation.architecture or "",
        build=installation.build or 0,
        time_zones=_names(installation, TIME_ZONES),
        keyboard_layouts=layouts and frozenset(map(str.lower, layouts)),
        components=manifests.components(installation) if thorough else None,
    )


def check(document: AnswerFile, installation: Installation, *, force: bool) -> list[Finding]:
    """Check an answer file against an image.

    Raises:
        CheckError: it has errors, and `force` is not set.
    """
    findings = answerfile.check(document, target_of(installation))
    errors = [one for one in findings if one.level is Level.ERROR]
    if errors and not force:
        more = len(errors) - _SHOWN
        shown = "\n".join(map(str, errors[:_SHOWN]))
        rest = f"\nThere are {more} more." if more > 0 else ""
        count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
        msg = f"The answer file {document.name} has {count}; nothing was changed.\n{shown}{rest}"
        raise CheckError(msg, "Correct the file (`reseal unattend check` lists all), or force it.")
    return findings


def _names(installation: Installation, path: str) -> frozenset[str] | None:
    key = installation.registry.key(path)
    return frozenset(one.name for one in key.subkeys()) or None if key else None
