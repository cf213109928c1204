"""An answer file for an image: check it, apply what can be applied offline, place it for Windows.

The passes:

| pass | what happens |
|---|---|
| windowsPE | nothing: it belongs to Windows Setup on its own medium; marked as done |
| offlineServicing | applied at once, as DISM's /Apply-Unattend does; marked as done |
| generalize | applied before the generalization of the same run; marked as done |
| specialize, auditSystem, auditUser, oobeSystem | left to Windows, which finds the file at its first boot |

Documented: How Configuration Passes Work. On request, specialize settings whose place is known are applied
at once as well; Windows applies them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from reseal import answerfile
from reseal.answerfile import AnswerFile, Finding, Level, Pass, Setting, Target, mark
from reseal.answerfile.document import Package
from reseal.answerfile.provisioned import joined_at_specialize, offline_blob
from reseal.answerfile.requested import components_of
from reseal.answerfile.show import PACKAGE
from reseal.errors import CheckError
from reseal.session import Mark, Session
from reseal.unattend import copy_profile, drivers, oobe_xml, place
from reseal.unattend.applier import Left, Work, leaves
from reseal.unattend.place import Situation
from reseal.unattend.present import STEP, STILL_TO_RUN, existing, users
from reseal.unattend.settings import apply_pass
from reseal.unattend.settle import leave_out
from reseal.unattend.time_zone import TIME_ZONES
from reseal.windows import Installation, manifests
from reseal.windows.image_properties import UI_LANGUAGES
from reseal.windows.setup import SetupState

KEYBOARD_LAYOUTS = r"HKLM\SYSTEM\CurrentControlSet\Control\Keyboard Layouts"
#: Findings that become warnings of a run.
SAID = ("image-language", "image-architecture")
#: How many errors a message names; the rest is counted.
_SHOWN = 10
_OVER = (
    "The image is already generalized, so this pass is done; it would have to be generalized again, "
    "by reseal or by Sysprep."
)
_MOVED = (
    "It was moved to specialize, Identification/Provisioning, where Windows joins the domain at its next "
    "boot (documented)."
)
_PACKAGES = (
    "Only the servicing stack can add packages and features; use DISM on the image or in Windows."
)


@dataclass(frozen=True, slots=True)
class Request:
    """The user's request.

    Attributes:
        document: the answer file.
        replace: whether to move other files that would win aside.
        force: whether to use an answer file that has errors.
        now: whether to apply specialize settings at once if their place is known.
        oobe_xml: name and content of an oobe.xml to place as well.
        written: the user's file, if `document` contains more; findings refer to its lines.
        oobe_files: a whole folder of such files: contents by path below it.
        driver_folders: local folders by the driver path that each one replaces.
    """

    document: AnswerFile
    replace: bool = False
    force: bool = False
    now: bool = False
    oobe_xml: tuple[str, bytes] | None = None
    oobe_files: dict[str, bytes] = field(default_factory=dict)
    written: AnswerFile | None = None
    driver_folders: dict[str, Path] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """The result of using an answer file. It contains no values of settings.

    Attributes:
        file: its name.
        placed: its path in the image.
        to_run: the passes that the next boot runs.
        moved_aside: new paths of files that would have won.
        findings: findings of the check.
        warnings: other things to know before the image boots.
        applied: the settings that were applied at once.
        not_applied: the settings that could not be applied.
        left_to_windows: specialize settings that were requested at once but were left to Windows.
        drivers: the driver packages that were found, and the result for each.
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
        """Return the outcome as plain data."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "to_run": [name.value for name in self.to_run],
            "findings": [one.as_dict() for one in self.findings],
            "not_applied": [asdict(one) for one in self.not_applied],
            "left_to_windows": [asdict(one) for one in self.left_to_windows],
        }


class Application:
    """One answer file for one image; call `begin`, `apply` for generalize, then `finish`."""

    def __init__(self, session: Session, request: Request, situation: Situation) -> None:
        self._session = session
        self._request = request
        self._situation = situation
        self.outcome = Outcome(request.document.name, to_run=situation.to_run)
        #: What is placed: the file, with an offline domain join moved to where Windows applies it.
        self._placed = request.document

    def begin(self) -> None:
        """Check the file against the image, and move files that would win aside.

        Raises:
            AnswerFileError: the oobe.xml is wrong.
            CheckError: the file has errors, or another file would win.
            UsageError: a folder is given for a driver path that the file does not have.
        """
        session, request, outcome = self._session, self._request, self.outcome
        outcome.findings = check(
            request.document, session.installation, force=request.force, written=request.written
        )
        drivers.check(request.document, request.driver_folders)
        mode = answerfile.requested_mode(request.document)
        if mode and mode.shutdown:
            session.note("ForceShutdownNow was ignored: a powered-off image stays off.")
        if mode and mode.disagreeing:
            session.note(
                f"Reseal: {mode.setting.pass_name} requests {mode.mode}, {' and '.join(mode.disagreeing)} "
                "the other mode. If the answer file decides where the next boot goes, "
                f"{mode.setting.pass_name} counts, since that boot would run it first (inferred). --oobe "
                "or --audit overrides it."
            )
        problem = copy_profile.problem(session, request.document)
        outcome.warnings += [problem] if problem else []
        outcome.warnings += dict.fromkeys(said_aloud(outcome.findings))
        outcome.moved_aside = place.make_way(session, self._situation, replace=request.replace)
        self._move_join()
        if request.oobe_xml:
            name, data = request.oobe_xml
            oobe_xml.place(session, data, name)
        if request.oobe_files:
            oobe_xml.place_folder(session, request.oobe_files)

    def finish(self) -> None:
        """Stage the settings that are applied at once, and put the file in its place."""
        session, document = self._session, self._request.document
        self.apply(Pass.OFFLINE_SERVICING)
        self.outcome.not_applied += map(_left_package, document.packages)
        if self._request.now:
            self.outcome.left_to_windows += self._staged(Pass.SPECIALIZE)
        if self._situation.to_run:
            own = {one.name for one in self._placed.passes if one.components}
            leave_out(
                session,
                [name for name in STILL_TO_RUN if name not in own],
                but=session.installation.path(self._situation.place),
            )
        place.say_also_used(session, self._placed, self._situation)
        if not self._situation.to_run:
            session.note(
                "This installation is not generalized, so its next boot runs no pass. Sysprep will use "
                "the file when it generalizes the installation."
            )
        self.outcome.placed = place.place(session, self._placed, self._situation)

    def _move_join(self) -> None:
        """Move the blob of an offline domain join to specialize, or say that it is not used."""
        session, document = self._session, self._request.document
        architecture = session.installation.architecture or "amd64"
        if offline_blob(document, architecture) is None:
            return
        if Pass.SPECIALIZE in self._situation.done:
            self.outcome.warnings.append(
                "The file has the blob of an offline domain join, and this image is specialized already: "
                "it does not join. The blob is not kept in the image; generalize the image first, or run "
                "djoin.exe /requestODJ in Windows."
            )
            return
        self._placed = joined_at_specialize(document, architecture)
        session.note(
            "The blob of the offline domain join was moved to specialize, Identification/Provisioning: "
            "Windows joins the domain when it runs that pass (documented). It replaces any join "
            "settings there."
        )

    def say_generalize_is_over(self) -> None:
        """Record the settings of a generalize pass as not applied, since the pass is done."""
        self.outcome.not_applied += [
            Left.of(leaf, _OVER)
            for component in components_of(self._request.document, Pass.GENERALIZE)
            for leaf in leaves(component)
        ]

    def apply(self, name: Pass) -> None:
        """Stage the settings of a pass that is done once this run has written the image."""
        settings = [one for one in self._request.document.passes if one.name == name]
        if any(one.components and not one.was_processed for one in settings):
            self.outcome.not_applied += self._staged(name)
            place.note_processed(self._session, name)

    def _staged(self, name: Pass) -> list[Left]:
        """Stage the settings of a pass whose place is known; return the others."""
        work = Work(self._session, self._request.document, self._request.driver_folders)
        blob = offline_blob(self._request.document, self._session.installation.architecture or "")
        if blob is not None and self._placed is not self._request.document:
            work.reasons[blob] = _MOVED
        applied, left = apply_pass(work, name)
        self.outcome.applied += map(as_record, applied)
        self.outcome.drivers += work.drivers
        return left


def said_aloud(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield notes on unexpected effects of an answer file in this image."""
    for one in findings:
        if one.rule in SAID:
            yield f"{one.what[0].upper()}{one.what[1:]}: {one.why}."


