"""Steps applied to an image: prepared, staged in the given order, then finished.

All input on this machine is checked before the image is opened. The worker stages the steps. Files copied
out of the image are moved to their place when the image is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.customize.outputs import Outputs
from reseal.customize.shared import LAST_ADMINISTRATOR, OEM_KEY, Run
from reseal.customize.steps import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from reseal.customize.step import Given, Stager
    from reseal.session import Session
    from reseal.sysprep.arm import Target
    from reseal.unattend.apply import Request

_LAST = "wipe-free"
FORCEABLE = (LAST_ADMINISTRATOR, OEM_KEY)


class Customization:
    """Steps with their arguments, in the order in which they were given.

    Attributes:
        shrink: whether to rewrite the image's file compactly.
    """

    def __init__(self, given: Iterable[Given], force: Iterable[str] = ()) -> None:
        """Check the steps' input on this machine.

        Raises:
            UsageError: a file is missing, or an argument is wrong; the message names the step's place.
            ResealError: a file does not have the required form.
        """
        self._steps: list[tuple[Given, Stager]] = []
        self._outputs = Outputs()
        self._force = frozenset(force)
        self._run: Run | None = None
        for one in given:
            with one.blamed():
                self._steps.append((one, one.step.prepare(one)))
        self.shrink = any(one.step.id == "shrink" for one, _ in self._steps)

    @property
    def reads(self) -> tuple[Path, ...]:
        """Files and folders of this machine that are read while the steps are staged."""
        found = (getattr(stager, "input", None) for _, stager in self._steps)
        return tuple(path for path in found if path is not None)

    @property
    def writes(self) -> tuple[Path, ...]:
        """Folders of this machine that are written to, as created by `prepare`."""
        return self._outputs.folders

    @property
    def outside(self) -> str | None:
        """The first step that does something outside the image, if any: copies out, or shrinks."""
        found = (
            f"--{one.step.id}"
            for one, stager in self._steps
            if one.step.id == "shrink" or getattr(stager, "output", None)
        )
        return next(found, None)

    def __bool__(self) -> bool:
        return bool(self._steps)

    def stage(
        self, session: Session, target: Target | None = None, answers: Request | None = None
    ) -> Request | None:
        """Stage all steps. Nothing is written to the image.

        Args:
            session: the opened installation.
            target: the destination of the next boot, if the image is generalized next.
            answers: the answer file that generalizing will place.

        Returns:
            That answer file, with the settings that the steps add to it.

        Raises:
            ResealError: a step can't be done; the message names its place.
        """
        run = self._run = Run(session, self._outputs, target, answers, self._force)
        if target is not None:
            from reseal.customize.scripts import leave_to_setup  # noqa: PLC0415  needs answer files

            leave_to_setup(session)
        for one, stager in self._steps:
            with (
                one.blamed(),
                session.step(f"Customizing: {one.step.id}"),
                session.acting(one.step.id, one.step.mark),
                # A step means the account, the profile, the path that it names, wherever that is.
                session.all_volumes(),
            ):
                stager.stage(run)
        return run.answers

    def finish(self) -> None:
        """Stage the work that comes after everything else, and verify the edited hives."""
        if self._run is None:
            return
        session, at_end = self._run.session, self._run.at_end
        # Wiping comes after deleting.
        for name in sorted(at_end, key=_LAST.__eq__):
            with session.acting(name, STEPS[name].mark), session.step(f"Customizing: {name}"):
                at_end[name]()
        with self._run.session.step("Verifying the edited hives"):
            self._run.session.verify()

    def publish(self) -> list[str]:
        """Move files that were copied out to their place on this machine; return the paths."""
        return self._outputs.publish()

    def discard(self) -> None:
        """Delete copied files that were not published. After `publish` there are none."""
        self._outputs.discard()

    def prepare(self, *, dry_run: bool) -> None:
        """Create the folders on this machine that the worker writes to; none for a dry run.

        Raises:
            UsageError: a folder can't be written to.
        """
        self._outputs.dry = dry_run
        for given, stager in self._steps:
            target = getattr(stager, "output", None)
            if target is not None and not dry_run:
                with given.blamed():
                    self._outputs.add(target)


def forced(names: Iterable[str]) -> tuple[frozenset[str], list[str]]:
    """Split the arguments of `--force` into those for steps and the names of checks."""
    given = list(names)
    own = frozenset(name for name in given if name in FORCEABLE)
    return own, [name for name in given if name not in own]
