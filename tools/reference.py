"""The reference pages, generated from the declarations so that they match the code."""

from __future__ import annotations

import inspect
import json
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

import reseal
from reseal import errors
from reseal.answerfile import RULES, schema
from reseal.api import OpenImage
from reseal.checks import CHECKS
from reseal.operations.record import SCHEMA
from reseal.providers import Provider, provider
from reseal.providers.agents import AGENTS
from reseal.providers.plugins import own
from reseal.session import Change, Mark, Session
from tools.command_tree import Command, commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_GENERATED = "*This page is generated from the declarations in the source.*"


def pages() -> dict[str, str]:
    """Return all generated pages by file name."""
    made = {
        "commands.md": _commands(),
        "providers.md": _providers(own()),
        "checks.md": _checks(),
        "answer-files.md": _answer_files(),
        "record.md": _record(),
        "python.md": _python(),
    }
    return {name: "\n".join(lines) + "\n" for name, lines in made.items()}


def _cell(text: str) -> str:
    """Escape a text for a table cell."""
    flat = " ".join(str(text).split())
    return re.sub(r"([\\*_<>\[\]{}|`~#])", r"\\\1", flat)


def _code(text: str) -> str:
    """Format a text as code in a table cell."""
    flat = " ".join(str(text).split()).replace("|", "&#124;")
    if "`" in flat or "&#124;" in flat:
        safe = flat.replace("&#124;", "|").replace("&", "&amp;").replace("<", "&lt;")
        return f"<code>{safe.replace('|', '&#124;')}</code>"
    return f"`{flat}`" if flat else ""


