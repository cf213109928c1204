r"""Paths in the image, as users write them.

`C:\folder\file`, `\folder\file` and `/folder/file` mean the same file of the volume that holds Windows.
No path outside that volume can be named, and links in the image are not followed.
"""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING

from reseal.errors import UsageError
from reseal.tree import join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.session import Session

#: Characters that no name can contain (documented, "Naming Files, Paths, and Namespaces"); `*` and `?`
#: are wildcards in steps that accept them.
_FORBIDDEN = re.compile(r'[<>:"|\x00-\x1f]|[. ]$')
_WILDCARD = re.compile(r"[*?]")
_DRIVE = re.compile(r"[A-Za-z]:")
_MAX_NAME = 255
#: A bound on the matches of one path with wildcards; a hostile image may have any number.
_MAX_MATCHES = 1_000_000


def parts(text: str, *, wildcards: bool = True) -> list[str]:
    """Return the parts of a path.

    Raises:
        UsageError: it is not absolute, or leads out of the volume.
    """
    path = text[2:] if _DRIVE.match(text) else text
    if path[:1] not in {"\\", "/"}:
        msg = f"{text!r} is not an absolute path in the image."
        raise UsageError(msg, r"Write C:\folder\file, \folder\file or /folder/file.")
    found = [part for part in re.split(r"[\\/]+", path) if part and part != "."]
    for part in found:
        if part == "..":
            msg = f"{text!r} contains '..'."
            raise UsageError(msg, "Write the path without '..'.")
        check_name(part, text, wildcards=wildcards)
    return found


def check_name(name: str, text: str, *, wildcards: bool = False) -> None:
    """Raise UsageError if Windows does not accept a name.

    Args:
        name: the name.
        text: the whole path, for the message.
        wildcards: whether `*` and `?` are allowed.
    """
    bad = _FORBIDDEN.search(name) or (not wildcards and _WILDCARD.search(name))
    if (
        bad
        or not name
        or "/" in name
        or "\\" in name
        or len(name.encode("utf-16-le")) > 2 * _MAX_NAME
    ):
        msg = f"{text!r} has a name that Windows does not accept: {name[:60]!r}."
        raise UsageError(msg, "Names can't contain < > : \" / \\ | ? * or end in a dot or a space.")


def resolve(session: Session, text: str, *, wildcards: bool = False) -> str:
    """Return a path of the volume.

    Args:
        session: the opened installation.
        text: the path, as the user wrote it.
        wildcards: whether `*` and `?` are allowed.

    Raises:
        UsageError: it is on another drive, has a name that Windows does not accept, or leads through a
            link or a file.
    """
    drive = session.installation.system_drive or "C:"
    if _DRIVE.match(text) and text[:2].upper() != drive:
        msg = f"{text!r} is not on {drive}, the volume that holds Windows."
        raise UsageError(msg, f"Name a path on {drive}.")
    path = ""
    names = parts(text, wildcards=wildcards)
    for index, name in enumerate(names):
        path = join(path, name)
        stat = None if _WILDCARD.search(path) else session.files.stat(path)
        if stat is None or index == len(names) - 1:
            continue
        if stat.reparse_tag:
            msg = f"{text!r} leads through a link in the image, {path}, which is not followed."
            raise UsageError(msg, "Name the link's target.")
        if not stat.is_directory:
            msg = f"{text!r} leads through {path}, which is a file."
            raise UsageError(msg, "Name another path.")
    return path


def existing(session: Session, text: str) -> str:
    """Return the path of an existing file or folder.

    Raises:
        UsageError: as `resolve`, or the path does not exist.
    """
    path = resolve(session, text)
    if session.files.stat(path) is None:
        msg = f"The image has no {text}."
        raise UsageError(msg, "Check the path; earlier steps may have changed it.")
    return path


def matches(session: Session, text: str) -> Iterator[str]:
    """Yield the existing paths that match a path with wildcards; links are not followed."""
    found = [""]
    for name in parts("\\" + resolve(session, text, wildcards=True)):
        pattern = re.compile(translate(name.lower().replace("[", "[[]")))
        plain = not _WILDCARD.search(name)
        following: list[str] = []
        for folder in found:
            if plain:
                path = join(folder, name)
                following += [path] if session.files.stat(path) else []
                continue
            stat = session.files.stat(folder) if folder else None
            if stat is None or not stat.reparse_tag:
                entries = session.files.list(folder)
                following += [
                    join(folder, one.name) for one in entries if pattern.match(one.name.lower())
                ]
        found = following[:_MAX_MATCHES]
    yield from found


def into(session: Session, text: str, name: str) -> str:
    """Return the destination of something called `name`: inside an existing folder, or a new path.

    A path that ends in a slash always means a folder.

    Args:
        session: the opened installation.
        text: the destination, as the user wrote it.
        name: the name of the source.
    """
    path = resolve(session, text)
    stat = session.files.stat(path)
    if text[-1:] in {"\\", "/"} or path == "" or (stat is not None and stat.is_directory):
        check_name(name, name)
        if stat is not None and stat.reparse_tag:
            msg = f"{text!r} is a link in the image, which is not followed."
            raise UsageError(msg, "Name the link's target.")
        return resolve(session, "\\" + join(path, name))
    return path
