"""Markup of new answer files: elements from plain values."""

from __future__ import annotations

from reseal.answerfile.document import UNATTEND, WCM, AnswerFile
from reseal.answerfile.layout import formatted
from reseal.answerfile.markup import escaped, quoted
from reseal.answerfile.rules.structure import IDENTITY
from reseal.answerfile.secrets import Secret, hide


class Item:
    """An element with what is in it; with a key, also an empty one, it is a list item."""

    def __init__(self, name: str, *content: Item | str | None, key: str | None = None) -> None:
        self._name = name
        self._content = [part for part in content if part is not None]
        self._key = key

    def markup(self) -> str:
        """Return the element as text."""
        name = self._name
        action = "" if self._key is None else ' wcm:action="add"'
        key = f" wcm:keyValue={quoted(self._key)}" if self._key else ""
        inside = "".join(p.markup() if isinstance(p, Item) else escaped(p) for p in self._content)
        return f"<{name}{action}{key}>{inside}</{name}>"


def element(name: str, attributes: dict[str, str], *inside: str) -> str:
    """Return the markup of an element; what is inside is markup already."""
    written = "".join(f" {key}={quoted(value)}" for key, value in attributes.items())
    return f"<{name}{written}>{''.join(inside)}</{name}>"


def identity(component: str, architecture: str) -> dict[str, str]:
    """Return the attributes by which Windows knows a component."""
    return {**IDENTITY, "name": component, "processorArchitecture": architecture}


def component(name: str, items: list[Item | None], architecture: str) -> str:
    """Return the markup of a component; empty where it would hold nothing.

    Args:
        name: name of the component.
        items: its settings; None for one that is left out.
        architecture: the processor architecture, as in answer files.
    """
    inside = "".join(item.markup() for item in items if item is not None)
    return element("component", identity(name, architecture), inside) if inside else ""


def answer_file(passes: dict[str, str], name: str = "unattend.xml") -> AnswerFile:
    """Return an answer file, laid out; passes without content are left out.

    Args:
        passes: the markup of each pass's components.
        name: what messages call the file.
    """
    written = "".join(
        element("settings", {"pass": one}, inside) for one, inside in passes.items() if inside
    )
    root = element("unattend", {"xmlns": UNATTEND, "xmlns:wcm": WCM}, written)
    text = f'<?xml version="1.0" encoding="utf-8"?>\n{root}\n'
    return formatted(AnswerFile(text.encode(), name))


def leaf(name: str, text: str) -> Item | None:
    """Return a setting with a text; None where the text is empty."""
    return Item(name, text) if text else None


def switch(name: str, *, is_on: bool) -> Item | None:
    """Return a setting that is true; None where it is not wanted."""
    return Item(name, "true") if is_on else None


def numbered(name: str, texts: tuple[str, ...]) -> list[Item]:
    """Return the items of a list whose keys are numbers from 1."""
    return [Item(name, text, key=str(number)) for number, text in enumerate(texts, 1)]


def group(name: str, *content: Item | None) -> Item | None:
    """Return a container; None where it would hold nothing."""
    inside = [one for one in content if one is not None]
    return Item(name, *inside) if inside else None


def commands(around: str, item: str, setting: str, texts: tuple[str, ...]) -> Item | None:
    """Return a list of commands in order; None for none.

    Args:
        around: name of the list.
        item: name of one entry of the list.
        setting: name of the setting that holds the command line.
        texts: the command lines, in the order in which they run.
    """
    items = [
        Item(item, Item(setting, text), Item("Order", str(number)), key="")
        for number, text in enumerate(texts, 1)
    ]
    return Item(around, *items) if items else None


def hidden_password(name: str, password: Secret | None) -> Item | None:
    """Return a password, hidden as Windows hides it; None for none."""
    if password is None:
        return None
    return Item(name, Item("Value", hide(password.reveal(), name)), Item("PlainText", "false"))
