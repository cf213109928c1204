"""The image's own INF files, and its language."""

from __future__ import annotations

from reseal.drivers.inf import MAX_SIZE, Inf, InfError
from reseal.session import Session
from reseal.tree import TreeError

_LANGUAGE = r"HKLM\SYSTEM\CurrentControlSet\Control\Nls\Language"
_ENGLISH = 0x409


class InstalledInfs:
    """The INF files of the image, which packages include by name."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: dict[str, Inf | None] = {}

    def find(self, name: str) -> Inf | None:
        """Return an INF file; None if it is missing or can't be read (Windows then installs it itself)."""
        key = name.lower()
        if key not in self._found:
            path = self._session.installation.path("INF", name)
            self._found[key] = read_inf(self._session, path)
        return self._found[key]


def read_inf(session: Session, path: str) -> Inf | None:
    """Return an INF file of the image; None if it does not exist or can't be read."""
    try:
        stat = session.files.stat(path)
        if stat is None or stat.is_directory or stat.size > MAX_SIZE:
            return None
        return Inf(session.files.read(path), name=path)
    except (InfError, TreeError):
        return None


def language(session: Session) -> int:
    """Return the LANGID with which Windows was installed (documented: InstallLanguage, hexadecimal)."""
    text = session.registry.text(_LANGUAGE, "InstallLanguage") or ""
    try:
        return int(text, 16) & 0xFFFF
    except ValueError:
        return _ENGLISH
