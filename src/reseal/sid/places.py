r"""Where Windows keeps a machine's SID outside of the registry's own hives and of `$Secure`.

Places: inferred from what is commonly known of Windows 7 to 11, unless marked otherwise; a place that
an image lacks is silently fine, and one that is not listed is found by `reseal verify`. A path is
below the root of the volume; `{windows}` is the installation's folder, `{profile}` every profile's, and
`{volume}` every volume that is worked on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain, islice

from reseal.session import Session
from reseal.tree import Stat, TreeError, join
from reseal.windows.volumes import named

#: Entries that one run looks at; a hostile image may have any number.
_MAX_ENTRIES = 1_000_000
#: Folders of another volume in which a profile is looked for.
_MAX_FOLDERS = 10_000
_USER_HIVE = "NTUSER.DAT"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder, how deep to look below it, and at which names.

    Attributes:
        folder: the folder.
        depth: levels of folders below it, 0 for none.
        names: patterns in lower case.
    """

    folder: str
    depth: int = 0
    names: tuple[str, ...] = ("*",)


#: Files that are hives, told by their content.
HIVES = (
    Place(r"{windows}\System32\config"),
    Place(r"{windows}\System32\config\RegBack"),
    Place(r"{windows}\System32\SMI\Store\Machine", 0, ("schema.dat",)),
    Place(r"{windows}\appcompat\Programs", 0, ("amcache.hve",)),
    Place(r"{volume}\System Volume Information", 0, ("syscache.hve",)),
    Place("{profile}", 0, ("ntuser.dat",)),
    Place(r"{profile}\AppData\Local\Microsoft\Windows", 0, ("usrclass.dat",)),
    Place(r"{profile}\AppData\Local\Packages", 3, ("settings.dat", "user.dat", "userclasses.dat")),
    Place(r"ProgramData\Packages", 4, ("settings.dat", "user.dat", "userclasses.dat")),
    Place(r"ProgramData\Microsoft\Windows\AppRepository\Packages", 1, ("activationstore.dat",)),
)

#: Files and folders whose names hold SIDs.
NAMES = (
    Place(r"{volume}\$Recycle.Bin"),
    Place(r"{volume}\RECYCLER"),
    Place(r"{windows}\System32\GroupPolicyUsers"),
    Place(r"{windows}\System32\Tasks", 5),
    Place(r"{windows}\AppReadiness"),
    Place(r"{profile}\AppData\Roaming\Microsoft\Protect"),
    Place(r"{profile}\AppData\Roaming\Microsoft\Crypto", 1),
    Place(r"{profile}\AppData\Local\Packages", 1),
    Place(r"ProgramData\Microsoft\Crypto", 2),
    Place(r"ProgramData\Microsoft\Search\Data\Applications"),
    Place(r"ProgramData\Microsoft\Windows\AppRepository", 2),
    Place(r"ProgramData\Microsoft\Windows\SystemData"),
    Place(r"ProgramData\Packages", 1),
    Place(r"Users\Public\AccountPictures"),
)

TASKS = Place(r"{windows}\System32\Tasks", 5)

#: Plain text without a checksum.
TEXTS = (
    Place(r"{windows}\System32\GroupPolicy\Machine\Microsoft\Windows NT\SecEdit", 0, ("*.inf",)),
    Place(r"{windows}\System32\GroupPolicyUsers", 4, ("*.inf", "*.ini", "*.xml")),
    Place(r"{windows}\AppReadiness", 0, ("*.xml",)),
)

DATABASES = (
    Place(r"ProgramData\Microsoft\Windows\AppRepository", 0, ("*.srd",)),
    Place(r"ProgramData\Microsoft\Diagnosis\EventTranscript", 0, ("*.db",)),
    Place(r"{profile}\AppData\Local\Microsoft\Windows\Notifications", 0, ("*.db",)),
    Place(r"{profile}\AppData\Local\ConnectedDevicesPlatform", 1, ("*.db",)),
)

_REGISTRY_LOGS = ("*.log1", "*.log2", "*.log")
#: Formats with checksums, signatures or without any description: never patched, only looked at.
SEALED: tuple[tuple[str, Place], ...] = (
    ("event log", Place(r"{windows}\System32\winevt\Logs", 0, ("*.evtx",))),
    ("ESE database", Place(r"{windows}\System32\sru", 0, ("*.dat",))),
    ("ESE database", Place(r"{windows}\security\database", 0, ("*.sdb",))),
    ("ESE database", Place(r"{windows}\SoftwareDistribution\DataStore", 0, ("*.edb",))),
    ("ESE database", Place(r"{profile}\AppData\Local\Microsoft\Windows\WebCache", 0, ("*.dat",))),
    ("ESE database", Place(r"ProgramData\Microsoft\Search\Data\Applications", 1, ("*.edb",))),
    ("ESE database", Place(r"ProgramData\USOPrivate\UpdateStore", 0, ("*.db", "*.edb"))),
    ("WMI repository", Place(r"{windows}\System32\wbem\Repository", 0)),
    ("event trace", Place(r"{windows}\System32\LogFiles", 2, ("*.etl",))),
    ("event trace", Place(r"{windows}\Logs", 2, ("*.etl",))),
    ("event trace", Place(r"ProgramData\Microsoft\Diagnosis\ETLLogs", 1, ("*.etl",))),
    ("catalogue", Place(r"{windows}\System32\catroot", 1, ("*.cat",))),
    ("DPAPI history", Place(r"{profile}\AppData\Roaming\Microsoft\Protect", 0, ("credhist",))),
    ("key container", Place(r"{profile}\AppData\Roaming\Microsoft\Crypto", 2)),
    ("package dependencies", Place(r"ProgramData\Microsoft\Windows\AppRepository\Packages", 1,
                                   ("*.pckgdep",))),
    ("registry log", Place(r"{windows}\System32\config", 0, _REGISTRY_LOGS)),
    ("registry log", Place("{profile}", 0, _REGISTRY_LOGS)),
    ("registry log", Place(r"{profile}\AppData\Local\Microsoft\Windows", 0, _REGISTRY_LOGS)),
    ("log", Place(r"{windows}\Panther", 1, ("*.log", "*.xml"))),
    ("log", Place(r"{windows}\inf", 0, ("*.log",))),
    ("log", Place(r"{windows}\Logs", 2, ("*.log",))),
    ("recycled file", Place(r"{volume}\$Recycle.Bin", 1, ("$i*",))),
)  # fmt: skip


