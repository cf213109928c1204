"""Change an image before it is sealed: files, registry, accounts, settings, space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from reseal.errors import UsageError
from reseal.operations.operation import Operation, check_force
from reseal.operations.record import CustomizeRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reseal.customize import Customization, Given
    from reseal.session import Session

#: The name of a step, or `recipe`, and the words behind it.
StepWords: TypeAlias = "tuple[str, ...]"

#: The step that does those of a recipe.
RECIPE = "recipe"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomizeRequest:
    """The steps that are done, in their order.

    Attributes:
        steps: of each its name, or `recipe`, and its arguments, as the command line takes them.
        force: names under which steps do what they would refuse.
    """

    steps: tuple[StepWords, ...] = ()
    force: tuple[str, ...] = ()


class Customize(Operation[CustomizeRecord]):
    """Run steps on an image."""

    command = "customize"

    def __init__(self, request: CustomizeRequest) -> None:
        """Check what the steps need from this computer.

        Raises:
            ResealError: a file is missing or not of its form.
            UsageError: there is no step, or an argument is wrong.
        """
        from reseal.customize.run import FORCEABLE, Customization, forced

        names, unknown = forced(request.force)
        check_force(unknown, *FORCEABLE)
        self._steps = Customization(read(request.steps), names)
        if not self._steps:
            msg = "No step was given."
            raise UsageError(msg, "`reseal customize --help` lists them.")

    @property
    def needs(self) -> Mapping[str, Any]:
        """Fields of `RunOptions` that the operation sets."""
        return needs_of(self._steps)

    @property
    def outside(self) -> str | None:
        """The step that does something outside the image, if any."""
        return self._steps.outside

    def prepare(self, *, dry_run: bool) -> None:
        """Create the folders of this computer that steps write to."""
        self._steps.prepare(dry_run=dry_run)

    def result(self, session: Session) -> dict[str, Any]:
        """Stage the steps."""
        self._steps.stage(session)
        self._steps.finish()
        summary = "The image is customized." if session.changes else "There was nothing to change."
        return {"result": "customized", "summary": summary}

    def keep(self) -> None:
        """Move copied-out files into place."""
        self._steps.publish()

    def complete(self, done: CustomizeRecord) -> None:
        """Move copied-out files into place."""
        done["copied_out"] = self._steps.publish()

    def discard(self) -> None:
        """Delete copied-out files that were not moved into place."""
        self._steps.discard()


def needs_of(steps: Customization) -> dict[str, Any]:
    """Return the fields of `RunOptions` that steps set."""
    return {"reads": steps.reads, "writes": steps.writes, "shrink": steps.shrink}


def read(steps: Iterable[StepWords]) -> list[Given]:
    """Return the steps that were given, those of recipes in their places.

    Raises:
        UsageError: one is not of its form, or a recipe can't be read.
    """
    from reseal.customize import STEPS, load

    here = Path()
    found: list[Given] = []
    for name, *words in steps:
        if name == RECIPE:
            found += load(Path(words[0]))
            continue
        if name not in STEPS:
            msg = f"{name} is not a known step."
            raise UsageError(msg, "`reseal customize --help` lists them.")
        shown = " ".join((f"--{name}", *words))
        # Cut where it is long.
        where = f"{shown[:80]}…" if len(shown) > 80 else shown
        found.append(STEPS[name].parse(tuple(words), where, here))
    return found
