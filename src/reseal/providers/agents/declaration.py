"""An agent as a row of data: where it keeps its machine's identity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.providers.declaration import ENABLED, Provider
from reseal.providers.places import (
    configuration,
    delete_subkeys,
    empty,
    matching,
    profiles,
    registry_views,
)
from reseal.tree import join, parent
from reseal.windows import services

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.declaration import Work
    from reseal.session import Session

#: Agents run last, since they go beyond Sysprep.
AFTER_ALL = 90
_SECTION = re.compile(r"\s*\[([^\]]*)\]")
#: The start of a path in the folder of a service's program.
_OF_SERVICE = re.compile(r"\{service:([^}]+)\}\\")
_OF_PROFILES = "{profile}\\"


@dataclass(frozen=True, slots=True)
class Line:
    """A line `key = …` of a configuration file.

    Attributes:
        path: the file.
        key: the text before the equals sign.
        section: the `[section]` that holds it; empty where the file has none.
        sign: the sign after the key.
    """

    path: str
    key: str
    section: str = ""
    sign: str = "="


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(Provider):
    r"""What an agent keeps of its machine's identity: a provider declared by a table row.

    It runs by default if the product's own documentation asks for the removal before imaging.
    File paths are relative to the volume, with `{windows}` for the Windows folder, `{profile}` for the
    profile of every user, and `{service:NAME}` for the folder of the program of every service with this
    name (`*` matches any text), without a `bin` at its end. Keys below `HKLM\SOFTWARE` mean both views of
    the registry, of 64-bit and of 32-bit programs.

    Attributes:
        services: names of the product's services, by which it is recognised.
        files: files to delete; wildcards in the last part.
        emptied: folders to empty.
        trees: folders to delete.
        values: registry values to delete, by key.
        subkeys: keys whose subkeys are deleted.
        numbers: (key, value name, number) to set if anything of the agent was found.
        lines: lines of configuration files to delete.
        said: a sentence for the run if anything was removed.
        kept: why the identity stays, None if it goes. A provider that the person enabled by name removes
            it nevertheless.
    """

    work: Work = ""
    order: int = AFTER_ALL
    default: bool = False
    beyond: bool = True
    services: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    subkeys: tuple[str, ...] = ()
    numbers: tuple[tuple[str, str, int], ...] = ()
    lines: tuple[Line, ...] = ()
    said: str = ""
    kept: Callable[[Session], str | None] = lambda _: None

    @property
    def run(self) -> Callable[[Session], None]:
        """The function that does the work, the same for every row."""
        return self._forget

    def _forget(self, session: Session) -> None:
        files = [path for one in self.files for path in _files(session, one)]
        reason = None if ENABLED + self.id in session.switches else self.kept(session)
        if reason:
            if files:
                session.note(f"{reason} `--enable {self.id}` removes {self.identity} nevertheless.")
            return
        before = len(session.changes)
        for path in files:
            session.delete_file(path)
        self._forget_folders(session)
        self._forget_values(session)
        if len(session.changes) > before:
            self._set_numbers(session)
            if self.said:
                session.note(self.said)

    def _forget_folders(self, session: Session) -> None:
        for folder in self.emptied:
            for path in _paths(session, folder):
                empty(session, path)
        for folder in self.trees:
            for path in _paths(session, folder):
                session.delete_tree(path)
        for line in self.lines:
            _delete_line(session, line)

    def _forget_values(self, session: Session) -> None:
        for key, names in self.values:
            for view in registry_views(key):
                for name in names:
                    session.delete_value(view, name)
        for key in self.subkeys:
            for view in registry_views(key):
                delete_subkeys(session, view)

    def _set_numbers(self, session: Session) -> None:
        for key, name, number in self.numbers:
            for view in registry_views(key):
                if session.registry.key(view) is not None:
                    session.set_number(view, name, number)


def _files(session: Session, pattern: str) -> list[str]:
    return [path for one in _paths(session, pattern) for path in matching(session, one)]


def _paths(session: Session, path: str) -> list[str]:
    """Return the paths on the volume that a row's path means."""
    if path.startswith(_OF_PROFILES):
        rest = path.removeprefix(_OF_PROFILES)
        return [join(profile, rest) for profile in profiles(session)]
    of_service = _OF_SERVICE.match(path)
    if not of_service:
        return [path.replace("{windows}", session.installation.root)]
    folders = {}
    for name in services.named(session.registry, of_service[1]):
        program = services.program(session.registry, name)
        if program and parent(program):
            folder = parent(program)
            if folder.lower().endswith("\\bin"):
                folder = parent(folder)
            folders[folder.lower()] = folder
    return [join(folder, path[of_service.end() :]) for folder in folders.values()]


def _delete_line(session: Session, line: Line) -> None:
    data = configuration(session, line.path)
    if not data:
        return
    # In YAML the indentation nests, and another section may have the same key.
    indentation = r"\s*" if line.sign == "=" else ""
    wanted = re.compile(rf"{indentation}{re.escape(line.key)}\s*{line.sign}", re.IGNORECASE)
    section = ""
    kept: list[str] = []
    # Latin-1 preserves every byte; the matched text is ASCII.
    for text in data.decode("latin-1").splitlines(keepends=True):
        found = _SECTION.match(text)
        if found:
            section = found[1].strip()
        if not (section.lower() == line.section.lower() and wanted.match(text)):
            kept.append(text)
    new = "".join(kept).encode("latin-1")
    if new != data:
        session.write_file(line.path, new)
