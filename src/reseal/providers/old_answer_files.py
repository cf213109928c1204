"""Passwords in leftover answer files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.markup import Element, MarkupError, elements, replaced
from reseal.providers.places import configuration, files_below
from reseal.windows.answer_files import DELETED, NAMES, named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.session import Session

#: Folders below Windows, and how many levels of subfolders to search.
_FOLDERS = (("Panther", 3), (r"System32\Sysprep", 2))
#: In the root of the volume, only files whose names say what they are.
_ROOT_NAMES = ("unattend", "autounattend")
_SUFFIXES = (".xml", ".bak", ".old", ".orig", ".save", ".txt")
#: Secrets that are not called a password: the blob of an offline domain join (documented).
_BLOBS = frozenset({"accountdata"})


@provider(
    "old-answer-files",
    "Delete the passwords in old copies of answer files",
    mark=Mark.DOCUMENTED,
    source="that Setup deletes sensitive data from the answer file that it keeps: Microsoft, Windows "
    "Setup Automation Overview; its text: seen; that other copies keep them: reported",
)
def old_answer_files(session: Session) -> None:
    r"""Passwords of administrators and domain accounts, in plain text or only encoded.

    After use, Setup replaces the passwords in the answer file that it keeps in `Windows\Panther`. Copies
    under other names in that folder (`unattend-original.xml`), in Sysprep's folder and in the volume's
    root keep theirs, and every clone would carry them. reseal replaces each password, and the blob of
    an offline domain join, with the text that Setup uses; the other bytes stay. Files under the names
    that Windows searches for, and the one that `SYSTEM\Setup\UnattendFile` names, belong to the answer
    file's own step, since the next boot may need them. Product keys and passwords in commands stay.
    """
    in_use = (named(session.registry) or "").lower()
    for path in _copies(session):
        if path.lower() == in_use:
            continue
        data = configuration(session, path)
        if data and b"<" in data[:1024]:
            _scrub(session, path, data)


def _copies(session: Session) -> Iterator[str]:
    for name, depth in _FOLDERS:
        for path in files_below(session, session.installation.path(name), depth):
            file = path.rpartition("\\")[2].lower()
            if file not in NAMES and file.endswith(_SUFFIXES):
                yield path
    for entry in session.files.list(""):
        name = entry.name.lower()
        if (
            not entry.is_directory
            and name not in NAMES
            and name.startswith(_ROOT_NAMES)
            and name.endswith(_SUFFIXES)
        ):
            yield entry.name


def _scrub(session: Session, path: str, data: bytes) -> None:
    try:
        found = elements(data)
    except MarkupError as error:
        if b"unattend" in data.replace(b"\0", b""):
            session.note(
                f"{path} looks like an answer file but can't be read ({error}); its passwords stay."
            )
        return
    if not found or found[0].path != ("unattend",):
        return
    secrets = [
        (one.inner, one.inner_end, DELETED)
        for one in found
        if _is_secret(one) and data[one.inner : one.inner_end].strip(b"\0 \t\r\n")
    ]
    new = replaced(data, secrets)
    if new != data:
        session.write_file(path, new)


def _is_secret(one: Element) -> bool:
    *_, holder, name = ("", *(name.lower() for name in one.path))
    if not one.leaf or name == "plaintext":
        return False
    return name in _BLOBS or name.endswith("password") or holder.endswith("password")
