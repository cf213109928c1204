"""`reseal decrypt`: a volume that BitLocker encrypts, decrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseal.cli import console
from reseal.cli.help import Command
from reseal.cli.options import (
    allow_backing_option,
    image_argument,
    in_place_option,
    json_option,
    key_option,
    output_option,
    quiet_option,
    thin_option,
)
from reseal.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@image_argument
@click.option(
    "--metadata", is_flag=True, help="Only show the protectors, the cipher and the state."
)
@key_option
@click.option(
    "--volume", type=int, metavar="N", help="Which volume, where BitLocker encrypts several."
)
@click.option("--sparse", is_flag=True, help="Leave sectors empty that were never written.")
@output_option
@thin_option
@in_place_option
@json_option
@allow_backing_option
@quiet_option
def decrypt(
    image: Path,
    metadata: bool,
    keys: tuple[str, ...],
    volume: int | None,
    sparse: bool,
    output: Path | None,
    thin: bool,
    in_place: bool,
    as_json: bool,
    allow_backing: bool,
    quiet: bool,
) -> None:
    """Decrypt a volume that BitLocker encrypts, with or without a Windows in it.

    A clear key on the disk is used without being asked for. The image is either untouched or done.
    """
    from reseal.bitlocker import keys as given  # noqa: PLC0415  --help needs no engines
    from reseal.report import bitlocker as report  # noqa: PLC0415
    from reseal.run import RunOptions  # noqa: PLC0415
    from reseal.run import bitlocker as run  # noqa: PLC0415

    with console.errors(as_json=as_json):
        if metadata:
            record = run.describe(image, volume, allow_backing=allow_backing)
            lines = report.metadata(record)
        else:
            _check(output, in_place=in_place, thin=thin)
            options = RunOptions(
                output=output, thin=thin, allow_backing=allow_backing, keys=given.read(keys)
            )
            with console.progress(quiet=quiet) as tell:
                record = run.decrypt(image, volume, options, sparse=sparse, on_message=tell)
            lines = report.decrypted(record, str(output) if output else None)
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(lines)


def _check(output: Path | None, *, in_place: bool, thin: bool) -> None:
    if (output is None) != in_place:
        msg = "Decrypting needs either --output, for a new image, or --in-place."
        raise UsageError(msg, "Name the new image with --output, so that the old one stays.")
    if thin and output is None:
        msg = "--thin makes a thin new image, so it needs --output."
        raise UsageError(msg, "Name the new image with --output FILE.qcow2.")
