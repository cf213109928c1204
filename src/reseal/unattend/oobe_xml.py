r"""Oobe.xml: a manufacturer's additions to the first run.

Documented (Microsoft, "Configure Oobe.xml" and "Oobe.xml settings"): `%WINDIR%\System32\oobe\info\oobe.xml`,
root `FirstExperience` with one `oobe` element, which holds `oem`, `defaults`, `options` and others. Windows
ignores a file that it can't read, so reseal checks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.answerfile import AnswerFileError
from reseal.answerfile.markup import Markup
from reseal.answerfile.source import Source
from reseal.session import Mark

if TYPE_CHECKING:
    from reseal.session import Session

PLACE = r"System32\oobe\info\oobe.xml"
_ROOT = "FirstExperience"
_INSIDE = "oobe"
_HINT = (
    "See Microsoft's page “Configure Oobe.xml”. The file was not placed, and nothing was changed."
)


def check(data: bytes, name: str) -> None:
    """Check an oobe.xml.

    Raises:
        AnswerFileError: it is not well-formed XML, or not in the form that Windows reads.
    """
    source = Source.from_bytes(data, name)
    root = Markup(source).root
    problem = None
    if root.name != _ROOT:
        problem = f"the root element of an oobe.xml must be {_ROOT}"
    elif [child.name for child in root.children] != [_INSIDE]:
        problem = f"{_ROOT} must hold exactly one {_INSIDE} element"
    if problem:
        raise AnswerFileError(name, source.position(root.start), problem, _HINT)


def place(session: Session, data: bytes, name: str) -> str:
    """Check an oobe.xml and stage it in its place; return its path.

    Args:
        session: the opened installation.
        data: the file's content.
        name: its name, for messages.

    Raises:
        AnswerFileError: it is not well-formed XML, or not in the form that Windows reads.
    """
    check(data, name)
    path = session.installation.path(PLACE)
    with session.acting("oobe-xml", Mark.DOCUMENTED):
        session.write_file(path, data)
    return path
