r"""Files: copied into the image, out of it, and changed inside it.

A new file inherits its security descriptor from its folder, as in Windows (documented: [MS-DTYP]
2.5.3.4), with BUILTIN\Administrators as its owner. A moved file keeps its own; an overwritten one keeps
everything except its content.
"""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Iterator
from pathlib import Path

from reseal.customize import expression, guest
from reseal.customize.outputs import is_safe
from reseal.customize.shared import Run
from reseal.customize.step import Given
from reseal.errors import CheckError, UsageError, os_errors
from reseal.session import Session
from reseal.tree import join, parent
from reseal.windows.names import MACHINE_HIVES

#: The largest file that is copied into or out of an image; it is held in memory.
_MAX_FILE = 4 << 30
_MAX_DEPTH = 128


class CopyIn:
    """The step `copy-in`."""

    def __init__(self, given: Given) -> None:
        self._guest = given.text("guest")
        self.input = given.host("host")
        self._files = list(_walk(self.input))

    def stage(self, run: Run) -> None:
        """Stage the copy."""
        session = run.session
        name = Path(os.path.normpath(self.input.absolute())).name
        target = guest.into(session, self._guest, name)
        for path, inside, is_folder in self._files:
            for part in inside:
                guest.check_name(part, str(path))
            place = join(target, *inside)
            there = session.files.stat(place)
            if there is not None and (
                there.is_directory != is_folder or _is_link(there.reparse_tag)
            ):
                msg = f"{path} can't become {place}, which {'is a link' if there.reparse_tag else 'exists'}."
                raise UsageError(msg, "Delete it first, or name another path.")
            if is_folder:
                session.make_directory(place)
            else:
                session.write_file(place, _content(path))


class CopyOut:
    """The step `copy-out`."""

    def __init__(self, given: Given) -> None:
        self._guest = given.text("guest")
        self.output = given.host("host").absolute()
        if os.path.lexists(self.output):
            msg = f"{self.output} already exists."
            raise UsageError(msg, "Name a path that does not exist yet.")
        if self.output.name in {"", ".."} or not self.output.parent.is_dir():
            msg = f"{self.output} can't be written: its folder does not exist."
            raise UsageError(msg, "Name a path in an existing folder.")

    def stage(self, run: Run) -> None:
        """Write the copy to a private folder next to its final place."""
        session, target = run.session, self.output
        path = guest.existing(session, self._guest)
        pending: list[tuple[str, tuple[str, ...]]] = [(path, ())]
        for one, inside in pending:
            entry = session.files.stat(one)
            if entry is None or _is_link(entry.reparse_tag):
                session.note(f"{one} is a link and was not copied out.")
            elif entry.is_directory:
                run.outputs.make_directory(target, inside)
                for child in session.files.list(one) if len(inside) < _MAX_DEPTH else ():
                    if is_safe(child):
                        pending.append((join(one, child.name), (*inside, child.name)))
                    else:
                        session.note(f"{join(one, child.name)!r} was not copied out: invalid name.")
            elif entry.size > _MAX_FILE:
                msg = f"{one} is larger than {_MAX_FILE >> 30} GiB."
                raise UsageError(msg, "Copy a smaller selection.")
            else:
                run.outputs.write(target, inside, session.files.read(one))


def mkdir(run: Run, given: Given) -> None:
    """Do the step `mkdir`."""
    wanted = given.text("guest")
    path = guest.resolve(run.session, wanted)
    there = run.session.files.stat(path)
    if there is not None and not there.is_directory:
        msg = f"{path} is a file."
        raise UsageError(msg, "Delete it first, or name another path.")
    run.session.make_directory(path)


def delete(run: Run, given: Given) -> None:
    """Do the step `delete`."""
    wanted = given.text("guest")
    session = run.session
    found = list(guest.matches(session, wanted))
    if not found:
        session.note(f"{wanted} was not deleted: it does not exist.")
    for path in found:
        refuse_vital(session, path)
        entry = session.files.stat(path)
        if entry is None:
            continue
        if entry.is_directory:
            session.delete_tree(path)
        else:
            session.delete_file(path)


