"""Templates: answer files with variables, `${name}`, for the machines of a fleet.

`$${name}` stands for the text `${name}` itself, which PowerShell uses in commands. Variables stand
in the texts of settings, nowhere else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reseal.answerfile.secrets import Secret
from reseal.answerfile.source import AnswerFileError
from reseal.answerfile.variables import OWN, STYLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reseal.answerfile.document import AnswerFile
    from reseal.answerfile.source import Position

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
                f"Give it one, or write $${{{name}}} if the text itself is meant.",
            )

    def value(match: re.Match[str]) -> str:
        if match.group(1):
            return match.group()[1:]
        given = values[match.group(2)]
        return given.reveal() if isinstance(given, Secret) else given

    edits = []
    for setting in document.settings():
        text = _VARIABLE.sub(value, setting.value)
        if text != setting.value and not setting.children:
            edits.append(document.markup.set_text(setting.element, text))
    return document.edited(edits)
