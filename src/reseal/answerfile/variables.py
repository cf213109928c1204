"""Variables of templates, in the forms of the tools that fill them in.

Seen: about a third of the answer files of public repositories are templates of Ansible, Packer,
Terraform, cloud builders or scripts of their own, and each writes variables in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: reseal's own form, which Terraform and shells use too: `${name}`, but not `$${name}`.
OWN = "dollar"
_NAME = r"([A-Za-z][A-Za-z0-9_.-]{0,60})"

#: Every form by its name. The first group is the variable's name.
STYLES = {
    OWN: re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}"),
    "jinja": re.compile(r"\{\{-?\s{0,20}[.$]?([A-Za-z_][A-Za-z0-9_.]{0,60})[^{}]{0,200}\}\}"),
    "dollars": re.compile(rf"(?<![\w$]){re.escape('$')}{_NAME}{re.escape('$')}(?![\w$])"),
    "percent": re.compile(rf"%{_NAME}%"),
    "hash": re.compile(rf"(?<![\w#&])#{_NAME}#(?![\w#])"),
    "underscore": re.compile(
        r"(?<!\w)__([A-Za-z][A-Za-z0-9]{0,60}(?:_[A-Za-z0-9]{1,60}){0,8})__(?!\w)"
    ),
    "at": re.compile(rf"(?<![\w@])@{{1,2}}{_NAME}@{{1,2}}(?![\w@.])"),
}

#: What a template says about itself: {% if … %}, {# … #}, <#-- … --> can't stand in XML.
BLOCK = re.compile(r"\{[%#][^{}]{0,400}[%#]\}")

#: Variables of the environment, which Windows itself expands between percent signs (documented:
#: Recognized Environment Variables; WinPE's and PowerShell's with them).
ENVIRONMENT = frozenset(
    (
        *("ALLUSERSPROFILE", "APPDATA", "CD", "CLIENTNAME", "COMMONPROGRAMFILES", "COMPUTERNAME"),
        *("COMSPEC", "CONFIGSETROOT", "DATE", "ERRORLEVEL", "HOMEDRIVE", "HOMEPATH"),
        *("LOCALAPPDATA", "LOGONSERVER", "NUMBER_OF_PROCESSORS", "OS", "PATH", "PATHEXT"),
        *(
            "PROCESSOR_ARCHITECTURE",
            "PROGRAMDATA",
            "PROGRAMFILES",
            "PROMPT",
            "PSMODULEPATH",
            "PUBLIC",
        ),
        *("RANDOM", "SESSIONNAME", "SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "TIME"),
        *("TMP", "USERDOMAIN", "USERNAME", "USERPROFILE", "WINDIR"),
    )
)


def variables_in(text: str, *, command: bool = False) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield the variables of a text: the form, and the match whose first group is the name.

    Args:
        text: a setting's text.
        command: whether it is a command. In these only `{{ name }}` and `__name__` are variables for
            certain: cmd, PowerShell and batch files have uses of their own for the other signs.
    """
    for style, pattern in STYLES.items():
        if command and style not in {"jinja", "underscore"}:
            continue
        for match in pattern.finditer(text):
            if style != "percent" or match.group(1).upper() not in ENVIRONMENT:
                yield style, match


def is_template(text: str) -> bool:
    """Whether a text, which is not a command, holds a variable or a block such as {% if … %}."""
    return any(True for _ in variables_in(text)) or BLOCK.search(text) is not None
