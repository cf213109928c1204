"""What a search found, grouped by place."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from reseal.proof.identity import Kind

#: Occurrences that are followed to their place; a hostile image may be filled with them.
MAX_HITS = 200_000
#: Groups that are kept one by one.
MAX_GROUPS = 5_000


class Place(StrEnum):
    """Where in the volume an occurrence lies."""

    CONTENT = "content"
    NAME = "name of a file"
    KEY = "registry key"
    VALUE = "registry value"
    FREE_CELL = "free or unused part of a hive"
    HIVE_LOG = "log of a hive"
    DESCRIPTOR = "security descriptors"
    INDEX = "index of a folder"
    FILE_SYSTEM = "the file system's own"
    SLACK = "behind the end of a file"
    DELETED = "deleted file's record"
    UNALLOCATED = "unallocated"


@dataclass(frozen=True, slots=True)
class Hit:
    r"""Occurrences of one identity in one place.

    Attributes:
        kind: what was found.
        value: the identity, as a person knows it.
        form: its encoding there.
        place: what part of the volume this is.
        path: the file, with `:stream` where it is a named one.
        key: the registry key or value (`…\\name`) where the file is a hive, else empty.
        offset: of the first occurrence: in the file, or, where there is none, in the volume.
    """

    kind: Kind
    value: str
    form: str
    place: Place
    path: str
    key: str = ""
    offset: int = 0


class Hits:
    """Groups of hits, with how often each occurs; bounded whatever an image holds."""

    def __init__(self) -> None:
        self.groups: dict[tuple[Kind, str, str, Place, str, str], tuple[Hit, int]] = {}
        self.count = 0
        self.dropped = 0
        self.ended = False

    def add(self, hit: Hit) -> None:
        """Count an occurrence."""
        self.count += 1
        group = (hit.kind, hit.value, hit.form, hit.place, hit.path.lower(), hit.key)
        first, count = self.groups.get(group, (hit, 0))
        if not count and len(self.groups) >= MAX_GROUPS:
            self.dropped += 1
            return
        self.groups[group] = first, count + 1

    @property
    def full(self) -> bool:
        """Whether enough was found: nothing more is followed to its place."""
        return self.ended or self.count >= MAX_HITS


@dataclass(slots=True)
class Search:
    """What was looked through and what was found.

    Attributes:
        hits: grouped by place.
        bytes_read: of the volume or of files.
        seconds: that it took.
        files: hives and compressed files that were looked at on their own.
        deep: whether unallocated clusters were looked at.
        volumes: the names of the volumes that were searched, that of Windows first; none for a folder.
        not_searched: whole sentences on what could not be looked at.
        closed: whole sentences on volumes of which nothing could be looked at.
    """

    hits: Hits = field(default_factory=Hits)
    bytes_read: int = 0
    seconds: float = 0.0
    files: int = 0
    deep: bool = False
    volumes: list[str] = field(default_factory=list)
    not_searched: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
