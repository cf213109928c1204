"""An agent as a row of data: where it keeps its machine's identity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.providers.declaration import Provider
from reseal.providers.places import (
    configuration,
    delete_matching,
    delete_subkeys,
    empty,
    registry_views,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.declaration import Work
    from reseal.session import Session

#: Agents run last, since they go beyond Sysprep.
AFTER_ALL = 90
_SECTION = re.compile(r"\s*\[([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line `key = …` of a configuration file.

    Attributes:
        path: the file.
        key: the text before the equals sign.
        section: the `[section]` that holds it; empty where the file has none.
    """

    path: str
    key: str
    section: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(Provider):
    r"""What an agent keeps of its machine's identity: a provider declared by a table row.

    It runs by default if the product's own documentation asks for the removal before imaging.
    File paths are relative to the volume, with `{windows}` for the Windows folder. Keys below
    `HKLM\SOFTWARE` mean both views of the registry, of 64-bit and of 32-bit programs.

    Attributes:
        files: files to delete; wildcards in the last part.
        emptied: folders to empty.
        values: registry values to delete, by key.
        subkeys: keys whose subkeys are deleted.
        numbers: (key, value name, number) to set if anything of the agent was found.
        lines: lines of configuration files to delete.
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
        """The function that does the work, the same for every row."""
        return self._forget

    def _forget(self, session: Session) -> None:
        before = len(session.changes)
        for pattern in self.files:
            delete_matching(session, _path(session, pattern))
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
                delete_subkeys(session, view)
        if len(session.changes) > before:
            for key, name, number in self.numbers:
                for view in registry_views(key):
                    if session.registry.key(view) is not None:
                        session.set_number(view, name, number)


def _path(session: Session, path: str) -> str:
    return path.replace("{windows}", session.installation.root)


def _delete_line(session: Session, line: Line) -> None:
    data = configuration(session, line.path)
    if not data:
        return
    wanted = re.compile(rf"\s*{re.escape(line.key)}\s*=", re.IGNORECASE)
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
