r"""The place that a Windows path refers to: a volume of the image, or elsewhere.

Windows writes paths with a drive letter (`D:\Users\X`), a variable (`%SystemDrive%\Users`), the name of a
volume (`\\?\Volume{…}\X`, documented) or a prefix of the object manager (`\??\C:\X`, `\SystemRoot\X`,
documented); programs also write slashes. A path relative to a drive (`D:X`) depends on the program that reads
it, so it is elsewhere.
"""

from __future__ import annotations

import ntpath
import re
import struct
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from reseal.errors import ImageError
from reseal.tree import join
from reseal.windows.names import PROFILE_LIST
from reseal.windows.volumes import DISK_ID, MOUNTED_DEVICES, Place, named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reseal.regf import Value
    from reseal.windows.volumes import Volumes

#: Prefix of a path that Windows' object manager takes unchanged (documented).
_PREFIXES = ("\\??\\", "\\\\?\\", "\\\\.\\", "\\DosDevices\\")
_DRIVE = re.compile(r"[A-Za-z]:")
_VOLUME = re.compile(r"\\(?:\?\?|\\[?.])\\(Volume\{[0-9a-f-]{36}\})", re.IGNORECASE)
_SYSTEM_ROOT = re.compile(r"\\SystemRoot(?=\\|$)", re.IGNORECASE)
_VARIABLE = re.compile(r"%([^%\\]+)%")
_FOLDERS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
#: Variables of the whole machine, from the values that hold them, or the default (documented: Recognized
#: Environment Variables).
_VARIABLES = {
    "programdata": (PROFILE_LIST, "ProgramData", r"%SystemDrive%\ProgramData"),
    "allusersprofile": (PROFILE_LIST, "ProgramData", r"%SystemDrive%\ProgramData"),
    "public": (PROFILE_LIST, "Public", r"%SystemDrive%\Users\Public"),
    "programfiles": (_FOLDERS, "ProgramFilesDir", r"%SystemDrive%\Program Files"),
    "programw6432": (_FOLDERS, "ProgramFilesDir", r"%SystemDrive%\Program Files"),
    "programfiles(x86)": (_FOLDERS, "ProgramFilesDir (x86)", r"%SystemDrive%\Program Files (x86)"),
    "commonprogramfiles": (
        *(_FOLDERS, "CommonFilesDir", r"%SystemDrive%\Program Files\Common Files"),
    ),
}
_MOUNT_POINT, _SYMLINK = 0xA0000003, 0xA000000C
#: Links in one path, as many as Windows follows (documented: Reparse Points and File Operations).
_MAX_LINKS = 63
_MAX_NESTED = 2


class Windows(Protocol):
    """What paths are resolved against; attributes and methods as in `Registry`."""

    tree: Volumes
    root: str
    volume: int

    @property
    def letters(self) -> Mapping[str, int]:
        """See `Registry.letters`."""
        ...

    def text(self, path: str, name: str) -> str | None:
        """See `Registry.text`."""
        ...

    def values(self, path: str) -> Sequence[Value]:
        """See `Registry.values`."""
        ...


def split(text: str) -> tuple[str, str]:
    r"""Split a Windows path into its drive letter (or an empty string) and the rest.

    `\??\C:\x` gives (`C:`, `\x`), `\x` gives (“”, `\x`).
    """
    for prefix in _PREFIXES:
        if text.lower().startswith(prefix.lower()) and _DRIVE.match(text, len(prefix)):
            text = text[len(prefix) :]
            break
    return (text[:2].upper(), text[2:]) if _DRIVE.match(text) else ("", text)


def _is_elsewhere(text: str) -> bool:
    r"""Whether a path without a drive letter is not on a volume: `\\server\share`, `\Device\…`."""
    return text.startswith("\\\\") or text.lower().startswith(("\\device\\", "\\??\\"))