def as_record(setting: Setting) -> dict[str, object]:
    """Return the record of an applied setting, without its value."""
    return {
        "configuration_pass": setting.pass_name,
        "component": setting.component.name,
        "setting": setting.path,
    }


def _left_package(package: Package) -> Left:
    """Return the record of a package, which only the servicing stack can add."""
    line, column = package.position.line, package.position.column
    return Left(Pass.OFFLINE_SERVICING, package.name, PACKAGE, line, column, _PACKAGES)


def apply_found(session: Session, situation: Situation) -> Outcome | None:
    """Stage the generalize pass of the answer file that Sysprep finds by itself, if any.

    Documented: Windows Setup Automation Overview, implicit search order; that settings of this pass
    come before the generalization: How Configuration Passes Work.

    Returns:
        The result; None if no file in the image has settings for the pass.
    """
    found = users(existing(session), (Pass.GENERALIZE,)).get(Pass.GENERALIZE)
    if found is None or found.document is None:
        return None
    application = Application(session, Request(found.document), situation)
    application.apply(Pass.GENERALIZE)
    with session.acting(STEP, Mark.DOCUMENTED):
        session.write_file(found.path, mark(found.document, (Pass.GENERALIZE,)).to_bytes())
    session.note(
        f"The settings of the pass generalize were taken from {found.path}, where Sysprep finds them too."
    )
    application.outcome.placed = found.path
    return application.outcome


