"""`reseal reg`: look into registry hives and change them."""

from __future__ import annotations

from contextvars import ContextVar

import click

from reseal.cli.help import LaterGroup

#: Which Windows of an image; an option of the whole command.
volume_of_image: ContextVar[str | None] = ContextVar("volume", default=None)


@click.group(cls=LaterGroup, module="reseal.cli.reg_commands")
@click.option("--volume", metavar="N", help="Which Windows, where an image holds several.")
def reg(volume: str | None) -> None:
    """Look into registry hives and change them."""
    volume_of_image.set(volume)
