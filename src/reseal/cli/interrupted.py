"""What a command says when it was interrupted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from reseal.cli import terminal

if TYPE_CHECKING:
    import click

#: Parameters that name what a command reads or writes.
_SUBJECTS = ("image", "images", "golden", "source", "disk", "wim", "target", "output")


def say(context: click.Context) -> None:
    """Say what became of the images of a command that was interrupted before it changed anything.

    An interruption inside a merge waits until the merge is complete, so it never gets here.
    """
    subjects = list(dict.fromkeys(_existing(context)))
    text = "Interrupted."
    if subjects:
        verb = "is" if len(subjects) == 1 else "are"
        text = f"Interrupted: {' and '.join(subjects)} {verb} untouched."
    if "output_dir" in context.params:
        text += " Machines that are made stay; run the command again to make the rest."
    terminal.show(text, err=True)


def _existing(context: click.Context) -> list[str]:
    named: list[object] = []
    for name in _SUBJECTS:
        value = context.params.get(name)
        named += value if isinstance(value, tuple) else [value]
    return [str(one) for one in named if isinstance(one, Path) and os.path.lexists(one)]
