"""What every search has in common, and the search of files by their names."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.errors import ImageError
from reseal.proof import hives
from reseal.proof.hits import Hit, Place, Search
from reseal.proof.needles import Needle
from reseal.proof.scanner import Scanner
from reseal.regf import Hive, RegfError
from reseal.tree import Files, TreeError, join, walk
from reseal.windows import Installation
from reseal.windows.names import LOG_SUFFIXES, MACHINE_HIVES, MAX_HIVE_SIZE

_STREAM_READ = 16 << 20


class Seeker:
    """What the search of a volume and of a folder have in common."""

    def __init__(
        self,
        installation: Installation,
        tree: Files,
        scanner: Scanner,
        result: Search,
        name: str = "",
    ) -> None:
        """Begin.

        Args:
            installation: the Windows.
            tree: what is searched.
            scanner: knows what to look for.
            result: gets what is found.
            name: with which paths of the image begin there; nothing for the volume that holds Windows.
        """
        self.installation = installation
        self.tree = tree
        self.name = name
        self.scanner = scanner
        self.result = result

    def add(self, needle: Needle, place: Place, path: str, key: str = "", offset: int = 0) -> None:
        """Note an occurrence.

        Args:
            needle: the encoded identity that was found.
            place: what part of the volume this is.
            path: the file, with `:stream` where it is a named one.
            key: the registry key or value where the file is a hive, else empty.
            offset: byte offset in the file, or, where there is none, in the volume.
        """
        path = self.in_image(path)
        self.result.hits.add(Hit(needle.kind, needle.value, needle.form, place, path, key, offset))

    def in_image(self, path: str) -> str:
        """Turn a path of what is searched into one of the image."""
        return join(self.name, path) if self.name else path

    def in_stream(self, path: str, blocks: Iterator[bytes], place: Place = Place.CONTENT) -> None:
        """Scan the blocks of one file, which follow one another.

        Args:
            path: the file, with `:stream` where it is a named one.
            blocks: its content from the beginning.
            place: what part of the volume this is.
        """
        tail, position = b"", 0
        keep = self.scanner.longest + 1
        for block in blocks:
            data = tail + block
            begin = position - len(tail)
            for at, index in self.scanner.find(data):
                # What ends within the tail was found in the block before.
                if at + len(self.scanner.needles[index].data) > len(tail):
                    self.add(self.scanner.needles[index], place, path, "", begin + at)
            position += len(block)
            self.result.bytes_read += len(block)
            tail = data[-keep:]
            if self.result.hits.full:
                return

    def in_hive(self, path: str) -> bool:
        """Scan a hive after its logs were replayed; false where it can't be opened as one."""
        try:
            hive = self._hive(path)
        except (RegfError, TreeError):
            return False
        data = bytes(hive.cells.data)
        found: dict[int, list[Needle]] = {}
        for at, index in self.scanner.find(data):
            found.setdefault(at, []).append(self.scanner.needles[index])
        shown = self._shown(path)
        for at, (place, key) in hives.places(hive, found).items():
            for needle in found[at]:
                self.add(needle, place, path, rf"{shown}\{key}" if key else "", at)
        self.result.files += 1
        return True

    def _hive(self, path: str) -> Hive:
        for loaded in self.installation.registry.loaded.values():
            if loaded.file.lower() == self.in_image(path).lower():
                return loaded.hive
        logs = {}
        for suffix in LOG_SUFFIXES:
            stat = self.tree.stat(f"{path}.{suffix}")
            if stat and not stat.is_directory and 0 < stat.size <= MAX_HIVE_SIZE:
                logs[suffix] = self.tree.read(f"{path}.{suffix}")
        stat = self.tree.stat(path)
        if stat is None or stat.size > MAX_HIVE_SIZE:
            msg = f"{path} is not a hive"
            raise RegfError(msg)
        return Hive.open(self.tree.read(path), logs, name=path)

    def _shown(self, path: str) -> str:
        """How the registry names the root of a hive file; the file's own path for others."""
        registry = self.installation.registry
        path = self.in_image(path)
        for name in MACHINE_HIVES:
            if (registry.file(name) or "").lower() == path.lower():
                return r"HKU\.DEFAULT" if name == "DEFAULT" else rf"HKLM\{name}"
        for sid, place in registry.placed_profiles.items():
            if join(place.path, "NTUSER.DAT").lower() == path.lower():
                return rf"HKU\{sid}"
        return f"[{path}]"

    def _blocks(self, path: str, stream: str = "") -> Iterator[bytes]:
        offset = 0
        while block := self.tree.read(path, offset, _STREAM_READ, stream=stream):
            yield block
            offset += len(block)


class FolderSeeker(Seeker):
    """A folder that holds an installation, or a FAT volume: every file by its name."""

    def run(self) -> None:
        """Look at every file."""
        for path, entry in walk(self.tree, ""):
            self._name(path)
            if entry.is_directory or self.result.hits.full:
                continue
            try:
                if self.tree.read(path, 0, 4) == hives.SIGNATURE and self.in_hive(path):
                    self.result.bytes_read += entry.size
                    continue
                place = Place.HIVE_LOG if is_hive_log(path) else Place.CONTENT
                self.in_stream(path, self._blocks(path), place)
            except ImageError as error:
                shown = self.in_image(path)
                self.result.not_searched.append(f"{shown} was not searched: {error}")

    def _name(self, path: str) -> None:
        raw = path.rpartition("\\")[2].encode("utf-16-le", "surrogatepass")
        for _, index in self.scanner.find(raw + bytes(4)):
            self.add(self.scanner.needles[index], Place.NAME, path)


def is_hive_log(path: str) -> bool:
    """Whether a file's name is that of a hive's log."""
    base, _, suffix = path.rpartition("\\")[2].upper().rpartition(".")
    if suffix == "LOG":
        return base in MACHINE_HIVES or base.endswith(".DAT")
    return suffix in LOG_SUFFIXES
