"""Texts of settings: type, values, length, emptiness."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reseal.answerfile.document import Setting
from reseal.answerfile.findings import Context, Level, Problem, has_value, rule
from reseal.answerfile.schema import SettingSchema
from reseal.answerfile.secrets import DELETED, is_secret
from reseal.answerfile.variables import BLOCK
from reseal.mark import Mark

#: Settings that name something, where white space would be part of the name.
NAMES = frozenset({"ComputerName", "Name", "Username", "UserName", "Domain", "JoinDomain"})

_INTEGER = re.compile(r"[+-]?\d{1,10}")
_GUID = re.compile(r"\{?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?")


def _texts(context: Context, kind: str) -> Iterator[tuple[Setting, SettingSchema]]:
    """Yield the settings of a type that have a text, variables of templates left out."""
    for setting, schema in context.known:
        if schema.type == kind and has_value(setting):
            yield setting, schema


@rule(
    "boolean-value",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Component Settings and Properties Reference, .NET Types",
)
def boolean_value(context: Context) -> Iterator[Problem]:
    """A switch is true or false."""
    for setting, _ in _texts(context, "boolean"):
        if setting.text.casefold() in {"true", "false"}:
            continue
        # XML Schema's booleans may be written 1 and 0 too.
        meant = {"1": "true", "0": "false", "yes": "true", "no": "false"}
        guess = meant.get(setting.text.casefold())
        yield Problem.of_value(
            setting, "it is true or false", f"write {guess}" if guess else "write true or false"
        )


@rule(
    "enum-value",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Values of each setting",
)
def enum_value(context: Context) -> Iterator[Problem]:
    """A setting with listed values has one of them."""
    for setting, schema in _texts(context, "enum"):
        if setting.text.casefold() in {value.casefold() for value in schema.values}:
            continue
        close = context.nearest(setting.text, schema.values)
        yield Problem.of_value(
            setting,
            "the reference does not list this value",
            f"write {close}" if close else f"write {_one_of(schema.values)}",
        )


@rule(
    "value-case",
    Level.NOTE,
    mark=Mark.SEEN,
    source="the reference itself writes onError and OnError, True and true",
)
def value_case(context: Context) -> Iterator[Problem]:
    """Switches and listed values have the capitals of the reference."""
    for kind in ("boolean", "enum"):
        for setting, schema in _texts(context, kind):
            values = schema.values or ("true", "false")
            usual = {value.casefold(): value for value in values}.get(setting.text.casefold())
            if usual and setting.text not in (usual, "OnError"):
                yield Problem.of_value(setting, f"the reference writes {usual}", f"write {usual}")


@rule(
    "integer-value",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Component Settings and Properties Reference, .NET Types",
)
def integer_value(context: Context) -> Iterator[Problem]:
    """A number is written in decimal digits and fits 32 bits."""
    for setting, schema in _texts(context, "integer"):
        text = setting.text
        if schema.name == "Order":
            continue  # the rule order-value
        if not _INTEGER.fullmatch(text):
            yield Problem.of_value(setting, "it is a number", "write decimal digits only")
        elif not -(2**31) <= int(text) < 2**32:
            yield Problem.of_value(
                setting, "the number does not fit 32 bits", "write a smaller number"
            )


@rule(
    "guid-value",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, for example PreferredPlan",
)
def guid_value(context: Context) -> Iterator[Problem]:
    """A GUID has its usual form."""
    for setting, _ in _texts(context, "guid"):
        if not _GUID.fullmatch(setting.text):
            yield Problem.of_value(
                setting, "it is a GUID", "write 32 hexadecimal digits as 8-4-4-4-12"
            )


@rule(
    "text-length",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference; reported: Windows Setup stops with 0x80220005",
)
def text_length(context: Context) -> Iterator[Problem]:
    """A text is not longer than its setting allows."""
    for setting, schema in context.known:
        if not schema.max_length or setting.children:
            continue
        unit = "bytes" if schema.in_bytes else "characters"
        length = len(setting.text.encode()) if schema.in_bytes else len(setting.text)
        # The computer name has rules of its own.
        if length > schema.max_length and schema.path != "ComputerName":
            yield Problem(
                setting.value_position,
                f"{schema.name} has {length} {unit}",
                f"{schema.max_length} are allowed, and Windows refuses the whole file",
                "put a long command into a script and call that"
                if schema.name in {"Path", "CommandLine"}
                else "shorten it",
            )


@rule(
    "padded-length",
    Level.WARNING,
    mark=Mark.REPORTED,
    source="Windows counts all characters between the tags, line ends and indents included",
)
def padded_length(context: Context) -> Iterator[Problem]:
    """A text is short enough with the white space around it."""
    for setting, schema in context.known:
        if not schema.max_length or setting.children or schema.in_bytes:
            continue
        if len(setting.text) <= schema.max_length < len(setting.value):
            yield Problem(
                setting.value_position,
                f"{schema.name} has {len(setting.value)} characters with the white space around it",
                f"{schema.max_length} are allowed, and Windows may count white space",
                "put the text directly between the tags",
            )


@rule(
    "empty-value",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Best Practices for Authoring Answer Files, Avoid Creating Empty Elements",
)
def empty_value(context: Context) -> Iterator[Problem]:
    """A setting is not empty where the reference forbids it."""
    for setting, schema in context.known:
        if schema.is_container or setting.value or setting.children:
            continue
        if schema.empty is False or schema.type in {"boolean", "integer", "guid"}:
            yield Problem(
                setting.position,
                f"{schema.name} is empty",
                "the reference does not allow that, and Windows Setup may fail",
                "give it a value or delete the element",
            )


@rule(
    "surrounding-space",
    Level.WARNING,
    mark=Mark.INFERRED,
    source="white space is part of a text in XML; seen: around commands it does no harm",
)
def surrounding_space(context: Context) -> Iterator[Problem]:
    """Names and passwords have no white space around them."""
    for setting, schema in context.known:
        if setting.children or not setting.text or setting.value == setting.text:
            continue
        if schema.name not in NAMES and not is_secret(setting):
            continue
        yield Problem(
            setting.value_position,
            f"{schema.name} has white space before or after its text",
            "Windows takes it as part of the text",
            "put the text directly between the tags",
        )


@rule(
    "stray-text",
    Level.WARNING,
    mark=Mark.SEEN,
    source="three real files have the product key next to <WillShowUI>, where Windows ignores it",
)
def stray_text(context: Context) -> Iterator[Problem]:
    """Text is only in settings that take text."""
    for component in context.document.components():
        text = component.element.text
        if BLOCK.sub("", text).strip():
            yield Problem(
                component.position,
                f"there is text directly inside of the component {component.name}",
                "it holds settings, and Windows ignores text between them",
                "delete the text, or put it into a setting",
            )
    schemas = dict(context.known)
    for setting in context.document.settings():
        schema = schemas.get(setting)
        container = setting.children or (schema and schema.is_container)
        if not container or not setting.text or setting.name.endswith("Password"):
            continue  # for passwords there is a rule of their own
        if setting.text == DELETED or not BLOCK.sub("", setting.text).strip():
            continue  # what Windows left of a secret, or {% … %} of a template
        inner = "<Key>" if setting.name == "ProductKey" else "one of its settings"
        yield Problem(
            setting.value_position,
            f"there is text directly inside of {setting.name}",
            "it holds settings, and Windows ignores text between them",
            f"put the text into {inner}",
        )


@rule(
    "leaf-with-children",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Child Elements",
)
def leaf_with_children(context: Context) -> Iterator[Problem]:
    """A setting that takes text holds no other settings."""
    for setting, schema in context.known:
        if schema.type and setting.children:
            yield Problem(
                setting.children[0].position,
                f"{schema.name} holds other settings",
                "it takes a text",
                "write its text directly, or move the settings to where they belong",
            )


def _one_of(values: tuple[str, ...]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"
