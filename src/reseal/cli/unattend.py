"""`reseal unattend`: check, show, make and change answer files."""

from __future__ import annotations

from typing import Any

import click

from reseal.cli import console
from reseal.cli.help import LaterGroup


class _Commands(LaterGroup):
    """The commands; show errors as sentences with exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        with console.errors(as_json=False):
            return super().invoke(ctx)


@click.group(cls=_Commands, module="reseal.cli.unattend_commands")
def unattend() -> None:
    """Check, show, make and change answer files."""
