"""`reseal reg`: show and change registry hives."""

from __future__ import annotations

from contextvars import ContextVar

import click

from reseal.cli.help import LaterGroup
from reseal.cli.options import option

#: --volume and --key before the command, as earlier versions had them.
volume_of_group: ContextVar[str | None] = ContextVar("volume", default=None)
keys_of_group: ContextVar[tuple[str, ...]] = ContextVar("keys", default=())


@click.group(cls=LaterGroup, module="reseal.cli.reg_commands")
@option("--volume", metavar="N", hidden=True)
@option("--key", "keys", multiple=True, hidden=True)
def reg(volume: str | None, keys: tuple[str, ...]) -> None:
    """Show and change registry hives."""
    volume_of_group.set(volume)
    keys_of_group.set(keys)