def move(run: Run, given: Given) -> None:
    """Do the step `move`."""
    wanted, new = given.text("guest"), given.text("new")
    session = run.session
    path = guest.existing(session, wanted)
    refuse_vital(session, path)
    new = guest.into(session, new, path.rpartition("\\")[2])
    if new.lower().startswith(path.lower() + "\\"):
        msg = f"{path} can't be moved into itself."
        raise UsageError(msg, "Name another path.")
    volumes = session.installation.volumes
    if volumes.volume_of(new) != volumes.volume_of(path):
        msg = f"{path} can't be moved to {new}, which is on another volume."
        raise UsageError(msg, "Name a path on the same volume.")
    if new.lower() != path.lower() and session.files.stat(new) is not None:
        msg = f"{path} can't be moved: {new} already exists."
        raise UsageError(msg, "Delete it first, or name another path.")
    if new == path:
        return
    session.make_directory(parent(new))
    session.move(path, new)


def write(run: Run, given: Given) -> None:
    """Do the step `write`."""
    wanted = given.text("guest")
    data = given.text("text").encode("utf-8", "surrogateescape")
    path = guest.resolve(run.session, wanted)
    there = run.session.files.stat(path)
    if there is not None and (there.is_directory or _is_link(there.reparse_tag)):
        msg = f"{path or 'The root'} is a {'link' if there.reparse_tag else 'folder'}."
        raise UsageError(msg, "Name a file.")
    run.session.write_file(path, data)


class Edit:
    """The step `edit`."""

    def __init__(self, given: Given) -> None:
        self._guest = given.text("guest")
        self._expression = expression.parse(given.text("expression"))

    def stage(self, run: Run) -> None:
        """Stage the edited file."""
        session = run.session
        path = guest.existing(session, self._guest)
        entry = session.files.stat(path)
        if entry is None or entry.is_directory or entry.size > expression.MAX_TEXT:
            msg = f"{path} is not a text file."
            raise UsageError(msg, "Name a text file.")
        old = session.files.read(path)
        new = self._expression.apply(old)
        if new == old:
            session.note(f"{path} was not changed: no line matches.")
        session.write_file(path, new)


def refuse_vital(session: Session, path: str) -> None:
    """Raise CheckError for a path that Windows needs."""
    folder = f"{path.lower()}\\" if path else ""
    if path.endswith(":") and session.installation.volumes.volume_of(path) is not None:
        msg = f"{path} is a whole volume and has to stay."
        raise CheckError(msg, "Name files or folders on it instead.")
    for name in MACHINE_HIVES:
        hive = (session.registry.file(name) or "").lower()
        if hive == path.lower() or hive.startswith(folder):
            msg = f"{path or 'The root'} holds the registry of this Windows and must stay."
            raise CheckError(msg, "Name a path inside it.")


def _is_link(tag: int) -> bool:
    """Return whether a reparse tag is a name surrogate (documented, IsReparseTagNameSurrogate)."""
    return bool(tag & 0x20000000)


def _walk(top: Path) -> Iterator[tuple[Path, tuple[str, ...], bool]]:
    """Yield (path, names below the top, whether it is a folder), folders first.

    Raises:
        UsageError: something is missing, is a link, or is neither a file nor a folder.
    """
    pending: list[tuple[Path, tuple[str, ...]]] = [(top, ())]
    for path, inside in pending:
        with os_errors(f"{path} can't be read", hint="Name a readable file or folder."):
            status = path.stat() if not inside else path.lstat()
        if modes.S_ISDIR(status.st_mode):
            yield path, inside, True
            pending += [(one, (*inside, one.name)) for one in sorted(path.iterdir())]
        elif not modes.S_ISREG(status.st_mode) or not os.access(path, os.R_OK):
            what = "is a symbolic link" if modes.S_ISLNK(status.st_mode) else "can't be copied"
            msg = f"{path} {what}."
            raise UsageError(
                msg, "Only readable files and folders are copied; remove the entry from the folder."
            )
        elif status.st_size > _MAX_FILE:
            msg = f"{path} is larger than {_MAX_FILE >> 30} GiB."
            raise UsageError(msg, "Download it at the image's first boot instead.")
        else:
            yield path, inside, False


def _content(path: Path) -> bytes:
    with os_errors(f"{path} can't be read", hint="Name a readable file."):
        return path.read_bytes()
