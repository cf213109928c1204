"""Options about answer files that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from reseal.cli.options import FILE_OR_STDIN, PATH

if TYPE_CHECKING:
    from collections.abc import Callable

_Declared = TypeVar("_Declared", bound="Callable[..., Any]")

unattend_option = click.option(
    "--unattend",
    type=FILE_OR_STDIN,
    metavar="FILE",
    help="An answer file for this run and the next boot; - for standard input.",
)
oobe_xml_option = click.option(
    "--oobe-xml",
    type=PATH,
    metavar="FILE|FOLDER",
    help=r"Place an oobe.xml in System32\oobe\info, too; a folder is placed with all in it.",
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


def answer_file_options(function: _Declared) -> _Declared:
    """Give a command all of them: the fields of `reseal.operations.answers.AnswerFileOptions`."""
    for option in (driver_path_option, oobe_xml_option, replace_option, unattend_option):
        function = option(function)
    return function
