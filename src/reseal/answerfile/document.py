"""An answer file as a typed document: passes, components, settings, with their positions.

The model is a view of the markup, made once and not changed afterwards. What changes an answer file
collects edits and gets a new document from `AnswerFile.edited`; everything else in the text stays
as it was.

Format (documented: Windows System Image Manager reference; seen: 55 real files): `<unattend>` holds
`<settings pass="…">` elements, each of these `<component …>` elements, and everything below a
component is a setting: a leaf with text, a container, or an item of a list, which carries
`wcm:action` and in some lists `wcm:keyValue`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reseal.answerfile.markup import XML_SPACE, Edit, Element, Markup
from reseal.answerfile.source import Position, Source, read_bounded

#: Namespaces (seen: every real file; documented for wcm in the examples of the reference).
UNATTEND = "urn:schemas-microsoft-com:unattend"
WCM = "http://schemas.microsoft.com/WMIConfig/2002/State"
CPI = "urn:schemas-microsoft-com:cpi"

#: What `<settings>` carries once its pass is done, in the cached file under Panther (documented:
#: Windows Setup Automation Overview; seen: build logs).
PROCESSED = "wasPassProcessed"


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """What holds settings: a component, or a setting.

    Attributes:
        name: the component's or element's name.
        position: where the element starts.
        element: the element.
        children: the settings inside, in order.
        strangers: child elements with another namespace, which are not settings.
    """

    name: str
    position: Position
    element: Element = field(repr=False)
    children: tuple[Setting, ...] = field(default=(), repr=False, init=False)
    strangers: tuple[Element, ...] = field(default=(), repr=False, init=False)
    _by_name: dict[str, list[Setting]] = field(default_factory=dict, repr=False, init=False)

    def child(self, path: str) -> Setting | None:
        """Return the first setting at a path below this one; names compare without case."""
        name, _, rest = path.partition("/")
        for child in self._by_name.get(name.casefold(), ()):
            found = child.child(rest) if rest else child
            if found:
                return found
        return None

    def text_of(self, path: str) -> str:
        """Return the text of the setting at a path below this one, or an empty string."""
        found = self.child(path)
        return found.text if found else ""

    def settings(self) -> Iterator[Setting]:
        """Yield every setting below this one in document order."""
        for child in self.children:
            yield child
            yield from child.settings()


@dataclass(frozen=True, slots=True, eq=False)
class Setting(Branch):
    """One setting: a leaf, a container or a list item.

    Attributes:
        path: names from the component down, separated by slashes: `OOBE/HideEULAPage`.
        value: the text; of a container, what stands between its children.
        value_position: where the value starts; the element where there is none.
        action: `wcm:action`, or None.
        key: `wcm:keyValue`, or None.
        component: the component that it belongs to.
        parent: the component or setting around it.
    """

    path: str
    value: str = field(repr=False)  # may be a password
    value_position: Position
    action: str | None
    key: str | None
    component: Component = field(repr=False)
    parent: Branch = field(repr=False)

    @property
    def text(self) -> str:
        """The value without white space around it."""
        return self.value.strip(XML_SPACE)

    @property
    def pass_name(self) -> str:
        """The name of its pass."""
        return self.component.pass_settings.name


@dataclass(frozen=True, slots=True, eq=False)
class Component(Branch):
    """One `<component>`: what one component of Windows is told in one pass.

    Attributes:
        architecture: `processorArchitecture`; empty where absent, as all attributes.
        token: `publicKeyToken`.
        language: `language`.
        scope: `versionScope`.
        pass_settings: the `<settings>` around it.
    """

    architecture: str
    token: str
    language: str
    scope: str
    pass_settings: PassSettings = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class PassSettings:
    """One `<settings>`: what one configuration pass is told.

    Attributes:
        name: the `pass` attribute as it is written; empty where absent.
        was_processed: whether Windows Setup has marked the pass as done.
        components: its components in order.
        strangers: child elements that are not components.
    """

    name: str
    position: Position
    was_processed: bool
    element: Element = field(repr=False)
    components: tuple[Component, ...] = field(default=(), repr=False, init=False)
    strangers: tuple[Element, ...] = field(default=(), repr=False, init=False)


@dataclass(frozen=True, slots=True, eq=False)
class Package:
    """One `<package>` of `<servicing>`: what the servicing stack does to a package.

    Documented: Windows System Image Manager, Add a Package to an Answer File; Enable or Disable Windows
    Features.

    Attributes:
        name: of the package, from its `<assemblyIdentity>`; empty where absent, as all texts.
        action: `install`, `configure`, `remove` or `stage`.
        selections: the features that are turned on or off, each with its state.
        position: where the element starts.
    """

    name: str
    action: str
    selections: tuple[tuple[str, bool], ...]
    position: Position
    element: Element = field(repr=False)


class AnswerFile:
    """An answer file.

    Attributes:
        name: what messages call it, usually its path.
        markup: its elements.
        passes: its `<settings>` in order; none where the root is not `<unattend>`.
        packages: what its `<servicing>` asks for.
        strangers: elements beside them that belong to the answer-file namespace and mean nothing.
    """

    def __init__(self, data: bytes | Source, name: str = "unattend.xml") -> None:
        """Read an answer file.

        Raises:
            AnswerFileError: it is not well-formed XML, has a document type, or exceeds a bound.
        """
        source = Source.from_bytes(data, name) if isinstance(data, bytes) else data
        self.name = source.name
        self.markup = Markup(source)
        root = self.root = self.markup.root
        own = (root.namespace, root.name) == (UNATTEND, "unattend")
        children = list(root.children) if own else []
        self.passes = tuple(self._pass(e) for e in children if _is(e, "settings"))
        self.packages = tuple(
            self._package(element)
            for around in children
            if _is(around, "servicing")
            for element in around.children
            if _is(element, "package")
        )
        self.strangers = tuple(
            element
            for element in children
            if element.namespace == UNATTEND and element.name not in {"settings", "servicing"}
        )

    @classmethod
    def load(cls, path: Path) -> AnswerFile:
        """Read the answer file at a path; raises AnswerFileError."""
        return cls(read_bounded(path), str(path))

    def components(self) -> Iterator[Component]:
        """Yield every component of every pass in document order."""
        for settings in self.passes:
            yield from settings.components

    def settings(self) -> Iterator[Setting]:
        """Yield every setting of every component in document order."""
        for component in self.components():
            yield from component.settings()

    def position(self, element: Element, attribute: str | None = None) -> Position:
        """Return where an element, or the value of one of its attributes, stands."""
        markup = self.markup
        offset = markup.attribute_offset(element, attribute) if attribute else element.start
        return markup.source.position(offset)

    def to_bytes(self) -> bytes:
        """Return the file as it is stored."""
        return self.markup.source.to_bytes()

    def edited(self, edits: Iterable[Edit]) -> AnswerFile:
        """Return a new document: this one after the edits, which must not overlap."""
        return AnswerFile(self.markup.edited(edits))

    def _package(self, element: Element) -> Package:
        inside = [one for one in element.children if one.namespace == UNATTEND]
        names = [one.attributes.get("name", "") for one in inside if one.name == "assemblyIdentity"]
        return Package(
            name=names[0] if names else "",
            action=element.attributes.get("action", ""),
            selections=tuple(
                (
                    one.attributes.get("name", ""),
                    one.attributes.get("state", "").lower() in {"true", "1"},
                )
                for one in inside
                if one.name == "selection"
            ),
            position=self.position(element),
            element=element,
        )

    # The three builders below fill `children` in after the object is made, since a setting knows
    # the component and the parent that it belongs to.

    def _pass(self, element: Element) -> PassSettings:
        settings = PassSettings(
            name=element.attributes.get("pass", ""),
            position=self.position(element),
            was_processed=element.attributes.get(PROCESSED, "").lower() in {"true", "1"},
            element=element,
        )
        children = list(element.children)
        components = tuple(self._component(e, settings) for e in children if _is(e, "component"))
        object.__setattr__(settings, "components", components)
        strangers = tuple(e for e in children if not _is(e, "component"))
        object.__setattr__(settings, "strangers", strangers)
        return settings

    def _component(self, element: Element, settings: PassSettings) -> Component:
        attributes = element.attributes
        component = Component(
            name=attributes.get("name", ""),
            position=self.position(element),
            element=element,
            architecture=attributes.get("processorArchitecture", ""),
            token=attributes.get("publicKeyToken", ""),
            language=attributes.get("language", ""),
            scope=attributes.get("versionScope", ""),
            pass_settings=settings,
        )
        self._fill(component, component, "")
        return component

    def _fill(self, branch: Branch, component: Component, prefix: str) -> None:
        children: list[Setting] = []
        for element in branch.element.children:
            if element.namespace != UNATTEND:
                continue
            setting = Setting(
                name=element.name,
                position=self.position(element),
                element=element,
                path=prefix + element.name,
                value=element.text,
                value_position=self.markup.source.position(self.markup.value_offset(element)),
                action=element.attributes.get(f"{{{WCM}}}action"),
                key=element.attributes.get(f"{{{WCM}}}keyValue"),
                component=component,
                parent=branch,
            )
            self._fill(setting, component, f"{setting.path}/")
            children.append(setting)
            branch._by_name.setdefault(element.name.casefold(), []).append(setting)
        object.__setattr__(branch, "children", tuple(children))
        strangers = tuple(e for e in branch.element.children if e.namespace != UNATTEND)
        object.__setattr__(branch, "strangers", strangers)


def _is(element: Element, name: str) -> bool:
    return (element.namespace, element.name) == (UNATTEND, name)
