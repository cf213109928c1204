"""Findings grouped as a person reads them: what, how often, whose file, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from reseal.proof.hits import Place
from reseal.proof.identity import Kind
from reseal.windows import Installation
from reseal.windows.volumes import named, split_volume

#: Places that are looked for in the registry rather than in a file.
_IN_HIVES = {Place.KEY, Place.VALUE, Place.DESCRIPTOR}
#: The account of a service, a certificate, a task, and what Task Scheduler keeps of tasks.
_SERVICE = re.compile(r"(?i)\\Services\\([^\\]+)\\\\ObjectName$")
_CERTIFICATE = re.compile(
    r"(?i)^HKLM\\SOFTWARE\\.*\\SystemCertificates\\[^\\]+\\Certificates\\[^\\]+"
)
_TASK = re.compile(r"(?i)\\System32\\Tasks\\")
_TASK_CACHE = r"\schedule\taskcache"
_DELETED = {Place.UNALLOCATED, Place.SLACK, Place.DELETED, Place.FREE_CELL}


@dataclass(frozen=True, slots=True)
class Group:
    r"""Findings that one action removes.

    Attributes:
        verdict: what they mean.
        kind: what was found.
        value: the identity, as a person knows it.
        path: the file, or the folder of many files.
        owner: whose file it is.
        places: how many places it was found in.
        advice: what to do, as a whole sentence; empty where nothing has to be done.
        first: the first registry key or value (`KEY\\name`), or the first file of a folder; empty if the path
            says it.
    """

    verdict: str
    kind: str
    value: str
    path: str
    owner: str
    places: int
    advice: str
    first: str = ""

    def to_json(self) -> dict[str, Any]:
        """The group as plain data."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """What was found where, as a whole sentence."""
        where = f" of {self.owner}" if self.owner else ""
        count = "1 place" if self.places == 1 else f"{self.places} places"
        return f"The {self.kind} {self.value} is left in {count} in {self.path}{where}."


class Owners:
    """Whose files lie where on the volume of an installation."""

    def __init__(self, installation: Installation) -> None:
        self._root = installation.root.lower()
        self._profiles = {
            place.path.lower(): place.path.rpartition("\\")[2]
            for sid, place in installation.registry.placed_profiles.items()
            if sid.startswith("S-1-5-21-")
        }
        registry = installation.registry
        self._part = {
            named(number, registry.letters).lower()
            for number in registry.tree.others
            if registry.works_on(number)
        }

    def of(self, path: str) -> str:
        """Say whose file this is, as `the profile of Alice` or `Windows`."""
        user = self.user(path)
        if user:
            return f"the profile of {user}"
        first, _, rest = path.partition("\\")
        if first.lower() == self._root or path.startswith("$"):
            return "Windows"
        if first.lower() in {"programdata", "program files", "program files (x86)"} and rest:
            maker = rest.partition("\\")[0]
            return "Windows" if maker.lower() in {"microsoft", "packages"} else maker
        return ""

    def needs_all_volumes(self, path: str) -> bool:
        """Whether only `--all-volumes` reaches a path: another volume, without a profile of this Windows."""
        name, _ = split_volume(path)
        return bool(name) and name.lower() not in self._part

    def user(self, path: str) -> str | None:
        """The account in whose profile a path lies."""
        lower = path.lower()
        found = (name for root, name in self._profiles.items() if lower.startswith(f"{root}\\"))
        return next(found, None)


def grouped(
    hits: Iterable[Mapping[str, Any]], owners: Owners, known: Mapping[str, str]
) -> list[Group]:
    """Group what was found, the most frequent first.

    Args:
        hits: findings as plain data.
        owners: whose files lie where.
        known: what providers would remove: registry path or file, in lower case, to the option that
            does it.
    """
    counted: dict[tuple[str, str, str, str, str, str], int] = {}
    first: dict[tuple[str, str, str, str, str, str], str] = {}
    for hit in hits:
        path = _whole(hit)
        advice = _advice(hit, owners, known)
        key = (hit["verdict"], hit["kind"], hit["value"], path, owners.of(hit["path"]), advice)
        counted[key] = counted.get(key, 0) + hit["count"]
        within = hit["path"] if hit["path"] != path else ""
        first.setdefault(key, str(hit["key"] or within))
    groups = [Group(*key[:5], count, key[5], first[key]) for key, count in counted.items()]
    return sorted(groups, key=lambda one: (-one.places, one.kind, one.path))


def _whole(hit: Mapping[str, Any]) -> str:
    """The file of a finding in a hive, and the folder of one in a plain file."""
    path = str(hit["path"])
    if not path:
        return "unallocated clusters"
    if hit["key"] or hit["place"] in _IN_HIVES or path.startswith("$"):
        return path
    return path.rpartition("\\")[0] or path


def _advice(hit: Mapping[str, Any], owners: Owners, known: Mapping[str, str]) -> str:
    if hit["place"] in _DELETED:
        return "`reseal customize --wipe-free` wipes it."
    if hit["kind"] == Kind.PASSWORD:
        return "`reseal customize --drop-cached-unattend` deletes the answer files in Panther."
    if hit["kind"] == Kind.ADDRESS or str(hit["key"]).lower().endswith("\\networkaddress"):
        return "`reseal customize --reset-addresses` resets it."
    option = option_of(hit, known)
    if option:
        return f"`reseal {option}` removes it."
    user = owners.user(str(hit["path"]))
    removed = f", and `reseal customize --remove-user {user}` the whole profile" if user else ""
    if hit["kind"] == Kind.SID:
        volumes = " --all-volumes" if owners.needs_all_volumes(str(hit["path"])) else ""
        return f"`reseal generalize --sid both{volumes}` replaces it{removed}."
    if user:
        return f"`reseal customize --remove-user {user}` removes the whole profile."
    if service := _SERVICE.search(str(hit["key"])):
        return (
            f"Give the service {service[1]} another account in Windows, or turn it off with `reseal "
            f"customize --service {service[1]}:disabled`."
        )
    if _TASK.search(str(hit["path"])) or _TASK_CACHE in str(hit["key"]).lower():
        return (
            "Register the task again in each copy, for example with `reseal customize --firstboot-command` "
            "and schtasks."
        )
    if certificate := _CERTIFICATE.search(str(hit["key"])):
        return (
            "Unless the copies need this certificate, delete it with `reseal customize --reg-delete "
            f"'{certificate[0]}'`."
        )
    if hit["key"]:
        return "Change it with `reseal reg`, or with `reseal customize --reg FILE`."
    return "Delete the file with `reseal customize --delete PATH`, if the image does not need it."


def option_of(hit: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
    """The option whose provider would remove a finding: it names the place, or one above it."""
    if not known:
        return None
    place = str(hit["key"] or hit["path"]).lower()
    if place in known:
        return known[place]
    key = place.partition("\\\\")[0]
    while key:
        if key in known:
            return known[key]
        key = key.rpartition("\\")[0]
    return None
