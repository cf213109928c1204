"""Generalize: the whole run on one opened installation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal import checks
from reseal.checks import Finding, Level
from reseal.errors import CheckError, ImageError
from reseal.providers import PROVIDERS, Provider
from reseal.providers.machine_sid import machine_sid
from reseal.providers.selection import select
from reseal.sysprep import action_file, actions, answer_files, panther
from reseal.sysprep.arm import Target, arm, missing
from reseal.sysprep.entry_points import Coverage, coverage, providers_for
from reseal.tree import join
from reseal.windows import setup
from reseal.windows.setup import SetupState

if TYPE_CHECKING:
    from reseal.session import Session
    from reseal.sysprep.action_file import Component

ACTION_FILES = join(setup.SYSPREP, "ActionFiles")
_WOW64_OF = {"amd64", "arm64", "ia64"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run staged.

    Attributes:
        result: `generalized` or `already generalized`.
        checks: what the checks found.
        coverage: what became of the image's own plan.
    """

    result: str
    checks: list[Finding]
    coverage: Coverage


def generalize(
    session: Session,
    target: Target = Target.OOBE,
    providers: tuple[Provider, ...] | None = None,
) -> Outcome:
    """Stage all that generalizing this installation means. Nothing is written.

    Args:
        session: the opened installation.
        target: where the next boot goes.
        providers: those that run, as `select` returns them; None for those that do by default.

    Raises:
        CheckError: a check forbids it.
        ImageError: the image is damaged.
    """
    chosen = select() if providers is None else providers
    new_sid = machine_sid in chosen
    with session.step("Checking"):
        findings = check(session)
    with session.step("Reading the image's own plan"):
        plan = read_plan(session)
        covered = coverage(plan, chosen)
    state = SetupState.of(session.installation)
    if state.generalized and not missing(session.installation, target, new_sid=new_sid):
        session.note("The image is generalized already; nothing was changed.")
        return Outcome("already generalized", findings, covered)
    with session.step("Running the plan"):
        run_plan(session, plan, chosen)
    with session.step("Arming the next boot"):
        arm(session, target)
        answer_files.reset_cached(session)
        panther.write(session, target, covered)
    with session.step("Verifying the edited hives"):
        session.verify()
    disabled = [one.id for one in PROVIDERS if one.default and one not in chosen]
    if disabled:
        session.note(f"Switched off, so that what they stand for stays: {', '.join(disabled)}.")
    for path in sorted(session.files.outside):
        session.note(f"{path} leads out of the volume through a link and was not looked at.")
    return Outcome("generalized", findings, covered)


def check(session: Session) -> list[Finding]:
    """Run every check.

    Raises:
        CheckError: the image can't be generalized.
        ImageError: the image is damaged.
    """
    findings = checks.run(session)
    errors = [found for found in findings if found.level is Level.ERROR]
    if errors:
        # One check may have much to say; `reseal check` lists it all.
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


def read_plan(session: Session) -> list[Component]:
    """Read the image's own Generalize.xml, with the components of its architecture.

    An image without one (before Windows 8) has an empty plan, and the run says so.
    """
    path = session.installation.path(join(ACTION_FILES, "Generalize.xml"))
    if session.files.stat(path) is None:
        session.note(f"The image has no {path}; every provider of reseal runs, and nothing else.")
        return []
    components = action_file.parse(session.files.read(path), path)
    native = session.installation.architecture
    if native is None:
        return components
    wanted = {native, *(("wow64",) if native in _WOW64_OF else ())}
    return [one for one in components if one.architecture in wanted]


def run_plan(session: Session, plan: list[Component], chosen: tuple[Provider, ...]) -> None:
    """Stage the plan in its order, then the providers that no entry point of it asked for."""
    done: set[str] = set()

    def run(one: Provider) -> None:
        if one in chosen and one.id not in done:
            done.add(one.id)
            one(session)

    for component in plan:
        for failed in actions.run(session, component):
            session.note(f"{component.name}: {failed}.")
        for module in component.modules:
            for one in providers_for(module):
                run(one)
    for one in chosen:
        run(one)
