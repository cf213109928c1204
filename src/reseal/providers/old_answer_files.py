"""Passwords in answer files that nobody needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.markup import Element, MarkupError, elements, replaced
from reseal.providers.places import configuration
from reseal.tree import join
from reseal.windows.answer_files import DELETED, NAMES, named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.session import Session

#: Folders below Windows, and how deep their copies lie.
_FOLDERS = (("Panther", 3), (r"System32\Sysprep", 2))
#: In the root of the volume only files that say what they are.
_ROOT_NAMES = ("unattend", "autounattend")
_SUFFIXES = (".xml", ".bak", ".old", ".orig", ".save", ".txt")
#: Secrets that are not called a password: the blob of an offline domain join (documented).
_BLOBS = frozenset({"accountdata"})


@provider(
    "old-answer-files",
    "Delete the passwords in old copies of answer files",
    mark=Mark.DOCUMENTED,
    source="that Setup deletes sensitive data from the answer file that it keeps: Microsoft, Windows "
    "Setup Automation Overview; its text: seen; that copies beside it are forgotten: reported",
)
def old_answer_files(session: Session) -> None:
    r"""Passwords of administrators and domain accounts, in plain text or merely encoded.

    Setup replaces the passwords in the answer file that it keeps in `Windows\Panther` as soon as they
    were used. Copies under other names there (`unattend-original.xml`), beside Sysprep and in the
    volume's root keep theirs, and every clone would carry them. Each password, and the blob of an
    offline domain join, is replaced by the text that Setup uses; all else stays to the byte. Files
    under the names that Windows looks for, and the one that `SYSTEM\Setup\UnattendFile` names, are
    left to the answer file's own step, since the next boot may need them. Product keys and passwords
    in commands stay.
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
        yield from _files(session, session.installation.path(name), depth)
    for entry in session.files.list(""):
        name = entry.name.lower()
        if (
            not entry.is_directory
            and name not in NAMES
            and name.startswith(_ROOT_NAMES)
            and name.endswith(_SUFFIXES)
        ):
            yield entry.name


def _files(session: Session, folder: str, depth: int) -> Iterator[str]:
    for entry in session.files.list(folder):
        path = join(folder, entry.name)
        if entry.is_directory:
            if depth and not entry.reparse_tag:
                yield from _files(session, path, depth - 1)
        elif entry.name.lower() not in NAMES and entry.name.lower().endswith(_SUFFIXES):
            yield path


def _scrub(session: Session, path: str, data: bytes) -> None:
    try:
        found = elements(data)
    except MarkupError as error:
        if b"unattend" in data.replace(b"\0", b""):
            session.note(
                f"{path} looks like an answer file and can't be read ({error}); passwords in it stay."
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
