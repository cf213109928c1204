"""Write the man pages and the completions of bash, zsh and fish: `python -m tools.man FOLDER`."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from click.shell_completion import get_completion_class

from reseal import __version__
from reseal.cli.commands import reseal
from tools.command_tree import Command, commands

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Paths of shell completions below a prefix such as /usr/share.
COMPLETIONS = {
    "bash": "bash-completion/completions/reseal",
    "zsh": "zsh/site-functions/_reseal",
    "fish": "fish/vendor_completions.d/reseal.fish",
}
_EXIT_CODES = (
    ("0", "done"),
    ("1", "unexpected error"),
    ("2", "wrong usage"),
    ("3", "the image can't be generalized, since a check failed; verify: it is not clean"),
    ("4", "the image can't be read, is damaged, or is in use"),
    ("5", "a required program or library is missing"),
)


def page(command: Command, others: Iterable[Command], day: date) -> str:
    """Return the man page of a command in roff.

    Args:
        command: the command.
        others: the commands to list in the page.
        day: the date of the page.
    """
    title = "-".join(["reseal", *command.name.split()])
    summary = command.paragraphs[0].rstrip(".") if command.paragraphs else title
    lines = [
        f'.TH "{title.upper()}" 1 "{day.isoformat()}" "reseal {__version__}" "User commands"',
        ".SH NAME",
        rf"{_text(title)} \- {_text(summary)}",
        ".SH SYNOPSIS",
        rf".B {_text(command.usage)}",
    ]
    if command.paragraphs[1:]:
        lines.append(".SH DESCRIPTION")
        for paragraph in command.paragraphs[1:]:
            lines += [".PP", _text(paragraph)]
    for heading, arguments in (("ARGUMENTS", True), ("OPTIONS", False)):
        own = [one for one in command.parameters if one.is_argument is arguments]
        if own:
            lines.append(f".SH {heading}")
        for parameter in own:
            text = parameter.text or parameter.term
            lines += [".TP", rf"\fB{_text(parameter.term)}\fR", _text(text)]
    below = [one for one in others if one.name.rpartition(" ")[0] == command.name and one.name]
    if below:
        lines.append(".SH COMMANDS")
        for one in below:
            own_title = "-".join(["reseal", *one.name.split()])
            lines += [".TP", rf"\fB{_text(own_title)}\fR(1)", _text(" ".join(one.paragraphs[:1]))]
    if command.examples:
        lines.append(".SH EXAMPLES")
    for example in command.examples:
        lines += [".TP", _text(f"{example.says}:"), ".nf", _text(example.line), ".fi"]
    lines.append(".SH EXIT STATUS")
    for code, meaning in _EXIT_CODES:
        lines += [".TP", rf"\fB{code}\fR", _text(meaning)]
    lines += [".SH SEE ALSO", r"\fBreseal\fR(1)"]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Escape a text for roff."""
    safe = (
        text.replace("\\", r"\e")
        .replace("-", r"\-")
        .replace("'", r"\(aq")
        .replace("…", r"\[u2026]")
    )
    return rf"\&{safe}" if safe.startswith((".", r"\(aq")) else safe


def write(folder: Path, day: date) -> None:
    """Write all pages and completions below a prefix such as /usr/share."""
    everything = list(commands())
    pages = folder / "man" / "man1"
    pages.mkdir(parents=True, exist_ok=True)
    for command in everything:
        name = "-".join(["reseal", *command.name.split()])
        (pages / f"{name}.1").write_text(page(command, everything, day), "utf-8")
    for shell, place in COMPLETIONS.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        completion = get_completion_class(shell)
        assert completion
        script = completion(reseal, {}, "reseal", "_RESEAL_COMPLETE").source()
        path.write_text(script, "utf-8")


def build_day() -> date:
    """Return the day that the pages carry: SOURCE_DATE_EPOCH for repeatable builds, or today."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(seconds) if seconds else time.time(), UTC).date()


if __name__ == "__main__":
    write(Path(sys.argv[1]), build_day())
