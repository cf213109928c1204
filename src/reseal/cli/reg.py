"""`reseal reg`: look into registry hives and change them."""

from __future__ import annotations

from contextvars import ContextVar

import click

from reseal.cli.help import LaterGroup
from reseal.cli.options import key_option

#: Which Windows of an image; an option of the whole command.
volume_of_image: ContextVar[str | None] = ContextVar("volume", default=None)
#: What opens it, where BitLocker encrypts it.
keys_of_image: ContextVar[tuple[str, ...]] = ContextVar("keys", default=())


@click.group(cls=LaterGroup, module="reseal.cli.reg_commands")
@click.option("--volume", metavar="N", help="Which Windows, where an image holds several.")
@key_option
def reg(volume: str | None, keys: tuple[str, ...]) -> None:
    """Look into registry hives and change them."""
    volume_of_image.set(volume)
    keys_of_image.set(keys)
