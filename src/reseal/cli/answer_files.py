"""Options and arguments about answer files that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reseal.cli.options import FILE_OR_STDIN, PATH
from reseal.errors import UsageError

if TYPE_CHECKING:
    from reseal.answerfile import AnswerFile
    from reseal.unattend.apply import Request

#: What standard input is called, in options and in messages.
STANDARD_INPUT = "-"
_SHOWN_STANDARD_INPUT = "standard input"
#: What `--force` calls the check of the answer file.
FORCE_UNATTEND = "unattend"

unattend_option = click.option(
    "--unattend",
    type=FILE_OR_STDIN,
    metavar="FILE",
    help="An answer file for this run and the next boot; - for standard input.",
)
oobe_xml_option = click.option(
    "--oobe-xml",
    type=PATH,
    metavar="FILE",
    help=r"Place an oobe.xml in System32\oobe\info, too.",
)
driver_path_option = click.option(
    "--driver-path",
    "driver_paths",
    multiple=True,
    metavar="PATH=FOLDER",
    help="The folder of this computer for which a driver path of the answer file stands "
    "(offlineServicing); repeatable.",
)
replace_option = click.option(
    "--replace", is_flag=True, help="Move answer files aside that would win against it."
)


def load(file: str) -> AnswerFile:
    """Read an answer file; raises AnswerFileError."""
    from reseal.answerfile import AnswerFile  # noqa: PLC0415  --help needs no parser
    from reseal.answerfile.source import MAX_BYTES  # noqa: PLC0415

    if file == STANDARD_INPUT:
        return AnswerFile(sys.stdin.buffer.read(MAX_BYTES + 1), _SHOWN_STANDARD_INPUT)
    return AnswerFile.load(Path(file))


def request(
    file: str | None,
    *,
    replace: bool = False,
    force: bool = False,
    now: bool = False,
    oobe_xml: Path | None = None,
    driver_paths: tuple[str, ...] = (),
) -> Request | None:
    """Read what a person asks of an answer file; None where there is none.

    Raises:
        AnswerFileError: a file can't be read.
        UsageError: options that belong to an answer file stand without one.
    """
    if file is None:
        if replace or oobe_xml or driver_paths:
            msg = "--replace, --oobe-xml and --driver-path belong to an answer file."
            raise UsageError(msg, "Name it with --unattend FILE.")
        return None
    from reseal.unattend.apply import Request  # noqa: PLC0415
    from reseal.unattend.drivers import folders  # noqa: PLC0415  --help needs no engines

    return Request(
        load(file),
        replace=replace,
        force=force,
        now=now,
        oobe_xml=_load_oobe_xml(oobe_xml),
        driver_folders=folders(list(driver_paths)),
    )


def host_folders(asked: Request | None) -> tuple[Path, ...]:
    """Return the folders of this machine that an answer file's driver paths stand for."""
    return tuple(asked.driver_folders.values()) if asked else ()


def _load_oobe_xml(file: Path | None) -> tuple[str, bytes] | None:
    """Read an oobe.xml and check it; raises AnswerFileError."""
    from reseal.answerfile.source import read_bounded  # noqa: PLC0415
    from reseal.unattend import oobe_xml  # noqa: PLC0415

    if file is None:
        return None
    data = read_bounded(file)
    oobe_xml.check(data, str(file))
    return str(file), data
