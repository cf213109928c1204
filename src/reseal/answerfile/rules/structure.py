"""The frame: root, passes, components and their identity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reseal.answerfile.document import UNATTEND, WCM, Component
from reseal.answerfile.findings import Context, Level, Problem, repeated, rule
from reseal.answerfile.passes import Pass
from reseal.answerfile.variables import is_template
from reseal.mark import Mark

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


@rule(
    "root-element",
    Level.ERROR,
    mark=Mark.SEEN,
    source="every real answer file",
)
def root_element(context: Context) -> Iterator[Problem]:
    """The root element is <unattend> in the namespace of answer files."""
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
        what, why = "the root element is not <unattend>", "this is not an answer file"
    yield Problem(position, what, why, f'write <unattend xmlns="{UNATTEND}">')


@rule(
    "unknown-element",
    Level.ERROR,
    mark=Mark.SEEN,
    source="every real answer file; elements of other namespaces below the root are ignored",
)
def unknown_element(context: Context) -> Iterator[Problem]:
    """The root holds only passes and <servicing>, and a pass only components."""
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
                "move it into the <component> that it configures",
            )


@rule(
    "foreign-element",
    Level.WARNING,
    mark=Mark.INFERRED,
    source="no real answer file has another there, and settings are found by name and namespace",
)
def foreign_element(context: Context) -> Iterator[Problem]:
    """Everything inside a component has the namespace of answer files."""
    branches = [*context.document.components(), *context.document.settings()]
    for branch in branches:
        for element in branch.strangers:
            yield Problem(
                context.document.position(element),
                "this element has another namespace than the settings around it",
                "Windows looks for settings in the namespace of answer files",
                "delete its prefix or its xmlns attribute",
            )


@rule(
    "pass-name",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="How Configuration Passes Work",
)
def pass_name(context: Context) -> Iterator[Problem]:
    """A pass has one of the seven names."""
    for settings in context.document.passes:
        if settings.name in list(Pass) or is_template(settings.name):
            continue
        close = context.nearest(settings.name, Pass)
        yield Problem(
            context.document.position(settings.element, "pass"),
            "this <settings> has no pass attribute"
            if not settings.name
            else "this pass does not exist",
            "Windows has seven passes and runs nothing else",
            f'write pass="{close}"' if close else f"write one of {', '.join(Pass)}",
        )


@rule(
    "duplicate-pass",
    Level.WARNING,
    mark=Mark.INFERRED,
    source="Windows System Image Manager writes each pass once, and no real file has it twice",
)
def duplicate_pass(context: Context) -> Iterator[Problem]:
    """A pass occurs once in a file."""
    passes = [settings for settings in context.document.passes if settings.name in list(Pass)]
    for settings, first in repeated(passes, lambda settings: settings.name):
        yield Problem(
            settings.position,
            f"the pass {settings.name} appears here a second time",
            f"it began on line {first.position.line}, and Windows may read only one of the two",
            "move these components there",
        )


@rule(
    "component-identity",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Component Settings and Properties Reference, Component IDs",
)
def component_identity(context: Context) -> Iterator[Problem]:
    """A component has its whole identity."""
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


@rule(
    "architecture",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Component Settings and Properties Reference, ProcessorArchitecture",
)
def architecture(context: Context) -> Iterator[Problem]:
    """The architecture of a component is one that Windows has."""
    for component in context.document.components():
        if not component.architecture or component.architecture in ARCHITECTURES:
            continue
        if is_template(component.architecture):
            continue  # the rule template-variable
        other = {"x64": "amd64", "x86_64": "amd64", "aarch64": "arm64", "i386": "x86"}
        word = component.architecture.casefold()
        meant = other.get(word) or context.nearest(word, ARCHITECTURES, 0.6)
        yield Problem(
            context.document.position(component.element, "processorArchitecture"),
            "this architecture does not exist",
            "Windows skips components that are not of its own architecture",
            f'write processorArchitecture="{meant}"' if meant else "write x86, amd64 or arm64",
        )


@rule(
    "component-attribute",
    Level.WARNING,
    mark=Mark.SEEN,
    source="every component of the real answer files has 31bf3856ad364e35, neutral and nonSxS",
)
def component_attribute(context: Context) -> Iterator[Problem]:
    """Token, language and scope of a component are those of the components of Windows."""
    for component in context.document.components():
        for attribute in ("publicKeyToken", "language", "versionScope"):
            value = component.element.attributes.get(attribute, "")
            usual = IDENTITY[attribute]
            if value and value.casefold() != usual.casefold() and not is_template(value):
                yield Problem(
                    context.document.position(component.element, attribute),
                    f"the {attribute} is not that of the components of Windows",
                    "Windows finds a component by its whole identity",
                    f'write {attribute}="{usual}"',
                )


@rule(
    "duplicate-component",
    Level.ERROR,
    mark=Mark.REPORTED,
    source='Setup stops, "a component or non-list setting is specified more than once"',
)
def duplicate_component(context: Context) -> Iterator[Problem]:
    """A component occurs once per architecture in a pass."""
    named = [component for component in context.document.components() if component.name]
    for component, first in repeated(
        named, lambda component: (*_place(component), component.architecture.casefold())
    ):
        yield Problem(
            component.position,
            f"{component.name} ({component.architecture}) appears a second time in this pass",
            f"it began on line {first.position.line}, and Windows Setup stops at a duplicate "
            "component",
            "move these settings there",
        )


@rule(
    "several-architectures",
    Level.NOTE,
    mark=Mark.DOCUMENTED,
    source="Best Practices for Authoring Answer Files; seen: 12 of 187 real files serve several",
)
def several_architectures(context: Context) -> Iterator[Problem]:
    """A file holds a component of a pass for one architecture; wow64 goes with amd64 and arm64."""
    if context.target.architecture:
        return  # the rule image-architecture
    for settings in context.document.passes:
        seen: dict[str, Component] = {}
        for component in settings.components:
            if component.architecture not in ARCHITECTURES or component.architecture == "wow64":
                continue
            first = seen.setdefault(component.name.casefold(), component)
            if first.architecture != component.architecture:
                yield Problem(
                    component.position,
                    f"{component.name} is here for {component.architecture} and on line "
                    f"{first.position.line} for {first.architecture}",
                    "each Windows takes the one of its own architecture and skips the other",
                    "keep their settings alike, or make one answer file for each architecture",
                )


@rule(
    "lone-architecture",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Component Settings and Properties Reference, ProcessorArchitecture; seen: seven of "
    "187 real files have a component that their Windows skips",
)
def lone_architecture(context: Context) -> Iterator[Problem]:
    """A component is for the same architecture as the others."""
    if context.target.architecture:
        return  # the rule image-architecture
    components = [
        component
        for component in context.document.components()
        if component.architecture in ARCHITECTURES and component.architecture != "wow64"
    ]
    # The pass windowsPE is that of another Windows, the one on the medium.
    for in_setup in (True, False):
        group = [
            component
            for component in components
            if (component.pass_settings.name == Pass.WINDOWS_PE) is in_setup
        ]
        counts = Counter(component.architecture for component in group)
        if len(counts) < 2:
            continue
        # Of several with the same number the first one counts, as in most_common.
        usual = counts.most_common(1)[0][0]
        has = {_place(component) for component in group if component.architecture == usual}
        for component in group:
            if component.architecture != usual and _place(component) not in has:
                yield Problem(
                    context.document.position(component.element, "processorArchitecture"),
                    f"{component.name} is for {component.architecture}, the other components are "
                    f"for {usual}",
                    f"a Windows for {usual} skips it",
                    f'write processorArchitecture="{usual}", or add the component for {usual}',
                )


def _place(component: Component) -> tuple[str, str]:
    return component.pass_settings.name, component.name.casefold()


@rule(
    "image-architecture",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Best Practices for Authoring Answer Files; seen: 12 of 187 real files serve "
    "several architectures, and Windows skips what is not for its own. The pass "
    "windowsPE is Windows PE's",
)
def image_architecture(context: Context) -> Iterator[Problem]:
    """A component for another architecture is also there for that of the image."""
    image = context.target.architecture
    if not image:
        return
    fitting = {image} | ({"wow64"} if image in {"amd64", "arm64"} else set())
    components = list(context.document.components())
    has = {_place(component) for component in components if component.architecture == image}
    for component in components:
        found = component.architecture
        if found not in ARCHITECTURES or found in fitting or _place(component) in has:
            continue
        if component.pass_settings.name == Pass.WINDOWS_PE:
            continue
        yield Problem(
            context.document.position(component.element, "processorArchitecture"),
            f"{component.name} is for {found}, the image is {image}",
            "Windows skips components that are not of its own architecture",
            f'write processorArchitecture="{image}"',
        )


@rule(
    "wcm-namespace",
    Level.WARNING,
    mark=Mark.SEEN,
    source="every real file but one; a namespace is compared literally; it is not an address",
)
def wcm_namespace(context: Context) -> Iterator[Problem]:
    """The namespace of wcm:action and wcm:keyValue is written as Windows writes it."""
    document = context.document
    for element in document.root.walk():
        for namespace, prefix in element.declared.items():
            if namespace in {WCM, UNATTEND}:
                continue
            if prefix == "wcm" or "wmiconfig" in namespace.casefold():
                what = (
                    "the namespace of wcm starts with https:"
                    if namespace == WCM.replace("http:", "https:")
                    else f"the namespace of {prefix or 'these elements'} is almost the one of wcm"
                )
                yield Problem(
                    document.position(element, f"xmlns:{prefix}" if prefix else "xmlns"),
                    what,
                    "Windows compares it letter by letter, and finds neither wcm:action nor wcm:keyValue",
                    f'write xmlns:wcm="{WCM}"',
                )
