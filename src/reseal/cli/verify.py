"""`reseal verify`: is an image generalized, and is nothing of the old machine left in it?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from reseal.cli import console
from reseal.cli.help import Command
from reseal.cli.options import (
    PATH,
    allow_backing_option,
    image_argument,
    index_option,
    json_option,
    quiet_option,
    verbose_option,
    volume_option,
)
from reseal.errors import CheckError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.run.opening import Found
    from reseal.session.session import Report


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
@volume_option
@index_option
@json_option
@allow_backing_option
@quiet_option
@verbose_option
def verify(
    image: Path,
    against: tuple[Path, ...],
    identity: Path | None,
    deep: bool,
    volume: str | None,
    index: int | None,
    as_json: bool,
    allow_backing: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Prove that an image is armed and that nothing of the old machine is left in it.

    Exit code 0 only if it is clean; 3 if not.
    """
    from reseal.report import verification as text  # noqa: PLC0415  --help needs no engines

    with console.errors(as_json=as_json):
        if against and (identity or deep):
            msg = "--against compares what images have, so it takes no --identity and no --deep."
            raise UsageError(msg, "Run reseal verify twice.")
        with console.progress(quiet=quiet) as report:
            if against:
                record = _compared(
                    [image, *against], volume, report, index=index, allow_backing=allow_backing
                )
                lines = text.comparison(record)
            else:
                record = _verified(
                    image,
                    identity,
                    volume,
                    report,
                    index=index,
                    deep=deep,
                    allow_backing=allow_backing,
                )
                lines = text.verification(record, verbose=verbose)
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(lines)
        if record["result"] not in {"clean", "nothing shared"}:
            raise SystemExit(CheckError.exit_code)


def _verified(
    image: Path,
    identity: Path | None,
    volume: str | None,
    report: Report,
    *,
    index: int | None,
    deep: bool,
    allow_backing: bool,
) -> dict[str, Any]:
    from reseal.proof.identity import MachineIdentity  # noqa: PLC0415
    from reseal.proof.verification import verify as prove  # noqa: PLC0415
    from reseal.run import read  # noqa: PLC0415
    from reseal.run.opening import choose  # noqa: PLC0415

    given = MachineIdentity.load(identity) if identity else None

    def job(found: list[Found]) -> dict[str, Any]:
        return prove(choose(found, volume, str(image)), given, deep=deep)

    report({"step": "Searching the volume"})
    return read(image, job, allow_backing=allow_backing, index=index, whole=True)


def _compared(
    images: list[Path],
    volume: str | None,
    report: Report,
    *,
    index: int | None,
    allow_backing: bool,
) -> dict[str, Any]:
    from reseal.proof.verification import compare  # noqa: PLC0415
    from reseal.run import read  # noqa: PLC0415
    from reseal.wim import is_wim  # noqa: PLC0415

    listed = []
    for path in _expanded(images):
        report({"step": f"Reading {path}"})
        record = read(
            path,
            partial(_facts, volume=volume, subject=str(path)),
            allow_backing=allow_backing,
            index=index if is_wim(path) else None,
        )
        listed.append({"path": str(path), **{k: v for k, v in record.items() if k != "image"}})
    return compare(listed)


def _facts(found: list[Found], *, volume: str | None, subject: str) -> dict[str, Any]:
    from reseal.proof.verification import facts  # noqa: PLC0415
    from reseal.run.opening import choose  # noqa: PLC0415

    return facts(choose(found, volume, subject))


def _expanded(paths: list[Path]) -> list[Path]:
    """Every image once; a folder that holds no Windows stands for the images in it."""
    from reseal.disk.formats import EXTENSIONS  # noqa: PLC0415

    found: dict[Path, Path] = {}
    for path in paths:
        inside = [path]
        if path.is_dir():
            images = sorted(one for one in path.iterdir() if one.suffix.lower() in EXTENSIONS)
            inside = images or [path]
        for one in inside:
            found.setdefault(one.resolve(), one)
    if len(found) < 2:
        msg = "There is only one image to compare."
        raise UsageError(msg, "Name at least one other image with --against.")
    return list(found.values())
