"""Components and settings: do they exist, and are they valid in this pass?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from reseal.answerfile.document import Component, Setting
from reseal.answerfile.findings import Context, Level, Problem, rule
from reseal.answerfile.passes import Pass
from reseal.answerfile.schema import SettingSchema
from reseal.mark import Mark

#: How alike two names must be for one to be a misspelling of the other.
MISSPELT = 0.88


def _in_order(passes: Iterable[str]) -> str:
    return ", ".join(name for name in Pass if name in passes)


@rule(
    "misspelt-component",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Components; Windows stops at unknown ones",
)
def misspelt_component(context: Context) -> Iterator[Problem]:
    """A component's name is spelt as Windows spells it."""
    for component, close in _unknown_components(context):
        if close:
            yield Problem(
                context.document.position(component.element, "name"),
                "no component has this name",
                f"it looks like a misspelling of {close}",
                f'write name="{close}"',
            )


@rule(
    "unknown-component",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Components; editions and roles have more",
)
def unknown_component(context: Context) -> Iterator[Problem]:
    """A component is one of those that the reference or the real files name."""
    for component, close in _unknown_components(context):
        if not close:
            similar = context.nearest(component.name, context.schema.components)
            yield Problem(
                context.document.position(component.element, "name"),
                "this component is not known",
                "Windows skips a component that it does not have, or stops",
                f"compare it with {similar}" if similar else "check that your Windows has it",
            )


@rule(
    "image-component",
    Level.WARNING,
    mark=Mark.SEEN,
    source="the names of manifests in component stores; that Windows can't apply the others: "
    "inferred",
)
def image_component(context: Context) -> Iterator[Problem]:
    """A component is one that the image has."""
    target = context.target
    has = cache(target.has_component)
    for component in context.document.components():
        known = context.schema.find(component.name)
        # The pass windowsPE is that of another Windows, the one on the medium.
        if known is None or component.pass_settings.name == Pass.WINDOWS_PE:
            continue
        if component.architecture not in {target.architecture, "wow64"}:
            continue
        if not has(component.architecture, known.name):
            yield Problem(
                context.document.position(component.element, "name"),
                f"the image has no component {known.name} for {component.architecture}",
                f"its component store has no manifest of it (build {target.build})",
                "leave it out, or choose an image whose edition and build have it",
            )


@rule(
    "component-case",
    Level.NOTE,
    mark=Mark.SEEN,
    source="PnPSysprep and SQMApi in 39 components of real files; names of assemblies have no case",
)
def component_case(context: Context) -> Iterator[Problem]:
    """A component's name has the capitals of the reference."""
    for component in context.document.components():
        known = context.schema.find(component.name)
        if known and known.name != component.name:
            yield Problem(
                context.document.position(component.element, "name"),
                f"the reference writes {known.name}",
                "Windows accepts both, and people search for this one",
                f'write name="{known.name}"',
            )


@rule(
    "misspelt-setting",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference; reported: Windows Setup stops with 0x80220005",
)
def misspelt_setting(context: Context) -> Iterator[Problem]:
    """A setting's name is spelt as Windows spells it."""
    for setting, close in _unknown_settings(context):
        if close:
            yield Problem(
                setting.position,
                f"{_place(setting)} has no setting of this name",
                f"it looks like a misspelling of {close}, and Windows stops at unknown settings",
                f"write <{close}>",
            )


@rule(
    "misplaced-setting",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Parent Hierarchy; reported: Windows Setup "
    "stops with 0x80220005",
)
def misplaced_setting(context: Context) -> Iterator[Problem]:
    """A setting is in the right parent element."""
    for setting, holder in _misplaced(context):
        yield Problem(
            setting.position,
            f"{setting.name} does not belong directly into {_place(setting)}",
            "Windows stops at a setting that it does not know at this place",
            f"put it into <{'><'.join(holder.split('/'))}>",
        )


@rule(
    "unknown-setting",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference for Windows 10 1809; newer Windows has more",
)
def unknown_setting(context: Context) -> Iterator[Problem]:
    """A setting is one of those that the reference or the real files name."""
    for setting, close in _unknown_settings(context):
        if not close:
            similar = context.nearest(
                setting.name, (s.name for s in _siblings(context, setting)), 0.6
            )
            yield Problem(
                setting.position,
                f"{_place(setting)} has no known setting {setting.name}",
                "Windows stops at a setting that it does not have",
                f"compare it with {similar}" if similar else "check that your Windows has it",
            )