def apply(session: Session, request: Request) -> Outcome:
    """Stage an answer file for an image as it is. Nothing is written.

    Raises:
        AnswerFileError: the oobe.xml is wrong.
        CheckError: the file has errors, or another file would win.
    """
    outcome = stage(session, request)
    with session.step("Verifying the edited hives"):
        session.verify()
    return outcome


def stage(session: Session, request: Request, now: Situation | None = None) -> Outcome:
    """Stage an answer file for an image in its present or staged state.

    Args:
        session: the opened installation.
        request: the user's request.
        now: how the image will use the file; None to derive it from the image's state.

    Raises:
        AnswerFileError: the oobe.xml is wrong.
        CheckError: the file has errors, or another file would win.
    """
    now = now or place.situation(SetupState.of(session.installation))
    application = Application(session, request, now)
    with session.step("Checking the answer file"):
        application.begin()
    with session.step("Applying its settings"):
        if Pass.GENERALIZE in now.done:
            application.say_generalize_is_over()
        application.finish()
    return application.outcome


def target_of(installation: Installation, *, thorough: bool = False) -> Target:
    """Return the target that an answer file is checked against.

    Args:
        installation: the Windows.
        thorough: whether to read its component store, which holds tens of thousands of files.
    """
    layouts = _names(installation, KEYBOARD_LAYOUTS)
    return Target(
        architecture=installation.architecture or "",
        build=installation.build or 0,
        time_zones=_names(installation, TIME_ZONES),
        keyboard_layouts=layouts and frozenset(map(str.lower, layouts)),
        edition=installation.edition or "",
        languages=_names(installation, UI_LANGUAGES),
        components=manifests.components(installation) if thorough else None,
    )


def check(
    document: AnswerFile,
    installation: Installation,
    *,
    force: bool,
    written: AnswerFile | None = None,
) -> list[Finding]:
    """Check an answer file against an image.

    Args:
        document: the answer file.
        installation: the Windows.
        force: whether errors are taken.
        written: the file as the person wrote it, where `document` has more in it.

    Raises:
        CheckError: the file has errors, and `force` is not set.
    """
    target = target_of(installation)
    findings = answerfile.check(document, target)
    if written is not None and written is not document:
        findings = _at_home(findings, answerfile.check(written, target))
    errors = [one for one in findings if one.level is Level.ERROR]
    if errors and not force:
        more = len(errors) - _SHOWN
        shown = "\n".join(map(str, errors[:_SHOWN]))
        rest = f"\n{more} more are not shown." if more > 0 else ""
        count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
        msg = f"The answer file {document.name} has {count}; nothing was changed.\n{shown}{rest}"
        raise CheckError(
            msg, "Correct the file (`reseal unattend check` lists all), or use --force."
        )
    return findings


def _at_home(findings: list[Finding], own: list[Finding]) -> list[Finding]:
    """Return findings with the places of the file that a person wrote, as far as it has them."""
    places: dict[tuple[str, str, str], list[Finding]] = {}
    for one in own:
        places.setdefault((one.rule, one.what, one.instead), []).append(one)
    found = []
    for one in findings:
        mine = places.get((one.rule, one.what, one.instead))
        found.append(mine.pop(0) if mine else replace(one, file=f"{one.file} with the options"))
    return found


def _names(installation: Installation, path: str) -> frozenset[str] | None:
    key = installation.registry.key(path)
    return frozenset(one.name for one in key.subkeys()) or None if key else None
