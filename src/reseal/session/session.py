"""An opened installation with its staged changes.

Providers call the verbs of a session. Each verb stages a change and records it as a `Change`: hives are
edited in memory, files in a staged view. Only `commit` writes, so a dry run, the report and a real run use
the same code.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from reseal.bcd import BcdObject
from reseal.bcd.values import Value
from reseal.disk import Device, Patched
from reseal.errors import CheckError, ImageError
from reseal.mark import Mark
from reseal.regf import Hive, types
from reseal.session.boot_store import BootStore
from reseal.session.change import Change, State, value_state
from reseal.session.staging import Counts, StagedTree
from reseal.session.surroundings import Neighbours, Part, VolumeState
from reseal.tree import Stat, Tree, join
from reseal.windows import Installation
from reseal.windows.names import MACHINE_HIVES
from reseal.windows.registry import LoadedHive, Location
from reseal.windows.volumes import named
from reseal.worker import percents

if TYPE_CHECKING:
    from reseal.regf.sids import Place

Report = Callable[[dict[str, object]], None]

#: The disk has nothing else.
_ALONE = Neighbours()
#: Maximum number of violations that an error lists.
_SHOWN_VIOLATIONS = 3


@dataclass(slots=True)
class Written:
    """What a commit wrote."""

    hives: list[str] = field(default_factory=list)
    files: Counts = field(default_factory=Counts)

    def add(self, hive: str, size: int) -> None:
        """Record a written hive and its number of bytes."""
        self.hives.append(hive)
        self.files.bytes_written += size


class Session:
    """An installation and its staged changes.

    Attributes:
        installation: the Windows installation.
        registry: its hives, with staged edits.
        files: its volume, with staged changes.
        volume_state: the state of the file system; None for a folder.
        neighbours: the other installations and volumes on the disk.
        parts: the volumes of the disk; empty for a folder.
        disk: the whole disk, without staged changes; None for a folder.
        switches: names of the switches on the command line, such as `discard-hibernation`.
        wiped_volumes: numbers of the volumes whose free clusters and slack space are wiped at the end.
        discard_shadow_copies: numbers of the volumes that lose their shadow copies.
        changes: the staged changes, in order.
        notes: sentences for the user.
        timings: seconds per step.
    """

    def __init__(
        self,
        installation: Installation,
        *,
        volume_state: VolumeState | None = None,
        neighbours: Neighbours = _ALONE,
        boot_stores: Callable[[], list[BootStore]] = list,
        parts: tuple[Part, ...] = (),
        disk: Device | None = None,
        report: Report = lambda _: None,
        switches: frozenset[str] = frozenset(),
        random: Callable[[int], bytes] = os.urandom,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.installation = installation
        self.registry = installation.registry
        self.files = StagedTree(installation.volumes)
        self.volume_state = volume_state
        self.neighbours = neighbours
        self.parts = parts
        self.disk = disk
        #: The devices of the disk's volumes by number, without staged changes.
        self.devices = {one.number: one.device for one in parts}
        self.switches = switches
        self.changes: list[Change] = []
        self.notes: list[str] = []
        self.timings: dict[str, float] = {}
        self.random = random
        self.now = now()
        self.discard_shadow_copies: set[int] = set()
        self.wiped_volumes: set[int] = set()
        self._find_boot_stores = boot_stores
        self.volume_patches: list[tuple[Part, tuple[tuple[int, bytes], ...]]] = []
        self._report = report
        self._edited: set[str] = set()
        self._whole: set[str] = set()
        self._provider = "reseal"
        self._mark = Mark.INFERRED

    # Context

    @contextmanager
    def acting(self, provider: str, mark: Mark) -> Iterator[None]:
        """Record changes in this context under the provider and mark."""
        previous = self._provider, self._mark
        self._provider, self._mark = provider, mark
        try:
            yield
        finally:
            self._provider, self._mark = previous

    @contextmanager
    def all_volumes(self) -> Iterator[None]:
        """Treat content on other volumes of the image, such as profiles, as part of this Windows."""
        previous, self.registry.all_volumes = self.registry.all_volumes, True
        try:
            yield
        finally:
            self.registry.all_volumes = previous

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Report a step, and measure its time; yield a function that takes its done and total bytes."""
        self._report({"step": name})
        start = time.perf_counter()
        try:
            yield percents(self._report, name)
        finally:
            self.timings[name] = self.timings.get(name, 0) + time.perf_counter() - start

    def note(self, text: str) -> None:
        """Add a whole sentence to the notes for the user."""
        if text not in self.notes:
            self.notes.append(text)

    def record(self, kind: str, target: str, before: State, after: State) -> None:
        """Record a change by the current provider.

        Args:
            kind: see `Change`.
            target: see `Change`.
            before: the state before.
            after: the state after.
        """
        self.changes.append(Change(self._provider, kind, target, before, after, self._mark))

    # Verbs for the registry

    def set_value(self, path: str | Location, name: str, kind: int, data: bytes) -> None:
        """Set a value in all places of a path; create missing keys.

        Args:
            path: a registry path, or a location.
            name: name of the value.
            kind: its type.
            data: its data as stored.
        """
        for place in self._places(path):
            key = self.registry.key_at(place)
            old = key.value(name) if key else None
            if old is not None and (old.type, old.data) == (kind, data):
                continue
            hive = self.registry.hive(place.hive)
            assert hive is not None
            # Read the value before the edit, because it is read from the hive on access.
            before = value_state(name, old.type, old.data) if old else None
            (key or hive.root.create(place.path)).set(name, kind, data)
            self._edited.add(place.hive)
            after = value_state(name, kind, data)
            self.record("set_value", f"{place.shown}\\\\{name}", before, after)

    def create_key(self, path: str | Location) -> None:
        """Create a key and its missing parents in all places of a path."""
        for place in self._places(path):
            hive = self.registry.hive(place.hive)
            assert hive is not None
            if self.registry.key_at(place) is None:
                hive.root.create(place.path)
                self._edited.add(place.hive)
                self.record("create_key", place.shown, None, {"keys": 1, "values": 0})

    def set_text(self, path: str, name: str, text: str) -> None:
        """Set a REG_SZ value; see `set_value`."""
        self.set_value(path, name, types.REG_SZ, types.encode(types.REG_SZ, text))

    def set_number(self, path: str, name: str, number: int) -> None:
        """Set a REG_DWORD value; see `set_value`."""
        self.set_value(path, name, types.REG_DWORD, types.encode(types.REG_DWORD, number))

    def set_strings(self, path: str, name: str, strings: list[str]) -> None:
        """Set a REG_MULTI_SZ value; see `set_value`."""
        self.set_value(path, name, types.REG_MULTI_SZ, types.encode(types.REG_MULTI_SZ, strings))

    def delete_value(self, path: str | Location, name: str) -> bool:
        """Delete a value in all places of a path; return whether it existed."""
        found = False
        for place in self._places(path):
            key = self.registry.key_at(place)
            old = key.value(name) if key else None
            if key is None or old is None:
                continue
            before = value_state(name, old.type, old.data)
            key.unset(name)
            self._edited.add(place.hive)
            self.record("delete_value", f"{place.shown}\\\\{name}", before, None)
            found = True
        return found

    def delete_key(self, path: str | Location) -> bool:
        """Delete a key and its subkeys in all places of a path; return whether it existed."""
        found = False
        for place in self._places(path):
            key = self.registry.key_at(place)
            if key is None or not place.path:
                continue
            gone = key.delete()
            self._edited.add(place.hive)
            self.record("delete_key", place.shown, {"keys": gone.keys, "values": gone.values}, None)
            found = True
        return found

    def rename_key(self, path: str, new_name: str) -> bool:
        """Rename a key in all places of a path; return whether it existed."""
        found = False
        for place in self._places(path):
            key = self.registry.key_at(place)
            if key is None or not place.path:
                continue
            key.rename(new_name)
            self._edited.add(place.hive)
            renamed = join(place.shown.rpartition("\\")[0], new_name)
            self.record("rename_key", place.shown, place.shown, renamed)
            found = True
        return found

    def _places(self, path: str | Location) -> list[Location]:
        return self.registry.locate(path) if isinstance(path, str) else [path]

    # Verbs for the boot configuration data

    @cached_property
    def boot_stores(self) -> list[BootStore]:
        """The stores that the disk can boot from, searched for on first access.

        A folder or a single volume has none.

        Raises:
            ImageError: the volume that should hold a store is damaged.
        """
        return self._find_boot_stores()

    @property
    def edited_boot_stores(self) -> list[BootStore]:
        """The stores that commit will write."""
        # If nothing has accessed the stores, don't search for them now.
        found = self.boot_stores if "boot_stores" in self.__dict__ else []
        return [one for one in found if one.edited]

    def set_boot_element(self, store: BootStore, one: BcdObject, number: int, value: Value) -> None:
        """Set an element in a boot store.

        Args:
            store: the boot store.
            one: the object.
            number: number of the element.
            value: its value.

        Raises:
            BcdUsageError: the element can't hold the value.
        """
        before = store.show(one, one.element(number))
        if store.set(one, number, value):
            element = one.element(number)
            assert element
            target = f"{store.path}: {store.store.alias(one.id)} {element.name}"
            self.record("set_boot_element", target, before, store.show(one, element))

    def replace_hive(self, name: str, hive: Hive) -> None:
        """Replace or add a hive, which is written whole."""
        old = self.registry.load(name)
        before: State = {"size": len(old.hive.cells.data)} if old else None
        loaded = self.registry.adopt(name, hive)
        self._edited.add(name)
        self._whole.add(name)
        after: State = {"size": len(hive.cells.data)}
        self.record("replace_hive", loaded.file, before, after)

    def replace_sid(self, loaded: LoadedHive, old: str, new: str) -> list[Place]:
        """Replace a machine SID by another in a whole hive; return the places.

        Args:
            loaded: the hive.
            old: the SID to replace.
            new: the new SID.

        Raises:
            RegfError: a key can't be renamed.
        """
        from reseal.regf import sids  # noqa: PLC0415  it needs numpy, which takes long to load

        places = sids.replace(loaded.hive, old, new)
        changed = [place for place in places if place.changed]
        if changed:
            self._edited.add(loaded.name)
        shown = self.registry.shown(loaded.name)
        for target, count in Counter(_place(shown, place) for place in changed).items():
            self.record("replace_sid", target, {"sid": old, "places": count}, {"sid": new})
        return places

    # Verbs for the volume below the file system

    def patch_volume(
        self,
        part: Part,
        what: str,
        writes: tuple[tuple[int, bytes], ...],
        before: State,
        after: State,
    ) -> None:
        """Write bytes directly to a volume before it is mounted; its log is emptied afterwards.

        Args:
            part: the volume.
            what: the metadata file that is changed, such as `$Secure`.
            writes: (byte offset in the volume, bytes).
            before: the state before.
            after: the state after.
        """
        self.volume_patches.append((part, writes))
        # A later patch must see this one.
        patched = Part(part.number, Patched(part.device, writes), part.system)
        self.parts = tuple(patched if one.number == part.number else one for one in self.parts)
        self.record("patch_volume", f"volume {part.number}: {what}", before, after)

    def wipe_free_space(self, number: int | None = None) -> None:
        """Wipe free clusters and slack space of a volume after all other writes.

        Args:
            number: number of the volume; None for that of Windows.
        """
        chosen = self.installation.volume if number is None else number
        if chosen not in self.wiped_volumes:
            self.wiped_volumes.add(chosen)
            self.record("wipe_free", f"volume {chosen}: free clusters and slack", None, None)

    def wipe_hive(self, loaded: LoadedHive) -> None:
        """Wipe the free cells of a hive, and empty its logs."""
        wiped = loaded.hive.wipe_free()
        if wiped or loaded.logs:
            self._edited.add(loaded.name)
            after: State = {"logs": "empty"}
            self.record("wipe_free", loaded.file, {"bytes": wiped}, after)

    def replay_logs(self, loaded: LoadedHive) -> bool:
        """Replay a hive's logs into the hive, and empty them; return whether they had changes."""
        if not loaded.hive.recovered or loaded.name in self._edited:
            return False
        self._edited.add(loaded.name)
        logs = [f"{loaded.file}.{suffix}" for suffix in loaded.logs]
        self.record("replay_logs", loaded.file, {"logs": ", ".join(logs)}, {"logs": "empty"})
        return True

    def release(self, loaded: LoadedHive) -> None:
        """Close a hive that has no name and was only read, to release its memory."""
        if loaded.name == loaded.file and loaded.name not in self._edited:
            self.registry.unload(loaded)

    # Verbs for files

    def delete_file(self, path: str) -> bool:
        """Delete a file; return whether it existed."""
        stat = self.files.stat(path)
        if stat is None:
            return False
        self.files.delete(path)
        self.record("delete_file", path, _file_state(stat), None)
        return True

    def delete_tree(self, path: str) -> bool:
        """Delete a directory and its content; return whether it existed. Links are not followed."""
        stat = self.files.stat(path)
        if stat is None:
            return False
        self._put_away_hives(path)
        self.files.delete(path)
        self.record("delete_tree", path, _file_state(stat), None)
        return True

    def write_file(self, path: str, data: bytes) -> None:
        """Write a file; overwrite an existing one."""
        stat = self.files.stat(path)
        if stat is not None and stat.size == len(data) and self.files.read(path) == data:
            return
        self.files.write(path, data)
        self.record("write_file", path, _file_state(stat) if stat else None, {"size": len(data)})

    def rename_file(self, path: str, new_name: str) -> None:
        """Rename a file in its folder."""
        new_path = join(path.rpartition("\\")[0], new_name)
        self.files.rename(path, new_path)
        self.record("rename_file", path, path, new_path)

    def make_directory(self, path: str) -> bool:
        """Create a directory and its missing parents; return whether it was missing."""
        if self.files.stat(path) is not None:
            return False
        self.files.make_directory(path)
        self.record("make_directory", path, None, {"directory": True})
        return True

    def move(self, path: str, new_path: str) -> None:
        """Move a file or directory to another path on the volume."""
        self._put_away_hives(path)
        self.files.rename(path, new_path)
        self.record("move", path, path, new_path)

    def set_descriptor(self, path: str, descriptor: bytes) -> None:
        """Set the security descriptor (self-relative) of a file or directory."""
        old = self.files.descriptor(path)
        if old == descriptor:
            return
        self.files.set_descriptor(path, descriptor)
        before: State = {"descriptor": old.hex()} if old else None
        self.record("set_descriptor", path, before, {"descriptor": descriptor.hex()})

    def _put_away_hives(self, path: str) -> None:
        """Unload the hives at or below a path, with their staged edits.

        Raises:
            CheckError: one of them is a system hive, which Windows needs.
        """
        for loaded in self.registry.below(path):
            if loaded.name in MACHINE_HIVES:
                msg = f"{loaded.file} is a hive that Windows needs; it can't be removed. Nothing was changed."
                raise CheckError(msg, "Change its content instead.")
            self.registry.unload(loaded)
            self._edited.discard(loaded.name)

    def rename_last(self, path: str, new_name: str) -> None:
        """Rename a file or folder in its folder, after all other changes."""
        new_path = join(path.rpartition("\\")[0], new_name)
        self.files.rename_last(path, new_path)
        self.record("rename_file", path, path, new_path)

    def forget_shadow_copies(self, number: int | None = None, count: int | None = None) -> None:
        """Delete a volume's shadow copies, which offline writes make invalid.

        Args:
            number: number of the volume; None for that of Windows.
            count: how many it has; None for what is known of the volume of Windows.
        """
        chosen = self.installation.volume if number is None else number
        if count is None:
            count = self.volume_state.shadow_copies if self.volume_state else 0
        if count and chosen not in self.discard_shadow_copies:
            self.discard_shadow_copies.add(chosen)
            folder = "System Volume Information"
            if number is not None:
                folder = named(number, self.registry.letters, folder)
            self.record("discard_shadow_copies", folder, {"stores": count}, None)

    # Commit

    @property
    def edited_hives(self) -> list[str]:
        """The names of the hives that commit will write."""
        return sorted(self._edited)

    def verify(self) -> None:
        """Verify the edited parts of each hive and boot store.

        Raises:
            ImageError: an edited hive would violate a rule that Windows enforces.
        """
        for store in self.edited_boot_stores:
            store.verify()
        for name in self.edited_hives:
            loaded = self.registry.loaded[name]
            violations = loaded.hive.verify(touched_only=True)
            if violations:
                shown = "; ".join(
                    f"{one.path} at {one.offset:#x}: {one.message}"
                    for one in violations[:_SHOWN_VIOLATIONS]
                )
                msg = f"The hive {loaded.file} is damaged ({shown}). Nothing was changed."
                raise ImageError(
                    msg, f"See `reseal reg verify` on {loaded.file}; restore it from a backup."
                )

    def commit(self, tree: Tree) -> Written:
        """Write all changes to a writable view of the installation's tree.

        Only edited hives are written. Their logs are emptied, because a stale entry could continue the new
        sequence number. Hives that were only read keep their logs, which Windows replays.
        """
        written = Written()
        for name in self.edited_hives:
            loaded = self.registry.loaded[name]
            if name in self._whole:
                whole = StagedTree(tree)
                whole.write(loaded.file, loaded.hive.to_bytes())
                written.files.bytes_written += whole.apply(tree).bytes_written
            for offset, data in loaded.hive.patches() if name not in self._whole else ():
                tree.patch(loaded.file, offset, data)
                written.files.bytes_written += len(data)
            for suffix in loaded.logs:
                tree.write(f"{loaded.file}.{suffix}", b"")
            written.hives.append(name)
        counts = self.files.apply(tree)
        counts.bytes_written += written.files.bytes_written
        written.files = counts
        return written


def _place(hive: str, place: Place) -> str:
    """Return the place of a SID in a hive as the target of a change."""
    if place.path is None:
        return f"{hive} ({place.what})"
    key = join(hive, place.path)
    return key if place.value is None else f"{key}\\\\{place.value}"


def _file_state(stat: Stat) -> State:
    return {"directory": True} if stat.is_directory else {"size": stat.size}
