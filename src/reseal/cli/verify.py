"""`reseal verify`: verify that an image is generalized and holds no trace of the old machine."""

from __future__ import annotations

from pathlib import Path

import click

from reseal.cli.help import Command
from reseal.cli.options import PATH, image_argument, option
from reseal.cli.run import LOOKING, Run, shares
from reseal.errors import UsageError
from reseal.operations import verify as operation
from reseal.report import verification


@click.command(cls=Command)
@image_argument
@option(
    "--against",
    type=PATH,
    multiple=True,
    metavar="OTHER",
    help="List the identities that IMAGE shares with OTHER, an image or a folder of images. "
    "Repeatable.",
)
@option(
    "--identity",
    type=PATH,
    metavar="FILE",
    help="Search for this identity, as generalize --save-identity saved it.",
)
@option("--deep", is_flag=True, help="Search unallocated clusters, too.")
@option("--system-volume-only", is_flag=True, help="Search only the volume that holds Windows.")
@option("--strict", is_flag=True, help="Fail also on traces that Sysprep leaves, too.")
@shares(*LOOKING, "quiet", "verbose")
def verify(
    image: Path,
    against: tuple[Path, ...],
    identity: Path | None,
    deep: bool,
    system_volume_only: bool,
    strict: bool,
    run: Run,
) -> None:
    """Verify that an image is armed, and search it for the identity of the old machine.

    The verdict is clean (exit code 0), as after Sysprep (0, or 3 with --strict), or not clean (3). It
    names what was searched, and the identity searched for.
    """
    if against and (identity or deep or strict or system_volume_only):
        msg = "--against compares images, so it takes none of the options of a search."
        raise UsageError(msg, "Run reseal verify twice.")
    with run.progress() as tell:
        if against:
            record = operation.compare([image, *against], run.writing, tell)
            lines = verification.comparison(record)
        else:
            record = operation.verify(
                image,
                run.writing,
                identity=identity,
                deep=deep,
                system_volume_only=system_volume_only,
                on_message=tell,
            )
            lines = verification.verification(record, verbose=run.verbose)
    run.show(record, lines)
    raise SystemExit(operation.exit_code(record, strict=strict))
