"""Lists: actions, keys, repetition, and what an item must have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from reseal.answerfile.document import Branch, Setting
from reseal.answerfile.findings import Context, Level, Problem, repeated, rule
from reseal.answerfile.schema import SettingSchema
from reseal.mark import Mark

#: What wcm:action may say. The reference uses add alone; the other two are what Windows System
#: Image Manager writes for Modify and RemoveListItem (documented; their spelling is inferred).
ACTIONS = ("add", "modify", "remove")


@rule(
    "list-action",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Component Settings and Properties Reference, List-Item Actions; one example of the "
    "reference leaves it out",
)
def list_action(context: Context) -> Iterator[Problem]:
    """An item of a list has a wcm:action."""
    for setting, schema in context.known:
        if schema.is_list and "action" in setting.element.attributes and setting.action is None:
            yield Problem(
                setting.position,
                f"the action of this {schema.name} has no prefix",
                "Windows looks for wcm:action, and may not add the item",
                f'write <{schema.name} wcm:action="add">',
            )
        elif schema.is_list and setting.action is None and not _elsewhere(setting, "action"):
            yield Problem(
                setting.position,
                f"this {schema.name} has no wcm:action",
                "it is an item of a list, and Windows may not add it",
                f'write <{schema.name} wcm:action="add">',
            )


@rule(
    "list-action-value",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Component Settings and Properties Reference, List-Item Actions",
)
def list_action_value(context: Context) -> Iterator[Problem]:
    """The action of a list item is add, modify or remove."""
    for setting in context.document.settings():
        if setting.action is not None and setting.action not in ACTIONS:
            yield Problem(
                context.document.position(setting.element, "wcm:action"),
                "this wcm:action does not exist",
                "Windows knows add, modify and remove",
                'write wcm:action="add"',
            )


@rule(
    "action-without-list",
    Level.NOTE,
    mark=Mark.DOCUMENTED,
    source="Component Settings and Properties Reference, List-Item Actions",
)
def action_without_list(context: Context) -> Iterator[Problem]:
    """Only items of lists carry an action."""
    for setting, schema in context.known:
        if setting.action is not None and not schema.is_list:
            yield Problem(
                setting.position,
                f"{schema.name} has a wcm:action",
                "it is not an item of a list",
                "delete wcm:action",
            )


@rule(
    "list-key",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Component Settings and Properties Reference, Key Settings for List Items",
)
def list_key(context: Context) -> Iterator[Problem]:
    """An item of a keyed list has a key."""
    for setting, schema in context.known:
        if schema.is_keyed and not setting.key and not _elsewhere(setting, "keyValue"):
            yield Problem(
                setting.position,
                f"this {schema.name} has no wcm:keyValue",
                "Windows tells the items of this list apart by it",
                f'write <{schema.name} wcm:action="add" wcm:keyValue="1">',
            )


@rule(
    "duplicate-key",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Component Settings and Properties Reference, Key Settings for List Items",
)
def duplicate_key(context: Context) -> Iterator[Problem]:
    """No two items of a list have the same key."""
    for items in _lists(context):
        keyed = [item for item in items if item.key]
        for item, first in repeated(keyed, lambda item: str(item.key).casefold()):
            yield Problem(
                context.document.position(item.element, "wcm:keyValue"),
                f"another {item.name} of this list has the same wcm:keyValue",
                f"it is on line {first.position.line}, and one replaces the other",
                "give it a key of its own",
            )


@rule(
    "repeated-setting",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, whose lists are marked by wcm:action",
)
def repeated_setting(context: Context) -> Iterator[Problem]:
    """A setting that is not a list item occurs once."""
    schemas = dict(context.known)
    for items in _lists(context):
        for item in items[1:]:
            schema = schemas.get(item)
            if schema and not schema.is_list and not schema.is_keyed:
                yield Problem(
                    item.position,
                    f"{schema.name} appears here again",
                    f"it is on line {items[0].position.line} already, and it is not a list",
                    "delete one of the two",
                )


@rule(
    "missing-setting",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, for example AcceptEula",
)
def missing_setting(context: Context) -> Iterator[Problem]:
    """A setting has the settings inside that the reference calls required."""
    for setting, schema in context.known:
        component = context.component(setting)
        if component is None or not schema.is_container:
            continue
        for child in component.children(schema.path):
            if child.required and _needed(setting, child) and not setting.child(child.name):
                yield Problem(
                    setting.position,
                    f"{schema.name} has no {child.name}",
                    "the reference calls it required",
                    f"add <{child.name}>",
                )


def _elsewhere(setting: Setting, name: str) -> bool:
    """Whether the element has a wcm attribute in another namespace: see the rule wcm-namespace."""
    return any(one.rpartition("}")[2] == name for one in setting.element.attributes)


def _needed(parent: Setting, child: SettingSchema) -> bool:
    """Whether a required setting is missed: not in an empty parent, and not a command's path."""
    return bool(parent.children) and child.name not in {"Path", "CommandLine"}


def _lists(context: Context) -> Iterator[list[Setting]]:
    """Yield the settings of one name inside of one parent, where there are several."""
    document = context.document
    branches: list[Branch] = [*document.components(), *document.settings()]
    for branch in branches:
        named = sorted(branch.children, key=lambda child: child.name.casefold())
        for _, group in groupby(named, key=lambda child: child.name.casefold()):
            items = list(group)
            if len(items) > 1:
                yield items
