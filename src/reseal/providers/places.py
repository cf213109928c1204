"""Places that several providers use: profiles, program folders, both views of the registry."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from reseal.tree import TreeError, join, parent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.session import Session

_SOFTWARE = "HKLM\\SOFTWARE\\"
#: The largest configuration file that is read; a hostile image may hold a file of any size.
MAX_CONFIGURATION = 16 << 20


def registry_views(path: str) -> list[str]:
    r"""Return a key of `HKLM\SOFTWARE` as 64-bit and as 32-bit programs see it (documented: WOW64)."""
    if not path.startswith(_SOFTWARE):
        return [path]
    return [path, rf"{_SOFTWARE}WOW6432Node\{path.removeprefix(_SOFTWARE)}"]


def program_folders(path: str) -> list[str]:
    """Return a path below the program folders of 64-bit and of 32-bit programs."""
    return [join("Program Files", path), join("Program Files (x86)", path)]


def profiles(session: Session) -> list[str]:
    """Return the profile folders of all users, of the system's own accounts, and the default one."""
    windows = session.installation.root
    return sorted(
        {
            *session.registry.profiles.values(),
            join(windows, r"System32\config\systemprofile"),
            join(windows, r"SysWOW64\config\systemprofile"),
            r"Users\Default",
        }
    )


def matching(session: Session, pattern: str) -> list[str]:
    """Return the files that match a path with wildcards in its last part, without folders."""
    folder, name = parent(pattern), pattern.rpartition("\\")[2].lower().replace("[", "[[]")
    return [
        join(folder, entry.name)
        for entry in session.files.list(folder)
        if not entry.is_directory and fnmatch.fnmatchcase(entry.name.lower(), name)
    ]


def delete_matching(session: Session, pattern: str) -> None:
    """Delete the files that match a path with wildcards in its last part."""
    for path in matching(session, pattern):
        session.delete_file(path)


def delete_subkeys(session: Session, path: str) -> None:
    """Delete the subkeys of a key; the key itself stays, with its permissions and values."""
    for subkey in session.registry.subkeys(path):
        session.delete_key(rf"{path}\{subkey.name}")


def files_below(session: Session, folder: str, depth: int) -> Iterator[str]:
    """Yield the files in a folder and in its subfolders.

    Args:
        session: the opened installation.
        folder: the path to start from.
        depth: how many levels of subfolders to enter.
    """
    for entry in session.files.list(folder):
        path = join(folder, entry.name)
        if not entry.is_directory:
            yield path
        elif depth:
            yield from files_below(session, path, depth - 1)


def empty(session: Session, folder: str) -> None:
    """Delete a folder's content; the folder itself stays, with its permissions."""
    for entry in session.files.list(folder):
        path = join(folder, entry.name)
        if entry.is_directory:
            session.delete_tree(path)
        else:
            session.delete_file(path)


def configuration(session: Session, path: str) -> bytes | None:
    """Return a configuration file's content; None if it is absent, or can't be read (noted)."""
    stat = session.files.stat(path)
    if stat is None or stat.is_directory:
        return None
    try:
        if stat.size <= MAX_CONFIGURATION:
            return session.files.read(path)
    except TreeError as error:
        session.note(f"{path} was left as it is: {error.message}")
        return None
    session.note(f"{path} was left as it is: {stat.size} bytes is more than any real one has.")
    return None
