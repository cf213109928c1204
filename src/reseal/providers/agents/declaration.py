"""An agent as a row of data: where it keeps what makes its machine one machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.providers.declaration import Provider
from reseal.providers.places import configuration, empty, matching, registry_views

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.declaration import Work
    from reseal.session import Session

#: Agents come last, as what goes beyond Sysprep.
AFTER_ALL = 90
_SECTION = re.compile(r"\s*\[([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line `key = …` of a configuration file.

    Attributes:
        path: the file.
        key: what stands before the equals sign.
        section: the `[section]` that holds it; empty where the file has none.
    """

    path: str
    key: str
    section: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(Provider):
    r"""What an agent keeps of its machine, and how it goes: a provider, declared by a row.

    It runs without being asked for where the product's own documentation asks for it before imaging.
    Paths of files are those of the volume, with `{windows}` for the Windows folder. Keys below
    `HKLM\SOFTWARE` mean both views of the registry, of 64-bit and of 32-bit programs.

    Attributes:
        files: files that are deleted; wildcards in the last part.
        emptied: folders that are emptied.
        values: registry values that are deleted, by key.
        subkeys: keys whose subkeys are deleted.
        numbers: (key, value name, number) that are set once something of the agent was found.
        lines: lines of configuration files that are deleted.
    """

    work: Work = ""
    order: int = AFTER_ALL
    default: bool = False
    beyond: bool = True
    files: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    subkeys: tuple[str, ...] = ()
    numbers: tuple[tuple[str, str, int], ...] = ()
    lines: tuple[Line, ...] = ()

    @property
    def run(self) -> Callable[[Session], None]:
        """What does it: the same for every row."""
        return self._forget

    def _forget(self, session: Session) -> None:
        before = len(session.changes)
        for pattern in self.files:
            for path in matching(session, _path(session, pattern)):
                session.delete_file(path)
        for folder in self.emptied:
            empty(session, _path(session, folder))
        for line in self.lines:
            _delete_line(session, line)
        for key, names in self.values:
            for view in registry_views(key):
                for name in names:
                    session.delete_value(view, name)
        for key in self.subkeys:
            for view in registry_views(key):
                _delete_subkeys(session, view)
        if len(session.changes) > before:
            for key, name, number in self.numbers:
                for view in registry_views(key):
                    if session.registry.key(view) is not None:
                        session.set_number(view, name, number)


def _path(session: Session, path: str) -> str:
    return path.replace("{windows}", session.installation.root)


def _delete_subkeys(session: Session, path: str) -> None:
    key = session.registry.key(path)
    for name in [subkey.name for subkey in key.subkeys()] if key else []:
        session.delete_key(rf"{path}\{name}")


def _delete_line(session: Session, line: Line) -> None:
    data = configuration(session, line.path)
    if not data:
        return
    wanted = re.compile(rf"\s*{re.escape(line.key)}\s*=", re.IGNORECASE)
    section = ""
    kept: list[str] = []
    # Latin-1 gives every byte back as it was; what is matched is ASCII.
    for text in data.decode("latin-1").splitlines(keepends=True):
        found = _SECTION.match(text)
        if found:
            section = found[1].strip()
        if not (section.lower() == line.section.lower() and wanted.match(text)):
            kept.append(text)
    new = "".join(kept).encode("latin-1")
    if new != data:
        session.write_file(line.path, new)
