"""Templates: answer files with variables, `${name}`, for the machines of a fleet.

`$${name}` stands for the text `${name}` itself, which PowerShell uses in commands. Variables stand
in the texts of settings, nowhere else.

Templates of other tools write variables in other ways (`{{ name }}`, `%NAME%`, …). `in_own_style` turns
them into those of this module.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from reseal.answerfile.document import AnswerFile
from reseal.answerfile.secrets import Secret
from reseal.answerfile.source import AnswerFileError, Position
from reseal.answerfile.variables import OWN, STYLES, is_template, variables_in

_VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def variables(document: AnswerFile) -> dict[str, list[Position]]:
    """Return the variables of a template, each with the places of the settings that use it."""
    found: dict[str, list[Position]] = {}
    for setting in document.settings():
        for match in STYLES[OWN].finditer(setting.value):
            found.setdefault(match.group(1), []).append(setting.value_position)
    return found


def fill(document: AnswerFile, values: Mapping[str, str | Secret]) -> AnswerFile:
    """Return the document with values in place of its variables.

    Raises:
        AnswerFileError: a variable has no value.
    """
    for name, positions in variables(document).items():
        if name not in values:
            raise AnswerFileError(
                document.name,
                positions[0],
                f"the variable {name} has no value",
                f"Give it one, or write $${{{name}}} for the literal text.",
            )

    edits = []
    for setting in document.settings():
        text = filled(setting.value, values)
        if text != setting.value and not setting.children:
            edits.append(document.markup.set_text(setting.element, text))
    return document.edited(edits)


def filled(text: str, values: Mapping[str, str | Secret]) -> str:
    """Return a text with values in place of its variables; raises KeyError for one without."""

    def value(match: re.Match[str]) -> str:
        if match.group(1):
            return match.group()[1:]
        given = values[match.group(2)]
        return given.reveal() if isinstance(given, Secret) else given

    return _VARIABLE.sub(value, text)


def in_own_style(
    document: AnswerFile,
    names: Collection[str],
    style: str | None = None,
    architecture: str = "",
) -> AnswerFile:
    """Return a template whose variables of another style are `${name}`.

    Args:
        document: the template.
        names: what there are values for, in small letters.
        style: the style, of which every variable is taken, so that one without a value is found; None
            takes the variables of all styles that have one of these names, and leaves all others.
        architecture: what a variable becomes that is a component's architecture; empty to leave it.
    """
    markup = document.markup
    edits = [
        markup.set_attribute(component.element, "processorArchitecture", architecture)
        for component in document.components()
        if architecture and is_template(component.architecture)
    ]
    for setting in document.settings():
        if setting.children:
            continue
        command = style is None and setting.name in {"Path", "CommandLine"}
        text = setting.value
        taken = [
            (match.start(), match.end(), own)
            for found, match in variables_in(text, command=command)
            if found != OWN
            and (found == style or style is None)
            and ((own := _own_name(match.group(1))) in names or style is not None)
        ]
        for start, end, own in sorted(taken, reverse=True):
            text = f"{text[:start]}${{{own}}}{text[end:]}"
        if text != setting.value:
            edits.append(markup.set_text(setting.element, text))
    return document.edited(edits) if edits else document


def _own_name(name: str) -> str:
    """Return a variable's name as columns of a table are named."""
    return re.sub(r"[.-]", "_", name).lower()
