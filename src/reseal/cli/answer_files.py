"""Options about answer files that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reseal.cli.options import FILE_OR_STDIN, PATH, option

_Declared = TypeVar("_Declared", bound="Callable[..., Any]")

unattend_option = option(
    "--unattend",
    type=FILE_OR_STDIN,
    metavar="FILE",
    help="Use this answer file for the run and the next boot; - for standard input.",
)
oobe_xml_option = option(
    "--oobe-xml",
    type=PATH,
    metavar="FILE|FOLDER",
    help=r"Place an oobe.xml, or a folder of them, in System32\oobe\info, too.",
)
driver_path_option = option(
    "--driver-path",
    "driver_paths",
    multiple=True,
    metavar="PATH=FOLDER",
    help="Take driver packages for this path of the answer file (offlineServicing) from a folder of "
    "this computer. Repeatable.",
)
replace_option = option(
    "--replace", is_flag=True, help="Move aside answer files that Windows would prefer to it."
)
now_option = option(
    "--now",
    is_flag=True,
    help="Apply now what can be applied offline, rather than at the next boot.",
)


def answer_file_options(function: _Declared) -> _Declared:
    """Give a command all fields of `reseal.operations.answers.AnswerFileOptions` as options."""
    for one in (driver_path_option, oobe_xml_option, replace_option, unattend_option):
        function = one(function)
    return function
