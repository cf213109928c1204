"""The frame: root, passes, components and their identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.answerfile.document import UNATTEND
from reseal.answerfile.findings import Context, Level, Problem, rule
from reseal.answerfile.passes import Pass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.answerfile.document import Component

#: What a component of Windows carries in an answer file (seen: all 672 of the real files).
IDENTITY = {
    "name": "",
    "processorArchitecture": "",
    "publicKeyToken": "31bf3856ad364e35",
    "language": "neutral",
    "versionScope": "nonSxS",
}

#: The architectures that Windows has been built for; wow64 is the 32-bit side of a 64-bit Windows.
ARCHITECTURES = ("x86", "amd64", "arm64", "wow64", "arm", "ia64")


@rule("root-element", Level.ERROR)
def root_element(context: Context) -> Iterator[Problem]:
    """The root element is <unattend> in the namespace of answer files.

    Seen: every real answer file.
    """
    root = context.document.root
    if (root.namespace, root.name) == (UNATTEND, "unattend"):
        return
    position = context.document.position(root)
    if root.name == "unattend":
        what = (
            "the root element has no namespace"
            if not root.namespace
            else ("the root element has another namespace")
        )
        why = "without it Windows does not take the file for an answer file"
    else:
        what, why = "the root element is not <unattend>", "this is no answer file"
    yield Problem(position, what, why, f'write <unattend xmlns="{UNATTEND}">')


@rule("unknown-element", Level.ERROR)
def unknown_element(context: Context) -> Iterator[Problem]:
    """Only passes and <servicing> stand below the root, only components in a pass.

    Seen: every real answer file; elements of other namespaces below the root are ignored.
    """
    document = context.document
    for element in document.strangers:
        yield Problem(
            document.position(element),
            "this element is neither <settings> nor <servicing>",
            "Windows knows no other element below <unattend>",
            'put settings into <settings pass="…"><component …>, or delete it',
        )
    for settings in document.passes:
        for element in settings.strangers:
            yield Problem(
                document.position(element),
                "this element of a pass is not <component>",
                "a pass holds nothing but components",
                "put it into the <component> whose setting it is",
            )


@rule("foreign-element", Level.WARNING)
def foreign_element(context: Context) -> Iterator[Problem]:
    """Everything inside a component has the namespace of answer files.

    Inferred: no real answer file has another there, and settings are found by name and namespace.
    """
    branches = [*context.document.components(), *context.document.settings()]
    for branch in branches:
        for element in branch.strangers:
            yield Problem(
                context.document.position(element),
                "this element has another namespace than the settings around it",
                "Windows looks for settings in the namespace of answer files",
                "delete its prefix or its xmlns attribute",
            )


@rule("pass-name", Level.ERROR)
def pass_name(context: Context) -> Iterator[Problem]:
    """A pass has one of the seven names.

    Documented: How Configuration Passes Work.
    """
    for settings in context.document.passes:
        if settings.name in list(Pass):
            continue
        close = context.nearest(settings.name, Pass)
        yield Problem(
            context.document.position(settings.element, "pass"),
            "this <settings> names no pass" if not settings.name else "there is no such pass",
            "Windows runs seven passes and nothing of any other name",
            f'write pass="{close}"' if close else f"write one of {', '.join(Pass)}",
        )


@rule("duplicate-pass", Level.WARNING)
def duplicate_pass(context: Context) -> Iterator[Problem]:
    """A pass stands once in a file.

    Inferred: Windows System Image Manager writes each pass once, and no real file has it twice.
    """
    seen: dict[str, str] = {}
    for settings in context.document.passes:
        first = seen.setdefault(settings.name, str(settings.position.line))
        if settings.name in list(Pass) and first != str(settings.position.line):
            yield Problem(
                settings.position,
                f"the pass {settings.name} stands here a second time",
                f"it began on line {first}, and Windows may read only one of the two",
                "move these components there",
            )


@rule("component-identity", Level.ERROR)
def component_identity(context: Context) -> Iterator[Problem]:
    """A component carries its whole identity.

    Documented: Component Settings and Properties Reference, Component IDs.
    """
    for component in context.document.components():
        for attribute, usual in IDENTITY.items():
            if component.element.attributes.get(attribute):
                continue
            value = usual or {"name": component.name or "…"}.get(attribute, "amd64")
            yield Problem(
                component.position,
                f"the component has no {attribute}",
                "Windows finds a component by its whole identity",
                f'write {attribute}="{value}"',
            )


@rule("architecture", Level.ERROR)
def architecture(context: Context) -> Iterator[Problem]:
    """The architecture of a component is one that Windows has.

    Documented: Component Settings and Properties Reference, ProcessorArchitecture.
    """
    for component in context.document.components():
        if not component.architecture or component.architecture in ARCHITECTURES:
            continue
        other = {"x64": "amd64", "x86_64": "amd64", "aarch64": "arm64", "i386": "x86"}
        word = component.architecture.casefold()
        meant = other.get(word) or context.nearest(word, ARCHITECTURES, 0.6)
        yield Problem(
            context.document.position(component.element, "processorArchitecture"),
            "this architecture does not exist",
            "Windows skips components that are not of its own architecture",
            f'write processorArchitecture="{meant}"' if meant else "write x86, amd64 or arm64",
        )


@rule("component-attribute", Level.WARNING)
def component_attribute(context: Context) -> Iterator[Problem]:
    """Token, language and scope of a component are those of the components of Windows.

    Seen: every component of the real answer files has 31bf3856ad364e35, neutral and nonSxS.
    """
    for component in context.document.components():
        for attribute in ("publicKeyToken", "language", "versionScope"):
            value = component.element.attributes.get(attribute, "")
            usual = IDENTITY[attribute]
            if value and value.casefold() != usual.casefold():
                yield Problem(
                    context.document.position(component.element, attribute),
                    f"the {attribute} is not the one of the components of Windows",
                    "Windows finds a component by its whole identity",
                    f'write {attribute}="{usual}"',
                )


@rule("duplicate-component", Level.WARNING)
def duplicate_component(context: Context) -> Iterator[Problem]:
    """A component stands once in a pass for each architecture.

    Inferred: Windows System Image Manager writes each of them once; no real file has one twice.
    """
    for settings in context.document.passes:
        seen: dict[tuple[str, str], Component] = {}
        for component in settings.components:
            key = (component.name.casefold(), component.architecture.casefold())
            first = seen.setdefault(key, component)
            if first is not component and component.name:
                yield Problem(
                    component.position,
                    f"{component.name} ({component.architecture}) stands a second time in this "
                    "pass",
                    f"it began on line {first.position.line}, and Windows may read only one of "
                    "the two",
                    "move these settings there",
                )


@rule("several-architectures", Level.WARNING)
def several_architectures(context: Context) -> Iterator[Problem]:
    """A file holds a component of a pass for one architecture; wow64 goes with amd64 and arm64.

    Documented: Best Practices for Authoring Answer Files.
    """
    for settings in context.document.passes:
        seen: dict[str, Component] = {}
        for component in settings.components:
            if component.architecture not in ARCHITECTURES or component.architecture == "wow64":
                continue
            first = seen.setdefault(component.name.casefold(), component)
            if first.architecture != component.architecture:
                yield Problem(
                    component.position,
                    f"{component.name} stands here for {component.architecture} and on line "
                    f"{first.position.line} for {first.architecture}",
                    "Windows may apply its settings twice or wrongly",
                    "make one answer file for each architecture",
                )


@rule("image-architecture", Level.ERROR)
def image_architecture(context: Context) -> Iterator[Problem]:
    """The components are for the architecture of the image.

    Documented: Best Practices for Authoring Answer Files; the pass windowsPE is that of Windows PE.
    """
    image = context.target.architecture
    if not image:
        return
    fitting = {image} | ({"wow64"} if image in {"amd64", "arm64"} else set())
    for component in context.document.components():
        found = component.architecture
        if found not in ARCHITECTURES or found in fitting:
            continue
        if component.pass_settings.name == Pass.WINDOWS_PE:
            continue
        yield Problem(
            context.document.position(component.element, "processorArchitecture"),
            f"{component.name} is for {found}, the image is {image}",
            "Windows skips components that are not of its own architecture",
            f'write processorArchitecture="{image}"',
        )
