"""`reseal capture`: the Windows volume of an image, into a WIM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseal.cli import console
from reseal.cli.help import Command, argument
from reseal.cli.options import (
    PATH,
    allow_backing_option,
    among,
    image_argument,
    json_option,
    quiet_option,
    volume_option,
)
from reseal.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

#: A configuration list is a short text.
_MAX_CONFIG = 1 << 20


@click.command(cls=Command)
@image_argument
@argument("wim", type=PATH, metavar="FILE.wim", help="The WIM to make.")
@click.option("--name", metavar="NAME", help="Name of the image (default: that of the product).")
@click.option("--description", metavar="TEXT", help="Description of the image.")
@click.option(
    "--compress",
    metavar="KIND",
    shell_complete=among("none", "xpress", "lzx", "lzms"),
    help="lzx (default), xpress, lzms or none.",
)
@click.option("--append", is_flag=True, help="Add the image to an existing WIM.")
@click.option(
    "--solid", is_flag=True, help="Compress all data as one, as in an ESD: small and slow."
)
@click.option(
    "--config", type=PATH, metavar="WimScript.ini", help="What to leave out, in DISM's form."
)
@click.option("--check", is_flag=True, help="Give the WIM an integrity table.")
@click.option(
    "--require-generalized", is_flag=True, help="Refuse an image that is not generalized."
)
@volume_option
@json_option
@allow_backing_option
@quiet_option
def capture(
    image: Path,
    wim: Path,
    name: str | None,
    description: str | None,
    compress: str | None,
    append: bool,
    solid: bool,
    config: Path | None,
    check: bool,
    require_generalized: bool,
    volume: str | None,
    as_json: bool,
    allow_backing: bool,
    quiet: bool,
) -> None:
    r"""Capture the Windows volume of a disk image into a WIM, as DISM would.

    Security descriptors, streams, reparse points, short names and hard links are kept. What DISM leaves
    out by default is left out: page files, hiberfil.sys, System Volume Information, RECYCLER,
    Windows\CSC. The WIM is either whole or not there.
    """
    from reseal.report import wim as report  # noqa: PLC0415  --help needs no engines
    from reseal.run.capture import CaptureOptions  # noqa: PLC0415
    from reseal.run.capture import capture as run  # noqa: PLC0415
    from reseal.wim import COMPRESSIONS  # noqa: PLC0415

    with console.errors(as_json=as_json):
        if compress is not None and compress not in COMPRESSIONS:
            msg = f"--compress {compress} is not known."
            raise UsageError(msg, f"Choose one of {', '.join(COMPRESSIONS)}.")
        if append and (compress or solid):
            msg = "An image that is appended is compressed as the WIM is."
            raise UsageError(msg, "Leave --compress and --solid out.")
        options = CaptureOptions(
            volume=volume,
            name=name,
            description=description,
            compression=compress or ("lzms" if solid else "lzx"),
            append=append,
            solid=solid,
            config=_load(config) if config else None,
            check=check,
            require_generalized=require_generalized,
            allow_backing=allow_backing,
        )
        with console.progress(quiet=quiet) as tell:
            record = run(image, wim, options, tell)
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(report.captured(record))


def _load(path: Path) -> str:
    from reseal.wim.config import check_config  # noqa: PLC0415  --help needs no engines

    try:
        with path.open("rb") as file:
            data = file.read(_MAX_CONFIG + 1)
        if len(data) > _MAX_CONFIG:
            raise UsageError(f"{path} is too large for a configuration list.")
        encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
        text = data.decode(encoding)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        msg = f"{path} is neither UTF-8 nor UTF-16."
        raise UsageError(msg, "Save it as UTF-8.") from error
    check_config(text, str(path))
    return text