def place(windows: Windows, text: str, nested: int = 0) -> Place:
    """Return the place of a path, without following links.

    Args:
        windows: the registry of the Windows that wrote it.
        text: the path.
        nested: the number of variables that it was in.
    """
    original, text = text, text.replace("/", "\\")
    if r"\.." in text:
        text = ntpath.normpath(text)
    if _SYSTEM_ROOT.match(text):
        text = _SYSTEM_ROOT.sub("%SystemRoot%", text, count=1)
    if variable := _VARIABLE.match(text):
        name, rest = variable[1].lower(), text[variable.end() :]
        if name in {"systemroot", "windir"}:
            return Place(windows.volume, join(windows.root, rest))
        if name == "systemdrive":
            return Place(windows.volume, join(rest))
        if name not in _VARIABLES or nested > _MAX_NESTED:
            return Place(None, original)
        key, value, default = _VARIABLES[name]
        return place(windows, (windows.text(key, value) or default) + rest, nested + 1)
    if volume := _VOLUME.match(text):
        number, rest = _volume(windows, volume[1]), text[volume.end() :]
        drive = "" if number is None else named(number, windows.letters)
    else:
        drive, rest = split(text)
        if not drive:
            elsewhere = _is_elsewhere(text)
            return Place(None, original) if elsewhere else Place(windows.volume, join(text))
        number = windows.letters.get(drive)
    if number is None or (rest and not rest.startswith("\\")):
        return Place(None, original)
    return Place(number, join(rest) if number == windows.volume else join(drive, rest))


def _volume(windows: Windows, name: str) -> int | None:
    r"""Return the number of the volume `Volume{…}`.

    MountedDevices has its data. Without it, the identifier is taken for that of a GPT partition, which
    Windows uses for its volume (inferred).
    """
    known = windows.tree.partitions
    for value in windows.values(MOUNTED_DEVICES):
        if value.name.lower() == f"\\??\\{name}".lower():
            return known.get(value.data)
    try:
        return known.get(DISK_ID + UUID(name[len("Volume") :]).bytes_le)
    except ValueError:
        return None


def resolved(windows: Windows, text: str) -> Place:
    """Return the place of a path behind all links on its way.

    A link that can't be followed leads elsewhere.

    Args:
        windows: the registry of the Windows that wrote it.
        text: the path.
    """
    found = place(windows, text)
    for _ in range(_MAX_LINKS):
        if found.volume is None:
            break
        link = _first_link(windows, found)
        if link is None:
            return found
        folder, target = link
        if target is None:
            break
        found = place(windows, _behind(folder, target, found.path[len(folder) :]))
    return Place(None, text)


def _behind(folder: str, target: str, rest: str) -> str:
    """Return the path behind a link; a relative target starts in the folder that holds the link."""
    if not target.startswith("\\") and not split(target)[0]:
        above, _, _ = folder.rpartition("\\")
        target = ntpath.normpath(
            ntpath.join(f"\\{above}" if not split(above)[0] else above, target)
        )
    return target.rstrip("\\") + rest


def _first_link(windows: Windows, found: Place) -> tuple[str, str | None] | None:
    """Return the first link of a path and its target, which is None if it can't be read."""
    parts = found.path.split("\\")
    for count in range(1, len(parts) + 1):
        path = "\\".join(parts[:count])
        try:
            stat = windows.tree.stat(path)
            if stat is None:
                return None
            if stat.reparse_tag in {_MOUNT_POINT, _SYMLINK}:
                return path, _target(windows.tree.read_reparse(path) or b"")
        except ImageError:
            return None
    return None


def _target(data: bytes) -> str | None:
    """Return the target of a junction or symbolic link; None if its data is damaged.

    Layout: documented (MS-FSCC, 2.1.2.4 and 2.1.2.5).
    """
    if len(data) < 16:
        return None
    tag, _, _, offset, size = struct.unpack_from("<IHHHH", data)
    start = offset + (20 if tag == _SYMLINK else 16)
    name = data[start : start + size]
    if not size or len(name) != size:
        return None
    return name.decode("utf-16-le", "replace")