def _prose(text: str) -> str:
    """Escape a paragraph of a docstring, keeping code."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else re.sub(r"([*_<>|\[\]])", r"\\\1", part)
                   for part in parts)  # fmt: skip


# Commands


def _commands() -> Iterator[str]:
    yield "# Commands"
    yield f"\n{_GENERATED} `reseal COMMAND --help` prints the same.\n"
    for one in commands():
        yield from _command(one)


def _command(one: Command) -> Iterator[str]:
    yield f"{'###' if ' ' in one.name else '##'} {f'reseal {one.name}'.strip()}\n"
    yield f"```text\n{one.usage}\n```\n"
    yield from (f"{_prose(paragraph)}\n" for paragraph in one.paragraphs)
    panel = None
    for parameter in one.parameters:
        if parameter.panel != panel or panel is None:
            panel = parameter.panel
            yield f"\n| {_cell(panel) or 'Argument or option'} | what it is |\n|---|---|"
        yield f"| {_code(parameter.term)} | {_cell(parameter.text)} |"
    yield ""
    for example in one.examples:
        code = f"   # exit code {example.exit_code}" if example.exit_code else ""
        yield f"{example.says}:\n\n```console\n$ {example.line}{code}\n```\n"


# Declarations


def _providers(declared: Iterable[Provider]) -> Iterator[str]:
    yield "# Providers"
    yield f"\n{_GENERATED} `reseal providers` prints the same. See [marks](#marks).\n"
    for one in declared:
        yield f"## {one.id}\n"
        state = "Runs by default" if one.default else "Off by default"
        yield f"**{_prose(one.title)}.** {state}{'; goes beyond Sysprep' if one.beyond else ''}.\n"
        yield from _docstring(one.description)
        if one.renewal:
            yield f"*A new identity:* {_prose(one.renewal)}\n"
        yield f"*Known:* {one.mark}. *Source:* {_prose(one.source)}.\n"
        if one.entry_points:
            yield f"*Replaces:* {', '.join(f'`{name}`' for name in one.entry_points)}.\n"
    yield "## Agents\n"
    yield "| services | identity | provider | a new identity |\n|---|---|---|---|"
    for agent in AGENTS:
        if agent.identity:
            services = ", ".join(f"`{name}`" for name in agent.services)
            state = "on" if agent.default else "off"
            yield (
                f"| {services} | {_cell(agent.identity)} | [{agent.id}](#{agent.id}), {state} "
                f"| {_cell(agent.renewal)} |"
            )
    yield ""
    yield from _marks()


def _checks() -> Iterator[str]:
    yield "# Checks"
    yield f"\n{_GENERATED} `--force ID` overrides an error by name. See [marks](#marks).\n"
    for one in CHECKS:
        yield f"## {one.id}\n"
        yield f"**{_prose(one.title)}**\n"
        yield from _docstring(one.description)
        yield f"*Known:* {one.mark}. *Source:* {_prose(one.source)}.\n"
    yield from _marks()


def _marks() -> Iterator[str]:
    yield "## Marks\n"
    yield "| mark | how it is known |\n|---|---|"
    yield f"| {Mark.DOCUMENTED} | Microsoft, or a standard, says so |"
    yield f"| {Mark.SEEN} | real images, hives or logs show it |"
    yield f"| {Mark.REPORTED} | others published it |"
    yield f"| {Mark.INFERRED} | it follows from other facts, or is the safest choice for the image |"


def _docstring(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        if paragraph.lstrip().startswith(("|", "- ")):
            yield f"{inspect.cleandoc(paragraph)}\n"
        elif paragraph.strip():
            yield f"{_prose(paragraph)}\n"


# Answer files


def _answer_files() -> Iterator[str]:
    known = schema.load()
    yield "# Answer-file settings"
    yield f"\n{_GENERATED} It lists the rules, components and settings that `reseal unattend check` knows.\n"
    yield "## Rules\n"
    yield "| rule | level | title | known |\n|---|---|---|---|"
    for rule in RULES.values():
        yield (
            f"| `{rule.id}` | {rule.level.value} | {_cell(rule.title)} | "
            f"{rule.mark}: {_cell(rule.source)} |"
        )
    yield "\n## Components\n"
    for name, component in sorted(known.components.items()):
        yield f"### {name}\n"
        yield "| setting | what it takes | passes | Windows |\n|---|---|---|---|"
        for path, setting in sorted(component.settings.items()):
            passes = ", ".join(sorted(setting.passes))
            yield f"| {_code(path)} | {_cell(_takes(setting))} | {passes} | {_versions(setting)} |"
        yield ""


def _versions(setting: Any) -> str:
    """Return the Windows versions that have a setting, if known."""
    since = f"since {setting.since}" if setting.since else ""
    until = f"until {setting.until}" if setting.until else ""
    return ", ".join(filter(None, (since, until)))


def _takes(setting: Any) -> str:
    if setting.values:
        return ", ".join(setting.values)
    kind = setting.type or "settings below it"
    limit = f", at most {setting.max_length}" if setting.max_length else ""
    return f"{kind}{limit}"


# The record


def _record() -> Iterator[str]:
    text = resources.files("reseal.report").joinpath("schema", f"{SCHEMA}.json").read_text("utf-8")
    known = json.loads(text)
    yield "# The record of a run (JSON)"
    yield f"\n{_GENERATED} {known['description']}\n"
    yield "| field | type | what it is |\n|---|---|---|"
    yield from _fields(known, "")
    yield "\n## Definitions\n"
    for name, one in known["$defs"].items():
        yield f"### {name}\n"
        if one.get("description"):
            yield f"{one['description']}\n"
        if one.get("properties"):
            yield "| field | type | what it is |\n|---|---|---|"
            yield from _fields(one, "")
        elif one.get("enum"):
            yield ", ".join(f"`{value}`" for value in one["enum"])
        yield ""
    yield "## The schema\n"
    yield f"`{known['$id']}`, JSON Schema 2020-12:\n\n```json\n{text}```"


def _fields(one: dict[str, Any], prefix: str) -> Iterator[str]:
    required = set(one.get("required", ()))
    for name, field in one.get("properties", {}).items():
        path = f"{prefix}{name}"
        more = "" if name in required else "; optional"
        yield f"| `{path}` | {_type(field)} | {_cell(field.get('description', ''))}{more} |"
        if field.get("properties"):
            yield from _fields(field, f"{path}.")


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    if "oneOf" in field:
        return " or ".join(map(_type, field["oneOf"]))
    if "enum" in field:
        return ", ".join(f"`{one}`" for one in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    kind = field.get("type", "object")
    shown = " or ".join(kind) if isinstance(kind, list) else kind
    if shown == "array" and "items" in field:
        return f"list of {_type(field['items'])}"
    return str(shown)


# Python


def _python() -> Iterator[str]:
    yield "# Python"
    yield f"\n{_GENERATED} See also [From Python](../how-to/python.md).\n"
    yield from _function("reseal.open", reseal.open)
    yield "## OpenImage\n"
    yield from _docstring_of(OpenImage)
    for name, member in _members(OpenImage):
        yield from _function(name, member, "###")
    yield "## Change\n"
    yield from _docstring_of(Change)
    yield "## Providers in other packages\n"
    yield from _function("reseal.providers.provider", provider, "###")
    yield "### The verbs of reseal.session.Session\n"
    yield from _docstring_of(Session)
    for name, member in _members(Session):
        yield from _function(name, member, "####")
    yield "## Errors\n"
    yield "| class | exit code | what it means |\n|---|---|---|"
    kinds = (one for one in vars(errors).values() if inspect.isclass(one))
    for kind in kinds:
        if issubclass(kind, errors.ResealError):
            summary = (inspect.getdoc(kind) or "").split("\n\n")[0]
            yield f"| `reseal.errors.{kind.__name__}` | {kind.exit_code} | {_cell(summary)} |"


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    for name, member in vars(cls).items():
        if not name.startswith("_") and (
            inspect.isfunction(member) or isinstance(member, property)
        ):
            yield name, member


def _function(name: str, member: Any, heading: str = "##") -> Iterator[str]:
    yield f"{heading} {name}\n"
    function = member.fget if isinstance(member, property) else member
    assert function
    signature = inspect.signature(function)
    kept = [one for one in signature.parameters.values() if one.name != "self"]
    shown = str(signature.replace(parameters=kept))
    if isinstance(member, property):
        shown = shown.removeprefix("() -> ")
        yield f"```python\n{name}: {shown}\n```\n"
    else:
        yield f"```python\n{name}{shown}\n```\n"
    yield from _docstring_of(member)


def _docstring_of(member: Any) -> Iterator[str]:
    """Format a docstring, with its sections as lists."""
    for paragraph in (inspect.getdoc(member) or "").split("\n\n"):
        head, _, rest = paragraph.partition("\n")
        if head in {"Args:", "Attributes:", "Returns:", "Raises:"}:
            yield f"*{head}*\n"
            for item in re.split(r"\n(?=\S)", inspect.cleandoc(rest)):
                term, colon, meaning = item.partition(": ")
                named = colon and head != "Returns:"
                yield f"- `{term}`: {_prose(meaning)}" if named else f"- {_prose(item)}"
            yield ""
        else:
            yield f"{_prose(paragraph)}\n"
