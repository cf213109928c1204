"""Generalize: the whole run on one opened installation."""

from __future__ import annotations

from dataclasses import dataclass

from reseal import checks
from reseal.answerfile import Pass
from reseal.checks import Finding, Level
from reseal.checks.vm_mode import VM_MODE
from reseal.errors import CheckError, ImageError
from reseal.providers import Provider
from reseal.providers.machine_sid import machine_sid
from reseal.providers.plugins import every
from reseal.providers.selection import select
from reseal.session import Mark, Session
from reseal.sysprep import actions, panther, plan
from reseal.sysprep.action_file import Component
from reseal.sysprep.arm import Target, arm, missing
from reseal.sysprep.entry_points import Coverage, coverage, providers_for
from reseal.sysprep.plan import ACTION_FILES, Plan
from reseal.unattend import apply as unattend
from reseal.unattend import place, settle
from reseal.windows.setup import MODE_MARK, SYSPREP_MODE, SYSPREP_REGISTRY, SetupState

#: Refuse third parties' entry points.
STRICT = "strict"
#: Providers whose devices and settings an image keeps that returns to the same virtual hardware
#: (documented that VM mode is for this; that it keeps the devices: inferred).
KEPT_IN_VM_MODE = frozenset({"pnp", "network", "bluetooth-pairings"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run that was staged.

    Attributes:
        result: `generalized` or `already generalized`.
        checks: the findings of the checks.
        coverage: how the image's own plan was carried out.
        unattend: how the answer file was applied: the one given, or one in the image whose generalize
            pass was applied; None without one.
    """

    result: str
    checks: list[Finding]
    coverage: Coverage
    unattend: unattend.Outcome | None = None


def generalize(
    session: Session,
    target: Target = Target.OOBE,
    providers: tuple[Provider, ...] | None = None,
    answers: unattend.Request | None = None,
    *,
    sid_now: bool = False,
) -> Outcome:
    """Stage everything that generalizes this installation. Nothing is written.

    Args:
        session: the opened installation.
        target: the destination of the next boot.
        providers: the providers to run, as `select` returns them; None for the default ones.
        answers: the answer file for the passes before and after, if any.
        sid_now: whether the caller replaces the machine SID, so that Windows is not asked for it.

    Raises:
        CheckError: a check failed, or the answer file is wrong.
        ImageError: the image is damaged.
    """
    chosen = select() if providers is None else providers
    if VM_MODE in session.switches:
        chosen = tuple(one for one in chosen if one.id not in KEPT_IN_VM_MODE)
    new_sid = machine_sid in chosen and not sid_now
    before = len(session.changes)
    with session.step("Checking"):
        findings = check(session)
    with session.step("Reading the image's own plan"):
        found = read_plan(session)
        covered = coverage(found, chosen)
    state = SetupState.of(session.installation)
    if state.generalized and not missing(session.installation, target, new_sid=new_sid):
        if answers:
            placed = unattend.apply(session, answers)
            return Outcome("already generalized", findings, covered, placed)
        if not session.changes:
            session.note("The image is already generalized; nothing was changed.")
        return Outcome("already generalized", findings, covered)
    application, settings = _apply_answers(session, answers, place.after_generalize(target))
    with session.step("Running the plan"):
        left_out = {machine_sid} if sid_now else set()
        run_plan(session, found.run, tuple(one for one in chosen if one not in left_out))
    with session.step("Arming the next boot"):
        arm(session, target)
        if VM_MODE in session.switches:
            mark_vm_mode(session)
        if application:
            application.finish()
            outcome = application.outcome
            settle.settle(session, outcome.placed, outcome.moved_aside)
        else:
            settle.settle(session)
        panther.write(session, target, covered, before)
    with session.step("Verifying the edited hives"):
        session.verify()
    _say_what_was_left_out(session, chosen)
    return Outcome("generalized", findings, covered, settings)


def _apply_answers(
    session: Session, answers: unattend.Request | None, situation: place.Situation
) -> tuple[unattend.Application | None, unattend.Outcome | None]:
    """Apply the pass generalize of the given answer file, or of one in the image."""
    with session.step("Checking the answer file"):
        if answers is None:
            return None, unattend.apply_found(session, situation)
        application = unattend.Application(session, answers, situation)
        application.begin()
        application.apply(Pass.GENERALIZE)
        return application, application.outcome


def _say_what_was_left_out(session: Session, chosen: tuple[Provider, ...]) -> None:
    """Note the disabled providers, and the paths that were not examined."""
    disabled = [one.id for one in every() if one.default and one not in chosen]
    if disabled:
        session.note(f"Disabled providers, whose data stays in the image: {', '.join(disabled)}.")
    for path in sorted(session.files.outside):
        session.note(f"{path} leads out of the volume through a link and was not examined.")


def mark_vm_mode(session: Session) -> None:
    r"""Record VM mode in the image: for specialize, and so that reseal can warn on other hardware.

    Specialize reads SysprepMode in `Setup\Sysprep` (seen: a log of 14393). That it is text is inferred: a
    log of Server 2022 shows a missing one as `<null>` (seen), and Remote Desktop Services read it as text
    from an offline disk (documented: QueryOfflineInformation). The text is that of the command line.
    """
    with session.acting("vm-mode", Mark.INFERRED):
        session.set_text(MODE_MARK, "Mode", "vm")
        session.set_text(SYSPREP_REGISTRY, SYSPREP_MODE, "vm")
    session.note(
        "VM mode: devices, drivers' settings and network adapters stay. Use the image only on the same "
        "hypervisor with the same virtual hardware."
    )
    session.note(
        "SysprepMode in Setup\\Sysprep, which specialize reads, is the text vm now. Its type and data are "
        "inferred: no source shows them."
    )


def check(session: Session) -> list[Finding]:
    """Run every check.

    Raises:
        CheckError: the image can't be generalized.
        ImageError: the image is damaged.
    """
    findings = checks.run(session)
    errors = [found for found in findings if found.level is Level.ERROR]
    if errors:
        # One check may yield many findings; `reseal check` lists them all.
        first = list({found.check: found for found in reversed(errors)}.values())[::-1]
        message = " ".join(found.message for found in first)
        more = len(errors) - len(first)
        if more:
            message += f" There are {more} more findings of the same kinds."
        hints = [found.hint for found in first if found.hint]
        if more:
            hints.append("`reseal check` lists all of them.")
        kind = ImageError if any(found.damaged for found in errors) else CheckError
        raise kind(
            f"The image can't be generalized: {message} Nothing was changed.",
            " ".join(dict.fromkeys(hints)) or None,
        )
    return findings


def read_plan(session: Session) -> Plan:
    """Read the image's own plan, and note the parts that can't be carried out offline.

    Raises:
        CheckError: the plan has third parties' entry points, and `strict` forbids them.
        ActionFileError: an action file is damaged.
    """
    found = plan.read(session, "vm" if VM_MODE in session.switches else None)
    if not found.run:
        session.note(
            f"The image has no {ACTION_FILES} and no list of providers; only reseal's own providers "
            "run."
        )
    foreign = [one for one in found.external if not providers_for(one.module)]
    if foreign:
        named = ", ".join(map(str, foreign))
        if STRICT in session.switches:
            msg = f"Third parties have entry points in Sysprep: {named}. Nothing was changed."
            raise CheckError(msg, "Uninstall the products that own them, or omit --strict.")
        session.note(
            f"Third parties' entry points were not called; only a running Windows can call them: {named}."
        )
    if found.excluded:
        session.note(f"The plan excludes these components in VM mode: {', '.join(found.excluded)}.")
    return found


def run_plan(session: Session, components: list[Component], chosen: tuple[Provider, ...]) -> None:
    """Stage the plan in its order, then the providers without an entry point in it.

    Args:
        session: the opened installation.
        components: the plan's components, in order.
        chosen: the providers to run.
    """
    done: set[str] = set()

    def run(one: Provider) -> None:
        if one in chosen and one.id not in done:
            done.add(one.id)
            one(session)

    for component in components:
        for failed in actions.run(session, component):
            session.note(f"{component.name}: {failed}.")
        for module in component.modules:
            for one in providers_for(module):
                run(one)
    for one in chosen:
        run(one)
