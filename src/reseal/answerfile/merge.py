"""Merge two answer files: the second is added to the first and takes precedence.

- A setting of the second file replaces the first file's text of it.
- An item of a list is the same item if it has the same key: `wcm:keyValue`, or what names it (Name,
  Identifier, …), or the same command. Other items are added; an Order goes on counting.
- A package of `<servicing>` is the same if its name and what is done to it are.
- Some settings only make sense together, and the second file's replace the first file's as a whole.

Comments and order of the first file stay, those of the second come with what they stand in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from reseal.answerfile.components import JOIN, SETUP
from reseal.answerfile.document import (
    UNATTEND,
    AnswerFile,
    Branch,
    Component,
    Package,
    Setting,
)
from reseal.answerfile.layout import formatted
from reseal.answerfile.markup import Edit, Element

#: Settings that are taken from one file or the other: their parts depend on each other.
WHOLE = frozenset(
    (component.casefold(), path.casefold())
    for component, path in (
        (SETUP, "DiskConfiguration"),
        (SETUP, "ImageInstall"),
        (JOIN, "Identification"),
        (JOIN, "OfflineIdentification"),
    )
)
#: The same for settings of these names, wherever they stand.
WHOLE_NAMES = frozenset({"credentials", "password"})

#: What tells an item of a list from the others, the first that it has.
IDENTITIES = ("Name", "Identifier", "DiskID", "CommandLine", "Path", "Key", "SID", "Domain")


def merge(base: AnswerFile, other: AnswerFile) -> AnswerFile:
    """Return `base` with the settings of `other`, laid out."""
    merger = _Merger(base, other)
    merger.document()
    return formatted(base.edited(merger.edits()))


class _Merger:
    """Collects the edits of `base`; everything that is added to an element is added at once."""

    def __init__(self, base: AnswerFile, other: AnswerFile) -> None:
        self.base = base
        self.other = other
        self._edits: list[Edit] = []
        self._added: dict[Element, list[str]] = {}

    def edits(self) -> list[Edit]:
        markup = self.base.markup
        return [*self._edits, *(markup.append(e, texts) for e, texts in self._added.items())]

    def document(self) -> None:
        mine = {settings.name: settings for settings in reversed(self.base.passes)}
        for settings in self.other.passes:
            if settings.name not in mine:
                self._add(self.base.root, settings.element)
                continue
            components = {_identity_of(c): c for c in reversed(mine[settings.name].components)}
            for component in settings.components:
                if _identity_of(component) in components:
                    self._branch(components[_identity_of(component)], component)
                else:
                    self._add(mine[settings.name].element, component.element)
        names = {(e.namespace, e.name) for e in self.base.root.children}
        for element in self.other.root.children:
            if (element.namespace, element.name) not in {*names, (UNATTEND, "settings")}:
                self._add(self.base.root, element)
        if (UNATTEND, "servicing") in names:
            self._packages()

    def _packages(self) -> None:
        """Add packages to those of `base`; the same action on the same package is the other's."""
        servicing = (UNATTEND, "servicing")
        children = self.base.root.children
        around = next(e for e in children if (e.namespace, e.name) == servicing)
        mine = {_action_on(one): one.element for one in self.base.packages}
        for one in self.other.packages:
            same = mine.pop(_action_on(one), None)
            if same is None:
                self._add(around, one.element)
            else:
                text = self._text(same, one.element)
                self._edits.append(Edit(same.start, same.end, text))

    def _branch(self, mine: Branch, theirs: Branch) -> None:
        order = max((_order(child) for child in mine.children), default=0)
        # Two commands may well be the same: each has its counterpart.
        counterparts: dict[tuple[str, ...], deque[Setting]] = {}
        for child in sorted(mine.children, key=_order):
            counterparts.setdefault(_key(child), deque()).append(child)
        for child in sorted(theirs.children, key=_order):
            found = counterparts.get(_key(child))
            same = found.popleft() if found else None
            if same is None:
                edits = []
                if number := child.child("Order"):
                    order += 1
                    edits.append(self.other.markup.set_text(number.element, str(order)))
                self._add(mine.element, child.element, edits)
                continue
            if child.children and same.children and not _is_whole(child):
                self._branch(same, child)
            else:
                self._replace(same, child)

    def _replace(self, mine: Setting, theirs: Setting) -> None:
        if mine.name == "Order":
            return  # the item keeps its place
        if theirs.children or mine.children:
            text = self._text(mine.element, theirs.element)
            self._edits.append(Edit(mine.element.start, mine.element.end, text))
        elif mine.value != theirs.value:
            self._edits.append(self.base.markup.set_text(mine.element, theirs.value))

    def _add(self, parent: Element, element: Element, edits: Iterable[Edit] = ()) -> None:
        self._added.setdefault(parent, []).append(self._text(parent, element, edits))

    def _text(self, place: Element, element: Element, edits: Iterable[Edit] = ()) -> str:
        """Return the text of an element of `other` as it can stand at a place in `base`.

        The namespaces that it uses are declared in its start tag unless the place knows them by
        the same prefix.
        """
        used = {e.namespace for e in element.walk()}
        for inner in element.walk():
            used |= {name[1:].partition("}")[0] for name in inner.attributes if name[0] == "{"}
        declarations = [
            self.other.markup.set_attribute(element, f"xmlns:{prefix}" if prefix else "xmlns", name)
            for name, prefix in element.prefixes.items()
            if name in used and place.prefixes.get(name) != prefix and name not in _own(element)
        ]
        # Several attributes go to one place: they are one edit.
        joined = (
            [
                Edit(
                    declarations[0].start,
                    declarations[0].end,
                    "".join(e.text for e in declarations),
                )
            ]
            if declarations
            else []
        )
        text = self.other.markup.cut(element, [*joined, *edits])
        return text.replace(self.other.markup.source.newline, self.base.markup.source.newline)


def _own(element: Element) -> set[str]:
    """Return the namespaces that an element's own start tag declares."""
    around = element.parent.prefixes if element.parent else {}
    return {name for name, prefix in element.prefixes.items() if around.get(name) != prefix}


def _identity_of(component: Component) -> tuple[str, str]:
    return component.name.casefold(), component.architecture.casefold()


def _action_on(package: Package) -> tuple[str, str]:
    return package.name.casefold(), package.action


def _is_whole(setting: Setting) -> bool:
    name = setting.name.casefold()
    place = (setting.component.name.casefold(), setting.path.casefold())
    return place in WHOLE or name in WHOLE_NAMES or name.endswith("password")


def _order(setting: Setting) -> int:
    text = setting.text_of("Order")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _key(setting: Setting) -> tuple[str, ...]:
    """Return what makes a setting of one file the same as one of the other."""
    name = setting.name.casefold()
    if setting.action is None and setting.key is None:
        return (name,)
    return (name, *_identity(setting))


def _identity(item: Setting) -> tuple[str, str]:
    """Return what tells an item of a list from the others: how, and the value."""
    if item.key is not None:
        return "key", item.key.casefold()
    for name in IDENTITIES:
        if text := item.text_of(name):
            return name, text.casefold()
    return "text", " ".join(f"{s.path}={s.text}" for s in item.settings()) or item.text
