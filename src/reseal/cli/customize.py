"""`reseal customize`: change an image before it is sealed."""

from __future__ import annotations

from pathlib import Path

import click

from reseal.cli.options import force_option, image_argument
from reseal.cli.run import CHANGING, Run, shares
from reseal.cli.steps import StepsCommand, forceable
from reseal.operations.customize import Customize, CustomizeRequest
from reseal.report import customization


@click.command(cls=StepsCommand)
@image_argument
@force_option(more=forceable)
@shares(*CHANGING, "delete_snapshots")
def customize(image: Path, force: tuple[str, ...], steps: list[tuple[str, ...]], run: Run) -> None:
    r"""Change an image before it is sealed: files, registry, accounts, settings, space.

    Steps run in the order given, and all of them or none take effect. Each may be given several times.
    Paths in the image take the form C:\folder\file, \folder\file or /folder/file.
    """
    request = CustomizeRequest(steps=tuple(steps), force=force)
    run.change(image, Customize(request), customization.lines)