def known(path: str, windows: str, profiles: Iterable[str]) -> bool:
    """Whether Windows itself keeps SIDs at a path, or in its name.

    Args:
        path: of a file or folder, with `:stream` where it is a named one.
        windows: the installation's folder.
        profiles: the folders of all profiles.
    """
    parts = path.lower().partition(":")[0].split("\\")
    every = (*HIVES, *NAMES, TASKS, *TEXTS, *DATABASES, *(one for _, one in SEALED))
    folders = tuple(profiles)
    for place in every:
        roots = folders if "{profile}" in place.folder else ("",)
        for root in roots:
            folder = place.folder.replace("{windows}", windows).replace("{profile}", root)
            above = folder.lower().removeprefix("{volume}\\").split("\\")
            below = parts[len(above) :]
            if (
                parts[: len(above)] == above
                and 0 < len(below) <= place.depth + 1
                and any(fnmatchcase(below[-1].removesuffix("-wal"), name) for name in place.names)
            ):
                return True
    return False


def profiles(session: Session) -> list[str]:
    """The folders of all profiles: those that the registry names, and those that lie where profiles do.

    On another volume a profile is a folder with a hive, in the root or one level below. The registry does not
    name it if the drive letter that it has is no longer known.
    """
    windows = session.installation.root
    known = {
        *session.registry.profiles.values(),
        join(windows, r"System32\config\systemprofile"),
        join(windows, r"SysWOW64\config\systemprofile"),
        *(join("Users", one.name) for one in _entries(session, "Users") if one.is_directory),
        *_on_other_volumes(session),
    }
    return sorted({one.lower(): one for one in sorted(known)}.values())


def _on_other_volumes(session: Session) -> Iterator[str]:
    for root in _worked_on(session):
        top = _folders(session, root)
        below = (path for folder in top for path in _folders(session, folder))
        for path in islice(chain(top, below), _MAX_FOLDERS):
            if session.files.stat(join(path, _USER_HIVE)):
                yield path


def _worked_on(session: Session) -> list[str]:
    """The names of the other volumes that are worked on."""
    registry = session.registry
    others = filter(registry.works_on, registry.tree.others)
    return [named(number, registry.letters) for number in others]


def _folders(session: Session, folder: str) -> list[str]:
    entries = _entries(session, folder)
    return [join(folder, one.name) for one in entries if one.is_directory and not one.reparse_tag]


def found(session: Session, place: Place) -> Iterator[tuple[str, Stat]]:
    """Yield (path, what it is) of a place, folders before what is in them; links are left out."""
    folders = [place.folder.replace("{windows}", session.installation.root)]
    if "{profile}" in place.folder:
        folders = [place.folder.replace("{profile}", one) for one in profiles(session)]
    if "{volume}" in place.folder:
        roots = ("", *_worked_on(session))
        folders = [join(place.folder.replace("{volume}", one)) for one in roots]
    looked_at = 0
    pending = [(folder, 0) for folder in reversed(folders)]
    while pending:
        folder, depth = pending.pop()
        for entry in _entries(session, folder):
            looked_at += 1
            if looked_at > _MAX_ENTRIES:
                session.note(f"{place.folder} has too many entries; not all were examined.")
                return
            if entry.reparse_tag and entry.is_directory:
                continue
            path = join(folder, entry.name)
            if any(fnmatchcase(entry.name.lower(), name) for name in place.names):
                yield path, entry
            if entry.is_directory and depth < place.depth:
                pending.append((path, depth + 1))


def files(session: Session, *places: Place) -> dict[str, Stat]:
    """The files of several places, each once."""
    return {
        path: entry
        for place in places
        for path, entry in found(session, place)
        if not entry.is_directory
    }


def _entries(session: Session, folder: str) -> list[Stat]:
    """List a folder; empty where there is none, or where it can't be read, which is said."""
    try:
        return session.files.list(folder)
    except TreeError as error:
        session.note(f"{folder} was not examined: {error.message}")
        return []
