"""What applies a setting: a function that gets the work on a pass and the setting.

It stages what the setting comes to, and says of each leaf that it was applied, or why not. A leaf of
which no applier says anything was not applied, so that nothing is ever passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from reseal.answerfile import AnswerFile, Setting
    from reseal.answerfile.document import Branch
    from reseal.session import Session

#: Why a setting of a pass that Windows runs is not applied at once.
LATER = "Windows applies it when its pass runs."


@dataclass(slots=True)
class Work:
    """One pass of an answer file, while it is applied to an image.

    Attributes:
        session: the opened installation.
        document: the answer file.
        driver_folders: folders of this computer by the driver path for which each stands.
        applied: the leaves that were applied.
        reasons: why other leaves were not, a whole sentence each.
        drivers: the driver packages that were found, and what became of each.
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
    """A setting that was not applied. Its value, maybe a secret, is not in it.

    Attributes:
        configuration_pass: the pass in which it stands.
        component: its component.
        setting: its path below the component.
        line: where it stands in the answer file, from 1.
        column: likewise.
        reason: why, a whole sentence.
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
    """Yield the settings below a component or a setting that hold no others."""
    return (one for one in branch.settings() if not one.children)


def as_number(text: str) -> int | None:
    """Return a decimal number of 32 bits; None for any other text."""
    digits = text.lstrip("0")
    if not text.isdecimal() or len(digits) > 10:
        return None
    number = int(digits or "0")
    return number if number < 1 << 32 else None
