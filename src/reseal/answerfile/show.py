"""Describe what an answer file makes Windows do, pass by pass, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from reseal.answerfile.components import DEPLOYMENT, SHELL
from reseal.answerfile.document import AnswerFile, Component, Package, PassSettings, Setting
from reseal.answerfile.passes import WHEN, Pass
from reseal.answerfile.secrets import DELETED, is_product_key, is_secret
from reseal.answerfile.sentences import GROUPS, SENTENCES, SWITCHES, partial_key, quoted
from reseal.answerfile.source import Position, printable

#: What stands for the path of a setting where a package is meant.
PACKAGE = "servicing/package"
_PREFIX = "Microsoft-Windows-"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens.

    Attributes:
        text: a sentence; secrets are hidden.
        component: the component that does it.
        setting: the path of the setting.
        position: the position of the setting.
    """

    text: str
    component: str
    setting: str
    position: Position


@dataclass(frozen=True, slots=True)
class ShownPass:
    """What happens in one pass.

    Attributes:
        name: the pass.
        when: when it runs, or that the pass does not exist.
        processed: whether Windows has marked it as done, so that it is not run again.
        steps: what happens, in order as far as Windows has one.
    """

    name: str
    when: str
    processed: bool
    steps: tuple[Step, ...]


def show(document: AnswerFile) -> list[ShownPass]:
    """Return what an answer file makes Windows do, in the order of the passes."""
    order = {str(name): number for number, name in enumerate(Pass)}
    shown = [
        ShownPass(
            name=settings.name,
            when=WHEN.get(settings.name, "never: this pass does not exist"),
            processed=settings.was_processed,
            steps=tuple(_steps(settings)),
        )
        for settings in document.passes
    ]
    if document.packages:
        name = Pass.OFFLINE_SERVICING
        steps = tuple(step for one in document.packages for step in _servicing(one))
        shown.append(ShownPass(name, WHEN[name], processed=False, steps=steps))
    return sorted(shown, key=lambda one: order.get(one.name, len(order)))


_PACKAGE_WORDS = {"install": "added", "remove": "removed", "stage": "staged"}


def _servicing(package: Package) -> Iterator[Step]:
    """Documented: the servicing stack works on packages in the pass offlineServicing."""
    name = f'"{package.name}"' if package.name else "without a name"
    sentences = [
        f'The feature "{feature}" of the package {name} is turned {"on" if on else "off"}.'
        for feature, on in package.selections
    ]
    if package.action in _PACKAGE_WORDS:
        sentences.insert(0, f"The package {name} is {_PACKAGE_WORDS[package.action]}.")
    elif not sentences:
        sentences = [f"The package {name} is configured."]
    for text in sentences:
        yield Step(printable(text), package.name, PACKAGE, package.position)


def _steps(settings: PassSettings) -> Iterator[Step]:
    last: list[Step] = []
    for component in settings.components:
        for setting, text in _sentences(component):
            step = Step(printable(text), component.name, setting.path, setting.position)
            # Documented: since Windows 10 these are processed after everything else of the pass.
            ends = setting.path in {"Generalize", "Reseal"} and _is(component, DEPLOYMENT)
            if ends:
                last.append(step)
            else:
                yield step
    yield from last


def _sentences(component: Component) -> Iterator[tuple[Setting, str]]:
    for setting in _in_order(component.children):
        yield from _of(component, setting)


def _of(component: Component, setting: Setting) -> Iterator[tuple[Setting, str]]:
    key = _key(component, setting)
    if group := _GROUPS.get(key):
        yield from ((setting, text) for text in group(setting))
    elif setting.children:
        for child in _in_order(setting.children):
            yield from _of(component, child)
    elif setting.text == DELETED:
        yield setting, f"{_plain(component)} {setting.path}: Windows has deleted this secret."
    elif setting.text:
        yield setting, _sentence(component, setting, key)


def _sentence(component: Component, setting: Setting, key: tuple[str, str]) -> str:
    text = setting.text
    if key == (SHELL.casefold(), "computername") and text == "*":
        return "The computer gets a random name."
    if sentence := _SENTENCES.get(key):
        value = partial_key(setting) if is_product_key(setting) else quoted(setting)
        return sentence.format(value)
    if sentences := _SWITCHES.get(key):
        return sentences[0 if text.casefold() in {"true", "1"} else 1]
    value = "(hidden)" if is_secret(setting) else quoted(setting)
    return f"{_plain(component)} {setting.path} is {value}."


def _in_order(settings: tuple[Setting, ...]) -> list[Setting]:
    """Return settings as Windows works through them: those with an Order by it."""

    def order(setting: Setting) -> int:
        text = setting.text_of("Order")
        return int(text) if text.isdecimal() and len(text) < 10 else 0

    return sorted(settings, key=order)


def _key(component: Component, setting: Setting) -> tuple[str, str]:
    return component.name.casefold(), setting.path.casefold()


def _is(component: Component, name: str) -> bool:
    return component.name.casefold() == name.casefold()


def _plain(component: Component) -> str:
    return component.name.removeprefix(_PREFIX)


def _folded(table: dict[tuple[str, str], T]) -> dict[tuple[str, str], T]:
    return {(component.casefold(), path.casefold()): v for (component, path), v in table.items()}


_SENTENCES = _folded(SENTENCES)
_SWITCHES = _folded(SWITCHES)
_GROUPS = _folded(GROUPS)
