"""`reseal verify`: is an image generalized, and is nothing of the old machine left in it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseal.cli.help import Command
from reseal.cli.options import PATH, image_argument
from reseal.cli.run import Run, shares
from reseal.errors import UsageError
from reseal.operations import verify as operation
from reseal.report import verification

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@image_argument
@click.option(
    "--against",
    type=PATH,
    multiple=True,
    metavar="OTHER",
    help="Say instead which identities IMAGE shares with OTHER, an image or a folder of "
    "images (repeatable).",
)
@click.option(
    "--identity",
    type=PATH,
    metavar="FILE",
    help="Whose remains to look for: what generalize --save-identity wrote.",
)
@click.option("--deep", is_flag=True, help="Search unallocated clusters, too.")
@click.option(
    "--system-volume-only", is_flag=True, help="Search only the volume that holds Windows."
)
@click.option(
    "--strict",
    is_flag=True,
    help="Fail also where only what Sysprep leaves, too, was found.",
)
@shares("volume", "index", "keys", "as_json", "allow_backing", "quiet", "verbose")
def verify(
    image: Path,
    against: tuple[Path, ...],
    identity: Path | None,
    deep: bool,
    system_volume_only: bool,
    strict: bool,
    run: Run,
) -> None:
    """Prove that an image is armed, and search it for what identified the old machine.

    Three verdicts: clean (exit code 0), as after Sysprep (0, with --strict 3), not clean (3). The last
    line says what was searched for what.
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
