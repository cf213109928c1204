"""What settings there are: passes, types, values, lengths, lists.

`schema.json` is compiled by `tools/unattend_schema.py` from the reference for Windows 10 1809
(documented); `supplement.json` adds older and newer settings and corrects others, each entry with
its own source. A setting that neither names may still be right for some Windows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

#: The build of each Windows (documented: Windows release information). A server has the build of the
#: client that it was made with: Server 2016 is 14393.
BUILDS = {
    "Windows Vista": 6000,
    "Windows 7": 7600,
    "Windows 8": 9200,
    "Windows 8.1": 9600,
    "Windows 10": 10240,
    "Windows 10 1511": 10586,
    "Windows 10 1607": 14393,
    "Windows 10 1703": 15063,
    "Windows 10 1709": 16299,
    "Windows 10 1803": 17134,
    "Windows 10 1809": 17763,
    "Windows 11": 22000,
}


@dataclass(frozen=True, slots=True)
class SettingSchema:
    """What is known about one setting.

    Attributes:
        path: names from the component down, separated by slashes.
        passes: the passes for which it is documented.
        type: `string`, `boolean`, `integer`, `enum` or `guid`; empty for containers.
        values: what an `enum` may be.
        max_length: the longest text, in characters or, where `in_bytes`, in bytes of UTF-8;
            0 where none is given.
        empty: whether an empty element is allowed; None where the reference does not say.
        is_list: whether it is an item of a list.
        is_keyed: whether list items are told apart by `wcm:keyValue`.
        required: whether its parent needs it.
        deprecated: whether the reference calls it deprecated.
        retired: the Windows since which it is, or empty.
        since: the first Windows that has the setting, or empty where that is not known.
        until: the last Windows that has it, or empty.
        instead: what takes its place, a sentence, or empty.
    """

    path: str
    passes: frozenset[str]
    type: str = ""
    values: tuple[str, ...] = ()
    max_length: int = 0
    in_bytes: bool = False
    empty: bool | None = None
    is_list: bool = False
    is_keyed: bool = False
    required: bool = False
    deprecated: bool = False
    retired: str = ""
    since: str = ""
    until: str = ""
    instead: str = ""

    @property
    def name(self) -> str:
        """The setting's own name."""
        return self.path.rpartition("/")[2]

    def is_too_new(self, build: int) -> bool:
        """Whether a Windows of a build lacks it, as far as that is known; build 0 is any."""
        return 0 < build < BUILDS.get(self.since, 0)

    def is_too_old(self, build: int) -> bool:
        """Whether a Windows of a build has it no more, as far as that is known."""
        return bool(self.until) and build > _last_build(self.until)

    @property
    def is_container(self) -> bool:
        """Whether it holds settings rather than text."""
        return not self.type


def _last_build(name: str) -> int:
    """Return the highest build that is still that Windows."""
    later = [build for build in BUILDS.values() if build > BUILDS[name]]
    return min(later, default=10**6) - 1


class ComponentSchema:
    """What is known about one component.

    Attributes:
        name: its name as the reference writes it.
        passes: every pass in which at least one of its settings is valid.
        settings: by path.
    """

    def __init__(self, name: str, settings: Iterable[SettingSchema]) -> None:
        self.name = name
        self.settings = {setting.path: setting for setting in settings}
        self.passes = frozenset().union(*(s.passes for s in self.settings.values()))
        self._folded = {path.casefold(): setting for path, setting in self.settings.items()}
        self._children: dict[str, list[SettingSchema]] = {}
        for setting in self.settings.values():
            parent = setting.path.rpartition("/")[0].casefold()
            self._children.setdefault(parent, []).append(setting)

    def find(self, path: str) -> SettingSchema | None:
        """Return a setting by its path, which compares without case."""
        return self._folded.get(path.casefold())

    def children(self, path: str) -> list[SettingSchema]:
        """Return the settings directly below a path; the empty path is the component."""
        return self._children.get(path.casefold(), [])


class Schema:
    """All components. Names compare without case."""

    def __init__(self, components: Iterable[ComponentSchema]) -> None:
        self.components = {component.name: component for component in components}
        self._folded = {name.casefold(): c for name, c in self.components.items()}

    def find(self, name: str) -> ComponentSchema | None:
        """Return a component by its name."""
        return self._folded.get(name.casefold())


def nearest(word: str, words: Iterable[str], cutoff: float = 0.8) -> str:
    """Return the word that looks most like another, or an empty string where none does.

    Args:
        word: the unknown word; its case does not matter.
        words: the known words.
        cutoff: the least similarity, from 0 to 1.
    """
    folded = {candidate.casefold(): candidate for candidate in words}
    close = get_close_matches(word.casefold()[:200], folded, n=1, cutoff=cutoff)
    return folded[close[0]] if close else ""


@cache
def load() -> Schema:
    """Return the schema of this package."""
    return build(_read("schema.json"), _read("supplement.json"))


def build(reference: Mapping[str, Any], supplement: Mapping[str, Any]) -> Schema:
    """Build a schema from the two data files."""
    names = [*reference["components"], *supplement["components"]]
    components = []
    for name in dict.fromkeys(names):
        own = reference["components"].get(name, {"passes": [], "settings": {}})
        added = supplement["components"].get(name, {"settings": {}})
        corrected = supplement["corrections"].get(name, {})
        passes = own["passes"] or added.get("passes", [])
        rows = {
            path: {**row, **corrected.get(path, {})}
            for path, row in {**own["settings"], **added["settings"]}.items()
        }
        components.append(ComponentSchema(name, _settings(rows, passes)))
    return Schema(components)


def _settings(rows: Mapping[str, dict[str, Any]], passes: list[str]) -> list[SettingSchema]:
    """Turn rows into settings: passes are inherited, keys are attributes, not elements."""
    inherited: dict[str, list[str]] = {"": passes}
    settings: list[SettingSchema] = []
    for path in sorted(rows):
        row = rows[path]
        parent, _, name = path.rpartition("/")
        while parent not in inherited:
            parent = parent.rpartition("/")[0]
        inherited[path] = row.get("passes", inherited[parent])
        # The reference lists the key of a keyed item, and the value of one that is nothing but a
        # value, as settings; in an answer file they are wcm:keyValue and the item's own text.
        around = rows.get(path.rpartition("/")[0], {})
        if around.get("keyed") and name in {"Key", "Value"}:
            continue
        value = rows.get(f"{path}/Value") if row.get("keyed") else None
        typed = value or row
        settings.append(
            SettingSchema(
                path=path,
                passes=frozenset(inherited[path]),
                type=typed.get("type", ""),
                values=tuple(typed.get("values", ())),
                max_length=typed.get("max", 0),
                in_bytes=typed.get("unit") == "byte",
                empty=typed.get("empty"),
                is_list=row.get("list", False),
                is_keyed=row.get("keyed", False),
                required=row.get("required", False),
                deprecated=row.get("deprecated", False),
                retired=row.get("retired", ""),
                since=_nearest_row(rows, path, "since"),
                until=_nearest_row(rows, path, "until"),
                instead=row.get("instead", ""),
            )
        )
    return settings


def _nearest_row(rows: Mapping[str, dict[str, Any]], path: str, name: str) -> str:
    """Return what a setting, or the nearest container around it, says."""
    while path:
        if found := rows.get(path, {}).get(name):
            return str(found)
        path = path.rpartition("/")[0]
    return ""


def _read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((files(__package__) / name).read_text("utf-8"))
    return data
