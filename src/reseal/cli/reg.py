"""`reseal reg`: show and change registry hives."""

from __future__ import annotations

from contextvars import ContextVar

import click

from reseal.cli.help import LaterGroup
from reseal.cli.options import option

#: --volume before the command, where 0.1 had it.
volume_of_group: ContextVar[str | None] = ContextVar("volume", default=None)


@click.group(cls=LaterGroup, module="reseal.cli.reg_commands")
@option("--volume", metavar="N", hidden=True)
def reg(volume: str | None) -> None:
    """Show and change registry hives."""
    volume_of_group.set(volume)