@rule(
    "setting-case",
    Level.WARNING,
    mark=Mark.INFERRED,
    source="XML tells capitals apart, and no real file differs from the reference in them",
)
def setting_case(context: Context) -> Iterator[Problem]:
    """A setting's name has the capitals of the reference."""
    for setting, known in context.known:
        if setting.name != known.name:
            yield Problem(
                setting.position,
                f"the reference writes {known.name}",
                "XML is case-sensitive, and Windows may not find the setting",
                f"write <{known.name}>",
            )


@rule(
    "wrong-pass",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Valid Configuration Passes of each setting",
)
def wrong_pass(context: Context) -> Iterator[Problem]:
    """A setting is in a pass for which it is documented."""
    reported: set[Component] = set()
    for component in context.document.components():
        known = context.schema.find(component.name)
        name = component.pass_settings.name
        if known is None or not known.settings or not component.children:
            continue
        if name in list(Pass) and name not in known.passes:
            reported.add(component)
            yield Problem(
                component.position,
                f"{known.name} has no setting that is valid in {name}",
                "the reference lists other passes, and Windows ignores it here",
                f"move it to {_in_order(known.passes)}",
            )
    for setting, schema in context.known:
        if setting.pass_name not in list(Pass) or setting.pass_name in schema.passes:
            continue
        # Its content, or the component around it, would cause the same finding again.
        if setting.component not in reported and not _parent_is_wrong(context, setting):
            yield Problem(
                setting.position,
                f"{schema.name} is not valid in {setting.pass_name}",
                "the reference lists other passes, and Windows ignores it here",
                f"move it to {_in_order(schema.passes)}",
            )


def _parent_is_wrong(context: Context, setting: Setting) -> bool:
    if not isinstance(setting.parent, Setting):
        return False
    component = context.component(setting)
    known = component.find(setting.parent.path) if component else None
    return known is not None and setting.pass_name not in known.passes


def _unknown_components(context: Context) -> Iterator[tuple[Component, str]]:
    """Yield the components that the schema does not know, with the name they are close to."""
    for component in context.document.components():
        if component.name and not context.schema.find(component.name):
            yield component, context.nearest(component.name, context.schema.components, 0.94)


def _unknown(context: Context) -> Iterator[Setting]:
    """Yield the settings that the schema does not know, the outermost of each branch only."""
    for setting in context.document.settings():
        component = context.component(setting)
        if component is None or not component.settings or component.find(setting.path):
            continue
        if isinstance(setting.parent, Setting):
            around = component.find(setting.parent.path)
            if around is None or around.type:
                continue  # the setting around it is reported
        yield setting


def _misplaced(context: Context) -> Iterator[tuple[Setting, str]]:
    """Yield the unknown settings that are known in a child or sibling element, and that element.

    The element is named from the place of the setting down.
    """
    for setting in _unknown(context):
        if holder := _holder(context, setting):
            yield setting, holder


def _holder(context: Context, setting: Setting) -> str:
    component = context.component(setting)
    assert component is not None
    around = setting.path.rpartition("/")[0]
    start = f"{around}/" if around else ""
    name = f"/{setting.name.casefold()}"
    holders = {
        path.rpartition("/")[0].removeprefix(start)
        for path in component.settings
        if path.casefold().endswith(name) and path.casefold().startswith(start.casefold())
    }
    # Name, Order and their like stand in many places: none of them is meant for certain.
    return holders.pop() if len(holders) == 1 else ""


def _unknown_settings(context: Context) -> Iterator[tuple[Setting, str]]:
    """Yield the unknown settings that are nowhere else either, with the name they are close to."""
    misplaced = {setting for setting, _ in _misplaced(context)}
    for setting in _unknown(context):
        if setting in misplaced:
            continue
        siblings = (known.name for known in _siblings(context, setting))
        yield setting, context.nearest(setting.name, siblings, MISSPELT)


def _siblings(context: Context, setting: Setting) -> list[SettingSchema]:
    """Return what the schema knows at the place of a setting."""
    component = context.component(setting)
    path = setting.path.rpartition("/")[0]
    return component.children(path) if component else []


def _place(setting: Setting) -> str:
    return setting.parent.name
