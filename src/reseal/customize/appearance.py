r"""Appearance: OEM information, wallpaper, lock screen.

| what | where | mark, source |
|---|---|---|
| OEM information | `SOFTWARE\Microsoft\Windows\CurrentVersion\OEMInformation` | documented: Unattended Windows Setup Reference, OEMInformation; the key: reported |
| wallpaper | policy of the user: `Software\Microsoft\Windows\CurrentVersion\Policies\System!Wallpaper`, `WallpaperStyle` | documented: ADMX Desktop, Desktop Wallpaper |
| lock screen | policy of the machine: `SOFTWARE\Policies\Microsoft\Windows\Personalization!LockScreenImage`; only Enterprise, Education and Server apply it | documented: ADMX ControlPanelDisplay, Force a specific default lock screen |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re

from reseal.customize.registry import people
from reseal.customize.shared import Run
from reseal.customize.step import Given
from reseal.customize.steps.appearance import FIELDS
from reseal.errors import UsageError
from reseal.session import Session
from reseal.tree import join

OEM = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\OEMInformation"
PERSONALIZATION = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\Personalization"
USER_POLICY = r"Software\Microsoft\Windows\CurrentVersion\Policies\System"
_FOLDER = r"Web\reseal"
_PICTURES = (".jpg", ".jpeg", ".png", ".bmp")
_MAX_PICTURE = 64 << 20
#: Fill (documented: values of WallpaperStyle).
_FILL = "10"


def oem_information(run: Run, given: Given) -> None:
    """Do the step `oem-information`."""
    chosen = given.choice("field")
    field = next(one for one in FIELDS if one.lower() == chosen)
    text = given.text("text")
    run.session.set_text(OEM, field, text)


class Wallpaper:
    """The step `wallpaper`."""

    def __init__(self, given: Given) -> None:
        self._name, self._data = _picture(given)

    def stage(self, run: Run) -> None:
        """Stage the picture and the policies."""
        session = run.session
        path = _place(session, self._name, self._data)
        users = [
            *people(session),
            *(["Default"] if session.registry.locate(r"HKU\Default") else []),
        ]
        for user in users:
            key = rf"HKU\{user}\{USER_POLICY}"
            session.set_text(key, "Wallpaper", path)
            session.set_text(key, "WallpaperStyle", _FILL)


class LockScreen:
    """The step `lock-screen`."""

    def __init__(self, given: Given) -> None:
        self._name, self._data = _picture(given)

    def stage(self, run: Run) -> None:
        """Stage the picture and the policy."""
        session = run.session
        session.set_text(
            PERSONALIZATION, "LockScreenImage", _place(session, self._name, self._data)
        )
        edition = session.installation.edition or "unknown"
        obeys = ("enterprise", "education", "server")
        if not session.installation.is_server and not any(one in edition.lower() for one in obeys):
            session.note(f"The edition {edition} ignores the lock screen policy.")


def _picture(given: Given) -> tuple[str, bytes]:
    path = given.host("picture")
    if path.suffix.lower() not in _PICTURES:
        msg = f"{path} is not a picture that Windows can show there."
        raise UsageError(msg, f"Name a file that ends in {', '.join(_PICTURES)}.")
    data = given.host_bytes("picture", _MAX_PICTURE)
    return re.sub(r"[^A-Za-z0-9._-]", "_", path.name)[-64:], data


def _place(session: Session, name: str, data: bytes) -> str:
    """Stage a picture; return its path in Windows' form.

    Args:
        session: the opened installation.
        name: the picture's file name.
        data: its content.
    """
    path = session.installation.path(_FOLDER, name)
    session.write_file(path, data)
    return join(session.installation.system_drive or "C:", path)
