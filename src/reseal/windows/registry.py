r"""The hives of an installation as one registry, with Windows' names.

| name | hive file | mark |
|---|---|---|
| `HKLM\SYSTEM`, `SOFTWARE`, `SAM`, `SECURITY` | `System32\config\<name>` | documented |
| `HKU\.DEFAULT`, `HKU\S-1-5-18` | `System32\config\DEFAULT` | documented |
| `HKU\<SID>` | `NTUSER.DAT` of the profile in ProfileList | documented |
| `HKU\Default` | `NTUSER.DAT` of the default profile, the template for new accounts; Windows has no name for it | reseal's name |
| `HKCU` | the built-in Administrator (RID 500), who usually runs Sysprep | inferred |

Source: Microsoft, "Registry Hives" (Win32 documentation).

`HKLM\SYSTEM\CurrentControlSet` means all control sets in Select. Otherwise Last Known Good would restore
the old identity (seen: a Windows 7 hive with Current 1 and LastKnownGood 2).
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from dataclasses import dataclass

from reseal.errors import ImageError
from reseal.regf import Hive, Key, RegfError, Value
from reseal.tree import EscapeError, Stat, join
from reseal.windows import paths
from reseal.windows.names import (
    CONFIG,
    CURRENT_VERSION,
    DEFAULT_PROFILE,
    DRIVERS_HIVE,
    LOG_SUFFIXES,
    MACHINE_HIVES,
    MAX_HIVE_SIZE,
    PROFILE_LIST,
    split_root,
)
from reseal.windows.sid import Sid
from reseal.windows.volumes import (
    MOUNTED_DEVICES,
    USUAL_DRIVE,
    Place,
    Volumes,
    letters,
)

_SERVICE_PROFILES = {
    "S-1-5-19": r"ServiceProfiles\LocalService",
    "S-1-5-20": r"ServiceProfiles\NetworkService",
}


@dataclass(frozen=True, slots=True)
class Location:
    """The place of a key: name of its hive, path in the hive, path as Windows shows it."""

    hive: str
    path: str
    shown: str


@dataclass(slots=True)
class LoadedHive:
    """An open hive and its file."""

    name: str
    file: str
    hive: Hive
    logs: tuple[str, ...]


class Registry:
    """All hives of one installation, opened on first access.

    Raises:
        ImageError: a required hive file is missing, or a hive file is too large or damaged.
    """

    def __init__(
        self, tree: Volumes, root: str, *, volume: int = 0, ignore_logs: bool = False
    ) -> None:
        self.volume = volume
        self.tree = tree
        self.root = root
        #: Whether the image's other volumes are worked on; those with a profile of this Windows always are.
        self.all_volumes = False
        self.loaded: dict[str, LoadedHive] = {}
        #: Where the hives come from, with their edits; None for their files.
        self.source: Registry | None = None
        self._ignore_logs = ignore_logs
        self._drive: str | None = None
        self._letters: dict[str, int] | None = None
        self._placed: dict[str, Place] | None = None
        self._profiles: dict[str, str] | None = None
        self._resolved: dict[str, Place] = {}

    # Hives

    def file(self, name: str) -> str | None:
        """The path of a hive file by hive name or profile SID, or None if unknown."""
        if name.upper() in {*MACHINE_HIVES, DRIVERS_HIVE}:
            return join(self.root, CONFIG, name.upper())
        if name.upper() == DEFAULT_PROFILE:
            return join(self.default_profile, "NTUSER.DAT")
        profile = self.profiles.get(name.upper())
        return None if profile is None else join(profile, "NTUSER.DAT")

    def load(self, name: str) -> LoadedHive | None:
        """Open a hive by name (`SYSTEM`, …, or a profile's SID); None if the image lacks it.

        A hive that was opened by path and has no other name is named by its path.
        """
        name = name if name in self.loaded else name.upper()
        if name in self.loaded:
            return self.loaded[name]
        path = self.file(name)
        return None if path is None else self._open(name, path)

    def load_file(self, path: str) -> LoadedHive | None:
        """Open a hive by its path; None if it does not exist. A named hive keeps its name."""
        for name in (*MACHINE_HIVES, DEFAULT_PROFILE, *self.profiles):
            if (self.file(name) or "").lower() == path.lower():
                return self.load(name)
        return self.loaded.get(path) or self._open(path, path)

    def unload(self, loaded: LoadedHive) -> None:
        """Close a hive that was only read, to release its memory."""
        self.loaded.pop(loaded.name, None)

    def below(self, path: str) -> list[LoadedHive]:
        """The open hives whose file is at or below a path of the image."""
        folder = f"{path.lower()}\\"
        return [one for one in self.loaded.values() if f"{one.file.lower()}\\".startswith(folder)]

    def adopt(self, name: str, hive: Hive) -> LoadedHive:
        """Replace the hive with this name."""
        path = self.file(name)
        assert path is not None
        old = self._stat(path)
        logs = [one for one in LOG_SUFFIXES if old and self._stat(f"{path}.{one}")]
        self.loaded[name] = LoadedHive(name, path, hive, tuple(logs))
        return self.loaded[name]

    def forget_profile(self, sid: str) -> None:
        """Treat a profile as removed: its hive no longer exists."""
        self.placed_profiles.pop(sid.upper(), None)
        self._profiles = None
        self.loaded.pop(sid.upper(), None)

    def _open(self, name: str, path: str) -> LoadedHive | None:
        if self.source is not None:
            loaded = self.source.load_file(path)
            if loaded is not None:
                hive = Hive.open(loaded.hive.to_bytes(), name=path)
                self.loaded[name] = LoadedHive(name, path, hive, loaded.logs)
            return self.loaded.get(name)
        stat = self._stat(path)
        if stat is None or stat.is_directory:
            return None
        if stat.size > MAX_HIVE_SIZE:
            msg = f"The hive {path} is larger than Windows allows ({stat.size} bytes)."
            raise ImageError(msg)
        logs: dict[str, bytes] = {}
        for suffix in LOG_SUFFIXES:
            log = self.tree.stat(f"{path}.{suffix}")
            if log and not log.is_directory and 0 < log.size <= MAX_HIVE_SIZE:
                logs[suffix] = self.tree.read(f"{path}.{suffix}")
        try:
            hive = Hive.open(self.tree.read(path), logs, name=path, ignore_logs=self._ignore_logs)
        except RegfError as error:
            hint = error.hint or (
                "Boot the image once so that Windows repairs the hive, or restore the hive from a "
                "backup; nothing was changed."
            )
            raise RegfError(error.message, hint) from error
        self.loaded[name] = LoadedHive(name, path, hive, tuple(logs))
        return self.loaded[name]

    def hive(self, name: str) -> Hive | None:
        """Open a hive by name; None if the image lacks it."""
        loaded = self.load(name)
        return loaded.hive if loaded else None

    def _stat(self, path: str) -> Stat | None:
        """Describe a file; None behind a link, because such a profile is outside the image."""
        try:
            return self.tree.stat(path)
        except EscapeError:
            return None

    @property
    def control_sets(self) -> list[str]:
        """The existing control sets in Select, the current one first.

        Raises:
            ImageError: Select has no current control set, or the current one does not exist.
        """
        system = self.hive("SYSTEM")
        if system is None:
            return []
        select = system.key("Select")
        current = select.value("Current") if select else None
        if select is None or current is None or not isinstance(current.decoded, int):
            msg = f"The SYSTEM hive of {self.root} has no current control set in its Select key."
            raise ImageError(msg, "Restore the SYSTEM hive from a backup; nothing was changed.")
        numbers = [current.decoded]
        for name in ("Default", "LastKnownGood"):
            value = select.value(name)
            if value is not None and isinstance(value.decoded, int):
                numbers.append(value.decoded)
        names = [f"ControlSet{number:03}" for number in dict.fromkeys(numbers)]
        if system.key(names[0]) is None:
            msg = (
                f"The SYSTEM hive of {self.root} is inconsistent: Select names {names[0]} as the "
                "current control set, but the hive does not have it."
            )
            raise ImageError(msg, "Restore the SYSTEM hive from a backup; nothing was changed.")
        return [name for name in names if system.key(name) is not None]

    # Profiles

    @property
    def profiles(self) -> dict[str, str]:
        """Profile folders in ProfileList by SID (upper case), as paths in the image.

        They include profiles on other volumes of the image; `placed_profiles` has those elsewhere, too.
        """
        if self._profiles is None:
            self._profiles = {
                sid: place.path
                for sid, place in self.placed_profiles.items()
                if place.volume == self.volume or self.works_on(place.volume)
            }
        return self._profiles

    @property
    def placed_profiles(self) -> dict[str, Place]:
        """All profile folders by SID (upper case), with their volumes."""
        if self._placed is None:
            self._placed = {
                sid: Place(self.volume, join(self.root, path))
                for sid, path in _SERVICE_PROFILES.items()
            }
            listed = self.key(PROFILE_LIST)
            for key in listed.subkeys() if listed else ():
                value = key.value("ProfileImagePath")
                if value is not None and isinstance(value.decoded, str):
                    self._placed[key.name.upper()] = self._behind_links(value.decoded)
        return self._placed

    @property
    def default_profile(self) -> str:
        r"""The folder of the default profile: `Default` of ProfileList (seen), or `Users\Default`."""
        place = self._default_place
        reached = place.volume == self.volume or self.works_on(place.volume)
        return place.path if reached else r"Users\Default"

    @property
    def _default_place(self) -> Place:
        return self._behind_links(self.text(PROFILE_LIST, "Default") or r"\Users\Default")

    @property
    def administrator(self) -> str | None:
        """The SID of the built-in Administrator's profile, or None."""
        for sid in self.profiles:
            try:
                parsed = Sid.parse(sid)
            except ValueError:
                continue
            subs = parsed.sub_authorities
            if parsed.authority == 5 and subs[0] == 21 and subs[-1] == 500:
                return sid
        return None

    # Paths that Windows wrote

    @property
    def drive(self) -> str:
        """The letter of the Windows volume: from SystemRoot, or C:."""
        if self._drive is None:
            drive, _ = paths.split(self.text(CURRENT_VERSION, "SystemRoot") or "")
            self._drive = drive or USUAL_DRIVE
        return self._drive

    @property
    def letters(self) -> dict[str, int]:
        """The numbers of the image's volumes by drive letter."""
        if self._letters is None:
            key = self.key(MOUNTED_DEVICES)
            mounted = {one.name: one.data for one in key.values()} if key else {}
            self._letters = letters(mounted, self.tree.partitions, self.drive, self.volume)
        return self._letters

    def place(self, text: str) -> Place:
        r"""Return the place of a Windows path such as `C:\Users\x` or `%SystemRoot%\x`."""
        return paths.place(self, text)

    def _behind_links(self, text: str) -> Place:
        if text not in self._resolved:
            self._resolved[text] = paths.resolved(self, text)
        return self._resolved[text]

    def path_of(self, text: str) -> str | None:
        """Convert a Windows path to a path in the image.

        The result is None if the path is outside the image, or on another volume, unless all are worked on
        or it belongs to a profile.
        """
        place = self.place(text)
        if place.volume == self.volume:
            return place.path
        if not self.works_on(place.volume):
            return None
        return place.path if self.all_volumes or self._in_profile(place) else None

    def works_on(self, number: int | None) -> bool:
        """Whether another volume is worked on: one with a profile of this Windows, or, on request, each.

        One that holds a Windows or can't be opened never is.
        """
        if number not in self.tree.others:
            return False
        profiles = (self._default_place, *self.placed_profiles.values())
        return self.all_volumes or any(place.volume == number for place in profiles)

    def _in_profile(self, place: Place) -> bool:
        path = f"{place.path}\\".lower()
        folders = (self.default_profile, *self.profiles.values())
        return any(path.startswith(f"{folder}\\".lower()) for folder in folders)

    # Keys

    @staticmethod
    def shown(name: str) -> str:
        """The registry path of a hive's root; the file path for a hive that has none."""
        if name == "DEFAULT":
            return r"HKU\.DEFAULT"
        if name == DEFAULT_PROFILE:
            return r"HKU\Default"
        if name in MACHINE_HIVES:
            return f"HKLM\\{name}"
        return f"HKU\\{name}" if name.startswith("S-1-") else name

    def locate(self, path: str) -> list[Location]:
        r"""Return the places of a registry path; `CurrentControlSet` has one place per control set.

        The list is empty if the image lacks the hive. Raises ValueError if the path has no root.
        """
        root, rest = split_root(path)
        if root == "HKCR":
            root, rest = "HKLM", join(r"SOFTWARE\Classes", rest)
        if root == "HKCU":
            administrator = self.administrator
            if administrator is None:
                return []
            root, rest = "HKU", join(administrator, rest)
        name, _, inner = rest.partition("\\")
        name = name.upper()
        if root == "HKU" and name in {".DEFAULT", "S-1-5-18"}:
            name, shown = "DEFAULT", r"HKU\.DEFAULT"
        elif root == "HKU" and name == "DEFAULT":
            name, shown = DEFAULT_PROFILE, r"HKU\Default"
        else:
            shown = f"{root}\\{name}"
        if not name or self.load(name) is None:
            return []
        first, _, behind = inner.partition("\\")
        if name == "SYSTEM" and first.lower() == "currentcontrolset":
            inners = [join(control_set, behind) for control_set in self.control_sets]
        else:
            inners = [inner]
        return [Location(name, one, join(shown, one)) for one in inners]

    def key_at(self, location: Location) -> Key | None:
        """The key at a place, or None."""
        hive = self.hive(location.hive)
        return hive.key(location.path) if hive else None

    def key(self, path: str) -> Key | None:
        """The key at a path, in the current control set; None if it does not exist."""
        places = self.locate(path)
        return self.key_at(places[0]) if places else None

    def value(self, path: str, name: str) -> str | int | list[str] | bytes | None:
        """The decoded data of a value, or None if it does not exist."""
        key = self.key(path)
        value = key.value(name) if key else None
        return value.decoded if value else None

    def text(self, path: str, name: str) -> str | None:
        """A value's text, or None if it is missing or not text."""
        value = self.value(path, name)
        return value if isinstance(value, str) else None

    def number(self, path: str, name: str) -> int | None:
        """A value's number, or None if it is missing or not a number."""
        value = self.value(path, name)
        return value if isinstance(value, int) else None

    def subkeys(self, path: str) -> list[Key]:
        """The subkeys of a path, in the current control set; empty if the key does not exist."""
        key = self.key(path)
        return list(key.subkeys()) if key else []

    def values(self, path: str) -> list[Value]:
        """The values of a path, in the current control set; empty if the key does not exist."""
        key = self.key(path)
        return list(key.values()) if key else []
