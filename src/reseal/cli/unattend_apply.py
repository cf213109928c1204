"""`reseal unattend apply`: give an installation an answer file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from reseal.cli import console
from reseal.cli.options import AllowBacking, AsJson, ImagePath, Volume

if TYPE_CHECKING:
    from reseal.answerfile import AnswerFile

#: What standard input is called, in options and in messages.
STANDARD_INPUT = "-"
_SHOWN_STANDARD_INPUT = "standard input"

OobeXml: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--oobe-xml", metavar="FILE", help=r"Place an oobe.xml in System32\oobe\info, too."
    ),
]
Replace: TypeAlias = Annotated[
    bool, typer.Option("--replace", help="Move answer files aside that would win against it.")
]


def apply(
    image: ImagePath,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="An answer file; - for standard input.")
    ],
    replace: Replace = False,
    now: Annotated[
        bool,
        typer.Option(
            "--now", help="Apply settings of specialize at once where their place is known."
        ),
    ] = False,
    oobe_xml: OobeXml = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take the file although it has errors.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    volume: Volume = None,
    as_json: AsJson = False,
    allow_backing: AllowBacking = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Give an existing installation an answer file, which its next boot uses.

    offlineServicing is applied at once; the other passes are Windows' own. No output holds a value of a
    setting, so no password is shown.
    """
    from reseal.report import answer_file  # noqa: PLC0415  --help needs no engines
    from reseal.session.run import Options, change  # noqa: PLC0415
    from reseal.sysprep.unattend import Request  # noqa: PLC0415

    with console.errors(as_json=as_json):
        request = Request(
            load(file), replace=replace, force=force, now=now, oobe_xml=load_oobe_xml(oobe_xml)
        )
        options = Options(volume=volume, dry_run=dry_run, allow_backing=allow_backing)
        with console.progress(quiet=quiet) as report:
            record = change(image, answer_file.apply_job(request), lambda _: [], options, report)
        if dry_run:
            record["result"] = "dry run"
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(answer_file.applied(record, dry_run=dry_run))


def load(file: str) -> AnswerFile:
    """Read an answer file; raises AnswerFileError."""
    from reseal.answerfile import AnswerFile  # noqa: PLC0415  --help needs no parser
    from reseal.answerfile.source import MAX_BYTES  # noqa: PLC0415

    if file == STANDARD_INPUT:
        return AnswerFile(sys.stdin.buffer.read(MAX_BYTES + 1), _SHOWN_STANDARD_INPUT)
    return AnswerFile.load(Path(file))


def load_oobe_xml(file: Path | None) -> tuple[str, bytes] | None:
    """Read an oobe.xml and check it; raises AnswerFileError."""
    from reseal.answerfile.source import read_bounded  # noqa: PLC0415
    from reseal.sysprep import oobe_xml  # noqa: PLC0415

    if file is None:
        return None
    data = read_bounded(file)
    oobe_xml.check(data, str(file))
    return str(file), data
