"""What becomes of each entry point that an action file calls.

An entry point is emulated where a provider or a check says that it stands for it. Those that are
left to Windows, or that have nothing to do in an image that is not running, are listed here with the
reason. All others are reported by name as unknown, never passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reseal.checks import CHECKS
from reseal.providers import PROVIDERS, Provider

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.sysprep.action_file import Component, Module

#: `dll,function` in lower case -> reason.
LEFT_TO_WINDOWS: dict[str, str] = {
    "slc.dll,slrearmwindows": "The license is sealed, and the rearm needs a running Windows.",
}
NOTHING_TO_DO: dict[str, str] = {}


@dataclass(slots=True)
class Coverage:
    """How much of an image's own plan was carried out, each by name."""

    declarative: list[str] = field(default_factory=list)
    emulated: list[str] = field(default_factory=list)
    left_to_windows: list[str] = field(default_factory=list)
    nothing_to_do: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, list[str]]:
        """The coverage as plain data, without repetitions and in the plan's order."""
        return {
            "declarative": list(dict.fromkeys(self.declarative)),
            "emulated": list(dict.fromkeys(self.emulated)),
            "left_to_windows": list(dict.fromkeys(self.left_to_windows)),
            "nothing_to_do": list(dict.fromkeys(self.nothing_to_do)),
            "unknown": list(dict.fromkeys(self.unknown)),
        }


def _index(declared: Iterable[Provider]) -> dict[str, list[Provider]]:
    found: dict[str, list[Provider]] = {}
    for one in declared:
        for entry_point in one.entry_points:
            found.setdefault(entry_point.lower(), []).append(one)
    return found


_PROVIDERS = _index(PROVIDERS)
_VALIDATORS = {entry_point.lower() for one in CHECKS for entry_point in one.entry_points}


def providers_for(module: Module) -> list[Provider]:
    """The providers that stand for an entry point."""
    return _PROVIDERS.get(str(module).lower(), [])


def coverage(plan: Iterable[Component]) -> Coverage:
    """Sort all that a plan does by what becomes of it."""
    found = Coverage()
    for component in plan:
        for action in component.actions:
            side = " (wow64)" if component.wow64 else ""
            found.declarative.append(f"{component.name}: {action}{side}")
        for module in component.modules:
            name = str(module)
            key = name.lower()
            if key in _PROVIDERS or key in _VALIDATORS:
                found.emulated.append(name)
            elif key in LEFT_TO_WINDOWS:
                found.left_to_windows.append(name)
            elif key in NOTHING_TO_DO:
                found.nothing_to_do.append(name)
            else:
                found.unknown.append(name)
        found.unknown.extend(f"{component.name}: element {one}" for one in component.unknown)
    return found
