"""Appliers: functions that apply one setting, given the work on a pass and the setting.

An applier stages the setting's effect, and records for each leaf that it was applied, or why not. A leaf
without any record counts as not applied, so that no setting is skipped silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reseal.answerfile import AnswerFile, Setting
from reseal.answerfile.document import Branch
from reseal.session import Session

#: Why a setting of a pass that Windows runs is not applied offline.
LATER = "Windows applies it when its pass runs."


@dataclass(slots=True)
class Work:
    """One pass of an answer file, while it is applied to an image.

    Attributes:
        session: the opened installation.
        document: the answer file.
        driver_folders: local folders by the driver path that each one replaces.
        applied: the leaves that were applied.
        reasons: why other leaves were not, a whole sentence each.
        drivers: the driver packages that were found, and the result for each.
    """

    session: Session
    document: AnswerFile
    driver_folders: Mapping[str, Path] = field(default_factory=dict)
    applied: set[Setting] = field(default_factory=set)
    reasons: dict[Setting, str] = field(default_factory=dict)
    drivers: list[dict[str, object]] = field(default_factory=list)


Applier = Callable[[Work, "Setting"], None]


@dataclass(frozen=True, slots=True)
class Left:
    """A setting that was not applied. Its value, which may be secret, is not included.

    Attributes:
        configuration_pass: its pass.
        component: its component.
        setting: its path below the component.
        line: its line in the answer file, from 1.
        column: its column, from 1.
        reason: why it was not applied, a whole sentence.
    """

    configuration_pass: str
    component: str
    setting: str
    line: int
    column: int
    reason: str

    @classmethod
    def of(cls, setting: Setting, reason: str) -> Left:
        """Return the record of a setting."""
        line, column = setting.position.line, setting.position.column
        name = setting.component.name
        return cls(setting.pass_name, name, setting.path, line, column, reason)


def leaves(branch: Branch) -> Iterator[Setting]:
    """Yield the settings without children below a component or a setting."""
    return (one for one in branch.settings() if not one.children)


def as_number(text: str) -> int | None:
    """Return a decimal number of 32 bits; None for any other text."""
    digits = text.lstrip("0")
    if not text.isdecimal() or len(digits) > 10:
        return None
    number = int(digits or "0")
    return number if number < 1 << 32 else None
