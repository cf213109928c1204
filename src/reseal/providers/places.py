"""Where several providers look: every profile, both program folders, both views of the registry."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from reseal.tree import TreeError, join, parent

if TYPE_CHECKING:
    from reseal.session import Session

_SOFTWARE = "HKLM\\SOFTWARE\\"
#: The largest configuration file that is read; a hostile image may hold one of any size.
MAX_CONFIGURATION = 16 << 20


def registry_views(path: str) -> list[str]:
    r"""A key of `HKLM\SOFTWARE` as 64-bit and as 32-bit programs see it (documented: WOW64)."""
    if not path.startswith(_SOFTWARE):
        return [path]
    return [path, rf"{_SOFTWARE}WOW6432Node\{path.removeprefix(_SOFTWARE)}"]


def program_folders(path: str) -> list[str]:
    """A path below the folder of 64-bit and below that of 32-bit programs."""
    return [join("Program Files", path), join("Program Files (x86)", path)]


def profiles(session: Session) -> list[str]:
    """The profile folders of all users, of the system's own accounts, and the default one."""
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
    """The files that a path with wildcards in its last part means; links and folders left out."""
    folder, name = parent(pattern), pattern.rpartition("\\")[2].lower().replace("[", "[[]")
    return [
        join(folder, entry.name)
        for entry in session.files.list(folder)
        if not entry.is_directory and fnmatch.fnmatchcase(entry.name.lower(), name)
    ]


def empty(session: Session, folder: str) -> None:
    """Delete all that a folder holds; the folder itself stays, with its permissions."""
    for entry in session.files.list(folder):
        path = join(folder, entry.name)
        if entry.is_directory:
            session.delete_tree(path)
        else:
            session.delete_file(path)


def configuration(session: Session, path: str) -> bytes | None:
    """A configuration file's content; None where it is absent, or can't be read (which is said)."""
    stat = session.files.stat(path)
    if stat is None or stat.is_directory:
        return None
    try:
        if stat.size <= MAX_CONFIGURATION:
            return session.files.read(path)
    except TreeError as error:
        session.note(f"{path} was left as it is: {error.message}")
        return None
    session.note(f"{path} was left as it is: its {stat.size} bytes are more than any real one has.")
    return None
