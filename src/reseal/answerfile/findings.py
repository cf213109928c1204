"""Findings, and how the rules that make them are declared.

A rule is declared by a decorator: its id, the level of its findings, and how that is known. The first line of
its docstring, its title, says what must hold. `reseal.answerfile.check` finds all of them in the modules of
`reseal.answerfile.rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from reseal.answerfile.document import AnswerFile, Setting
from reseal.answerfile.schema import ComponentSchema, Schema, SettingSchema, nearest
from reseal.answerfile.secrets import DELETED, shown
from reseal.answerfile.source import Position
from reseal.answerfile.variables import is_template
from reseal.declaration import ANYWHERE, Declaration, declares
from reseal.mark import Mark

_Item = TypeVar("_Item")

#: How often a name is compared with all that are known, in one file.
MAX_SUGGESTIONS = 500


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

    @classmethod
    def of_value(cls, setting: Setting, why: str, instead: str) -> Problem:
        """Return the problem of a wrong value, which is shown unless it is a secret.

        Args:
            setting: the setting with the value.
            why: what the value has to be.
            instead: what to write.
        """
        return cls(setting.value_position, f"{setting.name} is {shown(setting)}", why, instead)

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
        edition: `EditionID` as its registry has it, such as `ServerStandard`, or empty.
        languages: the languages that this Windows has, such as `en-US`, or None.
        components: `<architecture>_<name>` of its components in small letters, the middle of long
            names left out (`x86_microsoft-windows-p..g-xpsdocumentwriter`), or None.
    """

    architecture: str = ""
    build: int = 0
    time_zones: frozenset[str] | None = None
    keyboard_layouts: frozenset[str] | None = None
    edition: str = ""
    languages: frozenset[str] | None = None
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


def has_value(setting: Setting) -> bool:
    """Whether a setting has a text that is a value.

    It is none where it is a variable of a template, or what Windows left of a secret.
    """
    text = setting.text
    return bool(text) and text != DELETED and not is_template(text)


def repeated(
    items: Iterable[_Item], key: Callable[[_Item], object]
) -> Iterator[tuple[_Item, _Item]]:
    """Yield each item whose key another one before it has, and the first of those."""
    seen: dict[object, _Item] = {}
    for item in items:
        first = seen.setdefault(key(item), item)
        if first is not item:
            yield item, first


def list_around(setting: Setting) -> object:
    """Return the list that the item with a setting belongs to."""
    return getattr(setting.parent, "parent", None)


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
        """Yield those that hold a value: neither empty, nor a variable, nor a deleted secret."""
        return (setting for setting in self.at(component, path) if has_value(setting))

    def nearest(self, word: str, words: Iterable[str], cutoff: float = 0.8) -> str:
        """Return the word that looks most like another, as `schema.nearest`, or an empty string.

        It takes a while, so a file with very many unknown names gets no more suggestions.

        Args:
            word: the unknown word.
            words: the known words.
            cutoff: the least similarity, from 0 to 1.
        """
        self._suggestions -= 1
        return nearest(word, words, cutoff) if self._suggestions >= 0 else ""

    def component(self, setting: Setting) -> ComponentSchema | None:
        """Return the schema of a setting's component."""
        return self.schema.find(setting.component.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Declaration):
    """A rule: call it with what it looks at, and it yields what breaks it.

    Attributes:
        level: the level of its findings.
    """

    level: Level

    def __call__(self, context: Context) -> Iterable[Problem]:
        """Look at an answer file."""
        problems: Iterable[Problem] = self.run(context)
        return problems


def rule(
    identifier: str,
    level: Level,
    *,
    mark: Mark,
    source: str,
    order: int = ANYWHERE,
    work: str | None = None,
) -> Callable[[Callable[..., Any]], Rule]:
    """Declare the function below as a rule. Its docstring is the rule's documentation.

    The function looks at an answer file and yields problems.

    Args:
        identifier: id of the rule.
        level: the level of its findings.
        mark: the kind of evidence for the Windows behaviour.
        source: the source of the evidence.
        order: its position among the rules, lower first.
        work: location of the work, if the function has only a docstring.
    """
    return declares(
        Rule, work=work, id=identifier, mark=mark, source=source, order=order, level=level
    )
