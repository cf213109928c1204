r"""Action files: the image's own description of what Sysprep does in its version.

`System32\Sysprep\ActionFiles\{Cleanup,Generalize,Specialize,Respecialize}.xml` (Windows 8 and later)
hold one `imaging` element for each component: its identity, a `sysprepOrder`, and calls into provider
DLLs (`sysprepModule`, `sysprepValidate`) or declarative `registryActions` and `fileActions`. Components
run in ascending order.

Form: seen in the action files of builds 17134 and 18362 and in a component manifest of 22621.
Sorting: reported.
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from reseal.errors import ImageError
from reseal.xml import XmlError, local_name
from reseal.xml import parse as parse_xml

#: The largest action file seen has 31 KB; a hostile image may hold one of any size.
MAX_SIZE = 8 << 20

_MODULES = {"sysprepModule": False, "sysprepValidate": True}
_ACTIONS = frozenset({"deleteKey", "deleteValue", "setValue", "deleteFile", "deleteDirectory"})
_GROUPS = frozenset({"registryActions", "fileActions"})
_DESCRIPTIVE = frozenset({"assemblyIdentity", "sysprepOrder"})


class ActionFileError(ImageError, ValueError):
    """An action file of the image can't be read."""


@dataclass(frozen=True, slots=True)
class Module:
    """A call into a provider DLL.

    Attributes:
        dll: the DLL's file name in lower case, such as `spnet.dll`.
        method: the name of the exported function.
        validate: whether it only validates, before any change.
    """

    dll: str
    method: str
    validate: bool

    def __str__(self) -> str:
        return f"{self.dll},{self.method}"


@dataclass(frozen=True, slots=True)
class Action:
    """A declarative action.

    Attributes:
        kind: `deleteKey`, `deleteValue`, `setValue`, `deleteFile` or `deleteDirectory`.
        path: a registry path or a file path with `$(runtime.…)` variables and wildcards.
        name: the value's name; empty for keys and files.
        type: the value's type as text, such as `REG_DWORD`; empty unless a value is set.
        value: the value's data as text.
    """

    kind: str
    path: str
    name: str = ""
    type: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.path}" + (f"\\\\{self.name}" if self.name else "")


@dataclass(frozen=True, slots=True)
class Component:
    """One component of an action file.

    Attributes:
        name: the component's name, such as `Microsoft-Windows-PnpSysprep`.
        architecture: `amd64`, `wow64`, …
        order: its sysprepOrder.
        exclude: the modes in which it does not run.
        line: its line in the file, from 1.
        modules: calls into DLLs.
        actions: declarative actions.
        unknown: names of elements that reseal does not know.
    """

    name: str
    architecture: str
    order: int
    exclude: str
    line: int
    modules: tuple[Module, ...]
    actions: tuple[Action, ...]
    unknown: tuple[str, ...]

    @property
    def wow64(self) -> bool:
        """Whether it belongs to the 32-bit side of a 64-bit Windows."""
        return self.architecture == "wow64"


def parse(data: bytes, name: str) -> list[Component]:
    """Parse an action file and return its components sorted by their order.

    Args:
        data: the file's content.
        name: its path, for messages.

    Raises:
        ActionFileError: it is not well-formed, is too large, or has a component without identity.
    """
    if len(data) > MAX_SIZE:
        msg = f"The action file {name} has {len(data)} bytes, far more than any real one."
        raise ActionFileError(msg)
    try:
        root = parse_xml(data)
    except XmlError as error:
        msg = f"The action file {name} {error}"
        raise ActionFileError(msg) from error
    found = [_component(one, name) for one in root.iter() if local_name(one) == "imaging"]
    return sorted(found, key=lambda component: component.order)


# Complex: one case for each element of a component.
def _component(element: etree._Element, name: str) -> Component:
    line = element.sourceline or 0
    assert isinstance(line, int)
    identity = order = None
    modules: list[Module] = []
    actions: list[Action] = []
    unknown: list[str] = []
    for child in element:
        tag = local_name(child)
        if tag == "assemblyIdentity":
            identity = child
        elif tag == "sysprepOrder":
            order = child.get("order")
        elif tag in _MODULES:
            dll = (child.get("moduleName") or "").replace("/", "\\").rpartition("\\")[2].lower()
            modules.append(Module(dll, child.get("methodName") or "", _MODULES[tag]))
        elif tag in _GROUPS:
            for one in child:
                if local_name(one) in _ACTIONS:
                    actions.append(_action(one))
                else:
                    unknown.append(local_name(one))
        else:
            unknown.append(tag)
    if identity is None or not identity.get("name"):
        msg = f"{name}:{line}: a component has no assemblyIdentity with a name."
        raise ActionFileError(msg)
    try:
        number = int(order or "0", 0)
    except ValueError:
        msg = f"{name}:{line}: the sysprepOrder {order!r} is not a number."
        raise ActionFileError(msg) from None
    return Component(
        identity.get("name") or "",
        (identity.get("processorArchitecture") or "").lower(),
        number,
        element.get("exclude") or "",
        line,
        tuple(modules),
        tuple(actions),
        tuple(unknown),
    )


def _action(element: etree._Element) -> Action:
    return Action(
        local_name(element),
        element.get("path") or "",
        element.get("name") or "",
        element.get("type") or "",
        element.get("value") or "",
    )
