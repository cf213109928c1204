r"""Paths in the image, as users write them.

`C:\folder\file`, `\folder\file` and `/folder/file` mean the same file of the volume that holds Windows;
`D:\folder\file` is a file of the volume that this Windows knows by that letter, if the image holds it.
No link in the image is followed.
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
    path = _drive(text)[1]
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
    """Return a path of the image.

    Args:
        session: the opened installation.
        text: the path, as the user wrote it.
        wildcards: whether `*` and `?` are allowed.

    Raises:
        UsageError: it is on a drive that the image does not hold, has a name that Windows does not take,
            or runs through a link or a file.
    """
    path = _volume(session, text)
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


def _drive(text: str) -> tuple[str, str]:
    """Split off the drive letter."""
    return (text[:2].upper(), text[2:]) if _DRIVE.match(text) else ("", text)


def _volume(session: Session, text: str) -> str:
    """Return the name of the volume that a path is on; nothing for the one that holds Windows."""
    drive, _ = _drive(text)
    registry = session.registry
    number = registry.letters.get(drive) if drive else registry.volume
    if number == registry.volume:
        return ""
    if number not in session.installation.volumes.others:
        held = sorted(
            letter
            for letter, one in registry.letters.items()
            if one == registry.volume or one in session.installation.volumes.others
        )
        msg = f"{text!r} is not on {' or '.join(held)}, which this image holds."
        raise UsageError(msg, f"Name a path on {' or '.join(held)}.")
    return drive


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
    """Yield the paths that a path with wildcards means; links are not followed."""
    resolve(session, text, wildcards=True)
    found = [_volume(session, text)]
    for name in parts(text):
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
            raise UsageError(msg, "Name the place that the link leads to.")
        return resolve(session, rf"{_drive(text)[0]}\{_drive(text)[1]}\{name}")
    return path
