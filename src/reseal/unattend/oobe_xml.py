r"""Oobe.xml: a manufacturer's additions to the first run.

Documented (Microsoft, "Configure Oobe.xml" and "Oobe.xml settings"): `%WINDIR%\System32\oobe\info\oobe.xml`,
root `FirstExperience` with one `oobe` element, which holds `oem`, `defaults`, `options` and others. Windows
ignores a file that it can't read, so reseal checks it.

Documented (the same pages): folders next to it serve several countries and languages:
`info\<country>\<language>\oobe.xml`, and `info\default\<language>\oobe.xml` for all other countries. A
country is a geographical location identifier, a language an LCID, both in decimal. License terms
(`eulafilename`) are in the folder of the file that names them, logos in the place that `logopath` names.
"""

from __future__ import annotations

import re
from pathlib import Path

from reseal.answerfile import AnswerFileError
from reseal.answerfile.markup import Element, Markup
from reseal.answerfile.source import Source, printable
from reseal.errors import CheckError, UsageError, os_errors
from reseal.session import Mark, Session

FOLDER = r"System32\oobe\info"
NAME = "oobe.xml"
PLACE = rf"{FOLDER}\{NAME}"
#: Bounds of a folder; with a file for each of 110 languages it holds 330.
MAX_FILES = 2000
MAX_BYTES = 64 << 20
#: The numbers of countries and languages, and the folder for all other countries.
_NUMBER = re.compile(r"[1-9][0-9]{0,6}")
_DEFAULT = "default"
#: Settings that name a file: in the folder of the oobe.xml, or anywhere in Windows.
_FILES = ("eulafilename",)
_PATHS = ("logopath",)
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


def load(folder: Path) -> dict[str, bytes]:
    """Read a folder with an oobe.xml and its other files, and check it.

    Returns:
        The files by their paths below the folder, with backslashes.

    Raises:
        AnswerFileError: an oobe.xml is wrong.
        CheckError: a folder or a file is not where Windows looks, or a named file is missing.
        UsageError: the folder can't be read, or is larger than any real one.
    """
    files: dict[str, bytes] = {}
    size = 0
    with os_errors(f"{folder} can't be read"):
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            size += path.stat().st_size
            if len(files) >= MAX_FILES or size > MAX_BYTES:
                msg = f"{folder} holds too many files for a folder with an oobe.xml."
                raise UsageError(msg, "Name the folder that contains oobe.xml.")
            files["\\".join(path.relative_to(folder).parts)] = path.read_bytes()
    check_folder(files, str(folder))
    return files


def check_folder(files: dict[str, bytes], folder: str) -> None:
    """Check the files of such a folder; raises as `load`."""
    own = {path.lower() for path in files}
    found = [path for path in files if path.lower().rpartition("\\")[2] == NAME]
    if not found:
        msg = f"{folder} holds no {NAME}."
        raise CheckError(
            msg, f"Put one into it, or into a folder such as {_DEFAULT}\\1033. {_HINT}"
        )
    for path in found:
        _check_place(path, folder)
        name = f"{folder}/{path.replace(chr(92), '/')}"
        check(files[path], name)
        root = Markup(Source.from_bytes(files[path], name)).root
        for setting, value in _named(root):
            around = path.rpartition("\\")[0]
            wanted = f"{around}\\{value}" if around else value
            if setting in _FILES and wanted.lower() not in own:
                msg = f"{name} names {printable(value, 60)} in <{setting}>, which is not in its folder."
                raise CheckError(msg, f"Put the file there. {_HINT}")
            inside = _in_folder(value) if setting in _PATHS else None
            if inside is not None and inside.lower() not in own:
                msg = f"{name} names {printable(value, 90)} in <{setting}>, which {folder} lacks."
                raise CheckError(msg, f"Put the file there. {_HINT}")


def _check_place(path: str, folder: str) -> None:
    """Raise CheckError if Windows does not look for an oobe.xml there."""
    *above, _ = path.split("\\")
    if not above:
        return
    fits = len(above) == 2 and _NUMBER.fullmatch(above[1])
    if not fits or not (above[0].lower() == _DEFAULT or _NUMBER.fullmatch(above[0])):
        shown = printable(path, 90)
        msg = f"{folder}: Windows does not look for {shown}."
        raise CheckError(
            msg,
            f"Folders are country\\language or {_DEFAULT}\\language, both as decimal numbers: "
            f"{_DEFAULT}\\1033 for English, 94\\1031 for German in Germany. {_HINT}",
        )


def _named(root: Element) -> list[tuple[str, str]]:
    """Return the settings of an oobe.xml that name a file, with the text of each."""
    wanted = {*_FILES, *_PATHS}
    return [
        (one.name.lower(), one.text.strip())
        for one in root.walk()
        if one.name.lower() in wanted and one.text.strip()
    ]


def _in_folder(path: str) -> str | None:
    r"""Return a path of Windows below the folder for oobe.xml; None if it leads elsewhere."""
    folded = path.replace("/", "\\")
    for root in (r"%windir%", r"%systemroot%", r"c:\windows"):
        start = f"{root}\\{FOLDER}\\".lower()
        if folded.lower().startswith(start):
            return folded[len(start) :]
    return None


def place_folder(session: Session, files: dict[str, bytes]) -> list[str]:
    r"""Stage the files of a checked folder below System32\oobe\info; return their paths."""
    placed = []
    with session.acting("oobe-xml", Mark.DOCUMENTED):
        for name, data in sorted(files.items()):
            path = session.installation.path(f"{FOLDER}\\{name}")
            session.make_directory(path.rpartition("\\")[0])
            session.write_file(path, data)
            placed.append(path)
    return placed


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
