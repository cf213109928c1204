"""Single settings as a person names them on a command line: `Shell-Setup/TimeZone=UTC`.

The form is `[PASS:]COMPONENT/SETTING=VALUE`. `Microsoft-Windows-` may be left out of a component's name.
Without a pass the setting goes to the first of specialize, oobeSystem, auditSystem and auditUser for
which the reference lists it (documented: Unattended Windows Setup Reference).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.answerfile import schema
from reseal.answerfile.document import UNATTEND, WCM, AnswerFile
from reseal.answerfile.layout import formatted
from reseal.answerfile.markup import escaped
from reseal.answerfile.new import element, identity
from reseal.answerfile.passes import Pass
from reseal.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Where a setting goes that is valid in several passes.
_PREFERRED = (Pass.SPECIALIZE, Pass.OOBE_SYSTEM, Pass.AUDIT_SYSTEM, Pass.AUDIT_USER)
_PREFIX = "Microsoft-Windows-"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One setting and its value.

    Attributes:
        configuration_pass: the pass in which it is set.
        component: the component's full name.
        path: the setting below it, names separated by slashes.
        value: the text; it may be a secret.
    """

    configuration_pass: Pass
    component: str
    path: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Assignment:
        """Parse `[PASS:]COMPONENT/SETTING=VALUE`.

        Raises:
            UsageError: the form is another, or no such setting is known.
        """
        place, equals, value = text.partition("=")
        named, colon, rest = place.partition(":")
        component, slash, path = (rest if colon else place).partition("/")
        if not (equals and slash and path):
            msg = f"--set {place or text}: this is not the form of a setting."
            raise UsageError(msg, "Write COMPONENT/SETTING=VALUE, as in Shell-Setup/TimeZone=UTC.")
        loaded = schema.load()
        known = loaded.find(component) or loaded.find(_PREFIX + component)
        if known is None:
            near = schema.nearest(component, (_short(one) for one in loaded.components))
            msg = f"--set {place}: no component is called {component}."
            raise UsageError(msg, f"Did you mean {near}?" if near else "See the reference.")
        setting = known.find(path)
        if setting is None or setting.is_container:
            near = schema.nearest(path, (s.path for s in known.settings.values() if s.type))
            msg = f"--set {place}: {known.name} has no setting {path} that takes a value."
            raise UsageError(msg, f"Did you mean {near}?" if near else "See the reference.")
        parents = path.split("/")
        above = ["/".join(parents[:n]) for n in range(1, len(parents) + 1)]
        if any(one.is_list for one in map(known.find, above) if one is not None):
            msg = f"--set {place}: this is an item of a list, of which there may be several."
            raise UsageError(msg, "Write it into an answer file, and name that with --unattend.")
        return cls(_pass(place, named if colon else "", setting), known.name, setting.path, value)


def assigned(settings: Iterable[Assignment], architecture: str) -> AnswerFile:
    """Return an answer file with these settings and nothing else.

    Args:
        settings: what it is to say; of one that stands twice the last counts.
        architecture: of the Windows it is for: `x86`, `amd64` or `arm64`.
    """
    passes: dict[Pass, dict[str, dict[str, str]]] = {}
    for one in settings:
        passes.setdefault(one.configuration_pass, {}).setdefault(one.component, {})[one.path] = (
            one.value
        )
    inside = "".join(
        element(
            "settings",
            {"pass": name},
            *(
                element("component", identity(component, architecture), _nested(values))
                for component, values in passes[name].items()
            ),
        )
        for name in Pass
        if name in passes
    )
    root = element("unattend", {"xmlns": UNATTEND, "xmlns:wcm": WCM}, inside)
    text = f'<?xml version="1.0" encoding="utf-8"?>\n{root}\n'
    return formatted(AnswerFile(text.encode(), "--set"))


def _nested(values: dict[str, str]) -> str:
    """Return the markup of settings, those of one container in one element."""
    groups: dict[str, dict[str, str]] = {}
    for path, value in values.items():
        name, _, rest = path.partition("/")
        groups.setdefault(name, {})[rest] = value
    return "".join(
        element(name, {}, escaped(inner[""]) if "" in inner else _nested(inner))
        for name, inner in groups.items()
    )


def _pass(place: str, named: str, setting: schema.SettingSchema) -> Pass:
    if named:
        wanted = {one.casefold(): one for one in Pass}.get(named.casefold())
        if wanted is None:
            msg = f"--set {place}: there is no pass {named}."
            raise UsageError(msg, f"The passes are {', '.join(Pass)}.")
        return wanted
    for one in _PREFERRED:
        if one in setting.passes:
            return one
    msg = f"--set {place}: the setting is valid in {', '.join(sorted(setting.passes))} only."
    raise UsageError(msg, "These passes are over in an image; `reseal unattend apply` may help.")


def _short(component: str) -> str:
    return component.removeprefix(_PREFIX)
