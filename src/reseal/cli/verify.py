"""`reseal verify`: verify that an image is generalized and holds no trace of the old machine."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from reseal.cli.each import each
from reseal.cli.help import Command
from reseal.cli.options import PATH, images_argument, option
from reseal.cli.run import TELLING, Run, shares
from reseal.errors import UsageError
from reseal.operations import verify as operation
from reseal.report import verification


@click.command(cls=Command)
@images_argument
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
@shares(*TELLING, "quiet")
def verify(
    images: tuple[Path, ...],
    against: tuple[Path, ...],
    identity: Path | None,
    deep: bool,
    system_volume_only: bool,
    strict: bool,
    run: Run,
) -> None:
    """Verify that images are armed, and search them for the identity of the old machine.

    The verdict is clean (exit code 0), as after Sysprep (0, or 3 with --strict), or not clean (3). The
    second line names what was searched, and the identity searched for. For several images the exit code is
    the highest, and --json prints a line each.
    """
    if against:
        if identity or deep or strict or system_volume_only:
            msg = "--against compares images, so it takes none of the options of a search."
            raise UsageError(msg, "Run reseal verify twice.")
        with run.progress() as tell:
            record = operation.compare([*images, *against], run.writing, tell)
        code = operation.exit_code(record)
        lines = verification.comparison(record, verbose=run.verbose)
        run.show(record, lines, failed=bool(code))
        raise SystemExit(code)

    def look(image: Path) -> dict[str, Any]:
        with run.progress() as tell:
            return operation.verify(
                image,
                run.writing,
                identity=identity,
                deep=deep,
                system_volume_only=system_volume_only,
                on_message=tell,
            )

    code = each(
        images,
        run,
        look,
        partial(_lines, named=len(images) > 1, verbose=run.verbose),
        verdict=verification.brief,
        exit_code=partial(operation.exit_code, strict=strict),
    )
    raise SystemExit(code)


def _lines(record: dict[str, Any], *, named: bool, verbose: bool) -> Iterator[str]:
    """Yield the lines of a search; the name of the image first if there are several."""
    if named:
        yield f"{record['image']['path']}:"
    yield from verification.verification(record, verbose=verbose)
