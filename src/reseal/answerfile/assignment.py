"""Single settings as a person names them on a command line: `Shell-Setup/TimeZone=UTC`.

The form is `[PASS/]COMPONENT/SETTING=VALUE`; a colon behind the pass does too. `Microsoft-Windows-` may
be left out of a component's name. Without a pass the setting goes to the first of specialize,
oobeSystem, auditSystem and auditUser for which the reference lists it (documented: Unattended Windows
Setup Reference). Items of lists have a number or a key in brackets:
`Shell-Setup/FirstLogonCommands/SynchronousCommand[1]/CommandLine=notepad`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from reseal.answerfile import schema
from reseal.answerfile.building import answer_file, element, identity
from reseal.answerfile.document import AnswerFile
from reseal.answerfile.markup import escaped
from reseal.answerfile.passes import Pass
from reseal.errors import UsageError

#: Where a setting goes that is valid in several passes.
_PREFERRED = (Pass.SPECIALIZE, Pass.OOBE_SYSTEM, Pass.AUDIT_SYSTEM, Pass.AUDIT_USER)
_PREFIX = "Microsoft-Windows-"
_ITEM = re.compile(r"\[[^\[\]]*\]")
_STEP = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<item>[^\[\]]*)\])?")


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path.

    Attributes:
        name: the setting's own name.
        item: which item of a list it is, or empty where it is none.
        is_keyed: whether the item is told apart by `wcm:keyValue`.
        has_order: whether the item has an Order, which its number is.
    """

    name: str
    item: str = ""
    is_keyed: bool = False
    has_order: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """One setting and its value.

    Attributes:
        configuration_pass: the pass in which it is set.
        component: the component's full name.
        path: the setting below it, names separated by slashes.
        value: the text; it may be a secret.
        steps: the path, with the items of lists.
    """

    configuration_pass: Pass
    component: str
    path: str
    value: str = field(repr=False)
    steps: tuple[Step, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Assignment:
        """Parse `[PASS/]COMPONENT/SETTING=VALUE`.

        Raises:
            UsageError: the form is another, or no such setting is known.
        """
        place, equals, value = text.partition("=")
        named, rest = _split_pass(place)
        component, slash, path = rest.partition("/")
        if not (equals and slash and path):
            msg = f"--set {place or text}: this is not the form of a setting."
            raise UsageError(msg, "Write COMPONENT/SETTING=VALUE, as in Shell-Setup/TimeZone=UTC.")
        known = _component(component)
        if known is None:
            raise _unknown_component(place, component, path)
        parsed = [_STEP.fullmatch(part) for part in path.split("/")]
        plain = "/".join(match.group("name") if match else "" for match in parsed)
        setting = known.find(plain)
        if setting is None or setting.is_container:
            raise _unknown_setting(place, known, plain or path)
        steps = tuple(_steps(place, known, setting.path, [m.group("item") for m in parsed if m]))
        return cls(_pass(place, named, setting), known.name, setting.path, value, steps)


def assigned(settings: Iterable[Assignment], architecture: str) -> AnswerFile:
    """Return an answer file with these settings and nothing else.

    Args:
        settings: the settings of the file; of duplicates the last counts.
        architecture: of the Windows it is for: `x86`, `amd64` or `arm64`.
    """
    passes: dict[Pass, dict[str, dict[tuple[Step, ...], str]]] = {}
    for one in settings:
        steps = one.steps or tuple(Step(name) for name in one.path.split("/"))
        passes.setdefault(one.configuration_pass, {}).setdefault(one.component, {})[steps] = (
            one.value
        )
    return answer_file(
        {
            name: "".join(
                element("component", identity(component, architecture), _nested(values))
                for component, values in passes[name].items()
            )
            for name in Pass
            if name in passes
        },
        "--set",
    )


def completions(incomplete: str) -> list[str]:
    """Return how an incomplete `PASS/COMPONENT/SETTING=VALUE` can go on: one more name, or a value."""
    place, equals, begun = incomplete.partition("=")
    if equals:
        return [f"{place}={value}" for value in _values(place) if value.startswith(begun)]
    named, rest = _split_pass(incomplete)
    before = incomplete.removesuffix(rest)
    component, slash, path = rest.partition("/")
    if not slash:
        return [before + name for name in _first_names(component, with_passes=not named)]
    return [f"{before}{component}/{one}" for one in _paths(component, path, named)]


def _first_names(begun: str, *, with_passes: bool) -> list[str]:
    """Return the components, and the passes, that begin so."""
    wanted = begun.casefold().removeprefix(_PREFIX.casefold())
    names = [_short(one) for one in schema.load().components]
    names += list(Pass) if with_passes else []
    return [f"{name}/" for name in names if name.casefold().startswith(wanted)]


def _paths(component: str, path: str, named: str) -> Iterator[str]:
    """Yield the paths of a component that go on from one, in a pass or in any."""
    known = _component(component)
    around, slash, last = path.rpartition("/")
    begun, bracket, item = last.partition("[")
    item = f"[{item}" if bracket and item.endswith("]") else "[1]"
    for child in known.children(_ITEM.sub("", around)) if known else ():
        begins = child.name.casefold().startswith(begun.casefold())
        if begins and (not named or named in child.passes):
            listed = item if child.is_list or child.is_keyed else ""
            yield f"{around}{slash}{child.name}{listed}{_end(child)}"


def _component(name: str) -> schema.ComponentSchema | None:
    loaded = schema.load()
    return loaded.find(name) or loaded.find(_PREFIX + name)


def _unknown_component(place: str, component: str, path: str) -> UsageError:
    """Return the error for a component that is not known, and may have been meant as a pass."""
    near = schema.nearest(component, map(_short, schema.load().components))
    hint = "See the reference."
    if not near and _component(path.partition("/")[0]):
        near = schema.nearest(component, list(Pass), 0.6)
        near = f"{near}/{path}" if near else ""
        hint = f"The passes are {', '.join(Pass)}."
    msg = f"--set {place}: no component is called {component}."
    return UsageError(msg, f"Did you mean {near}?" if near else hint)


def _unknown_setting(place: str, known: schema.ComponentSchema, path: str) -> UsageError:
    near = schema.nearest(path, (one.path for one in known.settings.values() if one.type))
    msg = f"--set {place}: {known.name} has no setting {path} that takes a value."
    return UsageError(msg, f"Did you mean {near}?" if near else "See the reference.")


def _end(setting: schema.SettingSchema) -> str:
    return "/" if setting.is_container else "="


def _values(place: str) -> tuple[str, ...]:
    _, rest = _split_pass(place)
    component, _, path = rest.partition("/")
    known = _component(component)
    setting = known.find(_ITEM.sub("", path)) if known else None
    if setting is None:
        return ()
    return ("true", "false") if setting.type == "boolean" else setting.values


def _split_pass(place: str) -> tuple[str, str]:
    """Return the pass that a place begins with, as it is written or spelt right, and the rest."""
    first, slash, rest = place.partition("/")
    if slash and (known := _passes().get(first.casefold())):
        return known, rest
    named, colon, rest = place.partition(":")
    if colon and "/" not in named:
        return named, rest
    return "", place


def _passes() -> dict[str, Pass]:
    return {one.casefold(): one for one in Pass}


def _steps(
    place: str, known: schema.ComponentSchema, path: str, items: list[str | None]
) -> Iterator[Step]:
    names = path.split("/")
    for number, (name, item) in enumerate(zip(names, items, strict=True), 1):
        setting = known.find("/".join(names[:number]))
        listed = setting is not None and (setting.is_list or setting.is_keyed)
        if listed and not item:
            msg = f"--set {place}: {name} is an item of a list, of which there may be several."
            raise UsageError(msg, f"Say which one: {name}[1].")
        if item is not None and not listed:
            msg = f"--set {place}: {name} is not an item of a list."
            raise UsageError(msg, f"Write {name} without brackets.")
        ordered = any(one.name == "Order" for one in known.children("/".join(names[:number])))
        keyed = setting is not None and setting.is_keyed
        yield Step(setting.name if setting else name, item or "", keyed, listed and ordered)


def _nested(values: dict[tuple[Step, ...], str]) -> str:
    """Return the markup of settings, those of one container in one element."""
    groups: dict[Step, dict[tuple[Step, ...], str]] = {}
    for steps, value in values.items():
        groups.setdefault(steps[0], {})[steps[1:]] = value
    return "".join(
        element(
            step.name,
            _list_attributes(step),
            escaped(inner[()]) if () in inner else _ordered(step, inner) + _nested(inner),
        )
        for step, inner in groups.items()
    )


def _list_attributes(step: Step) -> dict[str, str]:
    if not step.item:
        return {}
    return {"wcm:action": "add"} | ({"wcm:keyValue": step.item} if step.is_keyed else {})


def _ordered(step: Step, inner: dict[tuple[Step, ...], str]) -> str:
    """Return the Order of an item whose number says it."""
    said = any(steps[0].name == "Order" for steps in inner)
    if not step.has_order or said or not step.item.isdecimal():
        return ""
    return element("Order", {}, step.item)


def _pass(place: str, named: str, setting: schema.SettingSchema) -> Pass:
    if named:
        wanted = _passes().get(named.casefold())
        if wanted is None:
            msg = f"--set {place}: there is no pass {named}."
            raise UsageError(msg, f"The passes are {', '.join(Pass)}.")
        return wanted
    for one in _PREFERRED:
        if one in setting.passes:
            return one
    msg = f"--set {place}: the setting is valid in {', '.join(sorted(setting.passes))} only."
    raise UsageError(msg, f"Name the pass: {min(setting.passes)}/{place}.")


def _short(component: str) -> str:
    return component.removeprefix(_PREFIX)
