"""Findings, and the rules that make them.

A rule is a function with a docstring: the first line says what must hold, the last paragraph says
how that is known (Documented, Seen, Reported, Inferred) and where. The list of rules that a person
can print is made of these docstrings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from reseal.answerfile.schema import nearest

if TYPE_CHECKING:
    from reseal.answerfile.document import AnswerFile, Setting
    from reseal.answerfile.schema import ComponentSchema, Schema, SettingSchema
    from reseal.answerfile.source import Position

_EVIDENCE = re.compile(r"(Documented|Seen|Reported|Inferred)[^:]*: (.+)\Z", re.DOTALL)

#: How often a name is compared with all that are known, in one file.
MAX_SUGGESTIONS = 500

#: A variable of a template, which is no value yet: `${name}`.
TEMPLATE_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Level(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # Windows stops, or does something else than what is written
    WARNING = "warning"  # Windows may ignore it, or it is hardly what was meant
    NOTE = "note"  # right as it is, and worth knowing


class Problem(NamedTuple):
    """What a rule reports: a place and three clauses, without full stop.

    No clause may hold a secret: values go through `secrets.shown`.
    """

    position: Position
    what: str
    why: str
    instead: str

    @property
    def clauses(self) -> tuple[str, str, str]:
        """The three clauses."""
        return self.what, self.why, self.instead


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem with the rule that found it."""

    file: str
    position: Position
    level: Level
    rule: str
    what: str
    why: str
    instead: str

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.position}: {self.level}: "
            f"{self.what}; {self.why}; {self.instead} [{self.rule}]"
        )

    def as_dict(self) -> dict[str, object]:
        """Return what JSON shows of it."""
        return {
            "file": self.file,
            "line": self.position.line,
            "column": self.position.column,
            "level": self.level.value,
            "rule": self.rule,
            "what": self.what,
            "why": self.why,
            "instead": self.instead,
        }


@dataclass(frozen=True, slots=True)
class Target:
    """The Windows for which an answer file is meant, as far as it is known.

    Attributes:
        architecture: `x86`, `amd64` or `arm64`, or empty.
        build: the number of the build, or 0.
        time_zones: the names that this Windows has, or None for those that any has.
        keyboard_layouts: eight hexadecimal digits, lower case, of each layout it has, or None.
        components: `<architecture>_<name>` of its components in small letters, the middle of long
            names left out (`x86_microsoft-windows-p..g-xpsdocumentwriter`), or None.
    """

    architecture: str = ""
    build: int = 0
    time_zones: frozenset[str] | None = None
    keyboard_layouts: frozenset[str] | None = None
    components: frozenset[str] | None = None

    def to_json(self) -> dict[str, Any]:
        """The Windows as plain data."""
        return {
            name: sorted(one) if isinstance(one, frozenset) else one
            for name, one in asdict(self).items()
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Target:
        """Return the Windows from what `to_json` made of it."""
        fields: dict[str, Any] = {
            name: frozenset(one) if isinstance(one, list) else one for name, one in plain.items()
        }
        return cls(**fields)

    def has_component(self, architecture: str, name: str) -> bool:
        """Whether this Windows has a component, as far as it is known."""
        if self.components is None:
            return True
        wanted = f"{architecture}_{name}".lower()
        shortened = (one.split("..", 1) for one in self.components if ".." in one)
        return wanted in self.components or any(
            wanted.startswith(start) and wanted.endswith(end) for start, end in shortened
        )


class Context:
    """What a rule looks at.

    Attributes:
        document: the answer file.
        schema: what settings there are.
        target: the Windows it is meant for.
        known: the settings that the schema knows, with what it says of them.
    """

    def __init__(self, document: AnswerFile, schema: Schema, target: Target) -> None:
        self.document = document
        self.schema = schema
        self.target = target
        self.known: list[tuple[Setting, SettingSchema]] = []
        self._by_path: dict[tuple[str, str], list[Setting]] = {}
        self._suggestions = MAX_SUGGESTIONS
        for component in document.components():
            known = schema.find(component.name)
            for setting in component.settings():
                if known and (found := known.find(setting.path)):
                    self.known.append((setting, found))
                key = (component.name.casefold(), setting.path.casefold())
                self._by_path.setdefault(key, []).append(setting)

    def at(self, component: str, path: str) -> Iterator[Setting]:
        """Yield the settings at a path of a component, in every pass and for every architecture."""
        yield from self._by_path.get((component.casefold(), path.casefold()), ())

    def values_at(self, component: str, path: str) -> Iterator[Setting]:
        """Yield those of them that hold a value: neither empty nor a variable of a template."""
        for setting in self.at(component, path):
            if setting.text and not TEMPLATE_VARIABLE.search(setting.text):
                yield setting

    def nearest(self, word: str, words: Iterable[str], cutoff: float = 0.8) -> str:
        """Return the word that looks most like another, as `schema.nearest`, or an empty string.

        It takes a while, so a file with very many unknown names gets no more suggestions.
        """
        self._suggestions -= 1
        return nearest(word, words, cutoff) if self._suggestions >= 0 else ""

    def component(self, setting: Setting) -> ComponentSchema | None:
        """Return the schema of a setting's component."""
        return self.schema.find(setting.component.name)


Check = Callable[[Context], Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule.

    Attributes:
        identifier: what findings, tests and the documentation call it.
        level: the level of its findings.
        summary: what must hold.
        mark: `documented`, `seen`, `reported` or `inferred`.
        source: where that is known from.
        check: reports what breaks it.
    """

    identifier: str
    level: Level
    summary: str
    mark: str
    source: str
    check: Check


#: Every rule by its identifier, in the order of definition.
RULES: dict[str, Rule] = {}


def rule(identifier: str, level: Level) -> Callable[[Check], Check]:
    """Register a function as a rule."""

    def register(check: Check) -> Check:
        text = " ".join((check.__doc__ or "").split("\n\n")[-1].split())
        evidence = _EVIDENCE.match(text)
        assert evidence, f"the docstring of {identifier} does not say how it is known"
        assert identifier not in RULES, f"there are two rules {identifier}"
        RULES[identifier] = Rule(
            identifier=identifier,
            level=level,
            summary=(check.__doc__ or "").split("\n", 1)[0].rstrip("."),
            mark=evidence.group(1).lower(),
            source=evidence.group(2).rstrip("."),
            check=check,
        )
        return check

    return register
