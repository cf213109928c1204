"""The declaration of a stage of the boot, and what it observes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reseal.declaration import Declaration, declares
from reseal.mark import Mark


class Result(StrEnum):
    """What a stage, or a whole boot, would do. In order of weight: the heaviest decides."""

    PASSES = "passes"
    UNKNOWN = "can't be told"
    ASKS = "would ask"
    WAITS = "would wait"
    STOPS = "would stop"

    @property
    def weight(self) -> int:
        """Its place in the order."""
        return list(Result).index(self)


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at in the image, and what follows from it.

    Attributes:
        text: a whole sentence.
        mark: how well it is known what Windows or the firmware does here.
        source: the source of that knowledge.
        result: what follows for the stage.
        symptom: what a person would see; None if nothing would be seen, or that is not known.
        cure: a command of reseal, or what else to do; None if there is none.
    """

    text: str
    mark: Mark
    source: str
    result: Result = Result.PASSES
    symptom: str | None = None
    cure: str | None = None

    @property
    def stops(self) -> bool:
        """Whether the boot would stop."""
        return self.result is Result.STOPS

    def to_json(self) -> dict[str, Any]:
        """Return the fact as plain data."""
        return {
            "text": self.text,
            "result": self.result.value,
            "mark": self.mark.value,
            "source": self.source,
            "symptom": self.symptom,
            "cure": self.cure,
        }


def passes(text: str, mark: Mark, source: str) -> Fact:
    """Return a fact that lets the boot go on.

    Args:
        text: what was found, a whole sentence.
        mark: how well its meaning is known.
        source: the source of that knowledge.
    """
    return Fact(text, mark, source)


def unknown(
    text: str, mark: Mark, source: str, *, symptom: str | None = None, cure: str | None = None
) -> Fact:
    """Return a fact whose effect can't be told from the image.

    Args:
        text: what was found, and what it leaves open.
        mark: how well its meaning is known.
        source: the source of that knowledge.
        symptom: what a person would see if it matters.
        cure: what to do about it.
    """
    return Fact(text, mark, source, Result.UNKNOWN, symptom, cure)


def stops(text: str, symptom: str, mark: Mark, source: str, *, cure: str | None = None) -> Fact:
    """Return a fact that would stop the boot.

    Args:
        text: what was found.
        symptom: what a person would see.
        mark: how well the effect is known.
        source: the source of that knowledge.
        cure: what to do about it.
    """
    return Fact(text, mark, source, Result.STOPS, symptom, cure)


def asks(text: str, symptom: str, mark: Mark, source: str, *, cure: str | None = None) -> Fact:
    """Return a fact that would make Windows ask a person.

    Args:
        text: what was found.
        symptom: what a person would see.
        mark: how well the effect is known.
        source: the source of that knowledge.
        cure: what to do about it.
    """
    return Fact(text, mark, source, Result.ASKS, symptom, cure)


def waits(text: str, symptom: str, mark: Mark, source: str, *, cure: str | None = None) -> Fact:
    """Return a fact that would make Windows wait.

    Args:
        text: what was found.
        symptom: what a person would see.
        mark: how well the effect is known.
        source: the source of that knowledge.
        cure: what to do about it.
    """
    return Fact(text, mark, source, Result.WAITS, symptom, cure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Declaration):
    """One stage of the boot. Its work takes a `Walk` and yields facts."""


def stage(
    identifier: str, title: str, *, order: int, mark: Mark, source: str
) -> Callable[[Callable[..., Any]], Stage]:
    """Declare the function below as a stage of the boot. Its docstring is the documentation.

    Args:
        identifier: its name in the record.
        title: what happens in it, a few words.
        order: its place in the boot.
        mark: how well the stage as a whole is known.
        source: the source of that knowledge.
    """
    return declares(
        Stage, work=None, id=identifier, title=title, order=order, mark=mark, source=source
    )
