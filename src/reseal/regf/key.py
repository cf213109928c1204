"""The keys of a hive."""

from __future__ import annotations

import struct
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from reseal.regf import descriptors, limits, names, node, security, tree
from reseal.regf.cells import NIL
from reseal.regf.errors import RegfError
from reseal.regf.subkeys import SubkeyList
from reseal.regf.value import Value, ValueList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reseal.regf.hive import Hive
    from reseal.regf.tree import Tree

P = ParamSpec("P")
R = TypeVar("R")


def _edit(method: Callable[Concatenate[Key, P], R]) -> Callable[Concatenate[Key, P], R]:
    """Run a method as an edit: refuse a read-only hive, record a failure halfway."""

    @wraps(method)
    def edit(self: Key, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.hive.editing():
            return method(self, *args, **kwargs)

    return edit


class Key:
    r"""One key, identified by its cell.

    It stays valid through edits in the hive, including renames. After the deletion of the key, every
    access raises RegfError. Paths are relative to the key, separated by backslashes, and
    case-insensitive.

    Attributes:
        hive: the hive of the key.
    """

    __slots__ = ("_epoch", "_offset", "_start", "hive")

    def __init__(self, hive: Hive, offset: int) -> None:
        self.hive = hive
        self._offset = offset
        self._epoch = hive.cells.epochs.get(offset, 0)
        self._start = 0  # of the content in the file, once it was checked

    def _nk(self) -> int:
        """Return the file position of the content of the key's cell."""
        cells = self.hive.cells
        if self._start and cells.epochs.get(self._offset, 0) == self._epoch:
            return self._start
        while cells.epochs.get(self._offset, 0) != self._epoch:
            moved = self.hive.moved.get((self._offset, self._epoch))
            if moved is None:
                msg = f"{cells.name}: this key was deleted."
                raise RegfError(msg)
            self._offset, self._epoch = moved
        self._start = cells.locate_signed(self._offset, b"nk", node.NK_SIZE, "a key")[0]
        return self._start

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        return self.hive is other.hive and self.offset == other.offset

    def __hash__(self) -> int:
        return hash((id(self.hive), self.offset))

    def __repr__(self) -> str:
        return f"<Key {self.path!r} of {self.hive.name}>"

    # Properties

    @property
    def offset(self) -> int:
        """Offset of the key's cell."""
        self._nk()
        return self._offset

    @property
    def name(self) -> str:
        """The key's name. The name of the root key has no meaning."""
        self._nk()
        return names.of_key(self.hive.cells, self._offset)

    @property
    def is_root(self) -> bool:
        """Whether this is the root key of the hive."""
        return self.offset == self.hive.root_offset

    @property
    def parent(self) -> Key | None:
        """The key above; None for the root."""
        if self.is_root:
            return None
        return Key(self.hive, self.hive.cells.u32(self._nk() + node.NK_PARENT))

    @property
    def path(self) -> str:
        """The path below the root; the empty string for the root."""
        parts: list[str] = []
        key: Key = self
        while (parent := key.parent) is not None:
            parts.append(key.name)
            if len(parts) > limits.DEPTH_LIMIT:
                raise self.hive.cells.damage("a key is its own ancestor", self._offset)
            key = parent
        return "\\".join(reversed(parts))

    @property
    def flags(self) -> int:
        """The flags of the key node."""
        flags: int = struct.unpack_from("<H", self.hive.cells.data, self._nk() + node.NK_FLAGS)[0]
        return flags

    @property
    def last_written(self) -> int:
        """Time of the last change, FILETIME."""
        time: int = struct.unpack_from("<Q", self.hive.cells.data, self._nk() + node.NK_TIME)[0]
        return time

    @property
    def class_name(self) -> str | None:
        """The key's class, or None."""
        raw = self.class_data
        return None if raw is None else names.decode(raw, compressed=False)

    @property
    def class_data(self) -> bytes | None:
        """The class as stored (UTF-16LE), or None."""
        cells, nk = self.hive.cells, self._nk()
        (size,) = struct.unpack_from("<H", cells.data, nk + node.NK_CLASS_SIZE)
        offset = cells.u32(nk + node.NK_CLASS)
        if not size or offset == NIL:
            return None
        start, _ = cells.locate(offset, size, "a class name")
        return bytes(cells.data[start : start + size])

    @property
    def places(self) -> list[tuple[int, int]]:
        """The places of its name and class in the file: (start, end) of each."""
        cells, nk = self.hive.cells, self._nk()
        sizes = struct.unpack_from("<HH", cells.data, nk + node.NK_NAME_SIZE)
        found = [(nk, nk + node.NK_SIZE + sizes[0])]
        offset = cells.u32(nk + node.NK_CLASS)
        if sizes[1] and offset != NIL:
            start, _ = cells.locate(offset, sizes[1], "a class name")
            found.append((start, start + sizes[1]))
        return found

    @property
    def descriptor_place(self) -> tuple[int, int]:
        """The place of its security descriptor, which may be shared, in the file: (start, end)."""
        cells = self.hive.cells
        offset = cells.u32(self._nk() + node.NK_SECURITY)
        return cells.locate(offset, 0, "a security descriptor")

    @property
    def descriptor(self) -> bytes:
        """The key's security descriptor, self-relative."""
        cells = self.hive.cells
        return security.read(cells, cells.u32(self._nk() + node.NK_SECURITY))

    # Content

    def _subkeys(self) -> SubkeyList:
        start = self._nk()
        return SubkeyList(self.hive.cells, self._offset, start)

    def _values(self) -> ValueList:
        nk = self._nk()
        return ValueList(self.hive.cells, self._offset, nk)

    def subkeys(self) -> Iterator[Key]:
        """Iterate over the direct subkeys in stored order."""
        return (Key(self.hive, offset) for offset in self._subkeys().offsets())

    def subkey(self, name: str) -> Key | None:
        """Return the direct subkey with this name, or None."""
        cells, upper = self.hive.cells, names.upcase(name)
        start = self._nk()
        known = cells.children.get((self._offset, self._epoch), upper)
        if known is None:
            offset = SubkeyList(cells, self._offset, start).find(upper)
            cells.children.put((self._offset, self._epoch), upper, offset)
        else:
            offset = None if known == NIL else known
        return None if offset is None else Key(self.hive, offset)

    def key(self, path: str) -> Key | None:
        """Return the key at a path below this key, or None."""
        key = self
        for name in _parts(path):
            below = key.subkey(name)
            if below is None:
                return None
            key = below
        return key

    def values(self) -> Iterator[Value]:
        """Iterate over the values in stored order."""
        return iter(self._values())

    def value(self, name: str) -> Value | None:
        """Return the value with this name ("" is the default value), or None."""
        offset = self._values().find(name)
        return None if offset is None else Value(self.hive.cells, offset)

    # Edits

    @_edit
    def create(self, path: str) -> Key:
        """Return the key at a path below this key; create missing keys on the path.

        A new key inherits its security descriptor from its parent; see `descriptors.inherit`.
        """
        key = self
        for name in _parts(path):
            key = key.subkey(name) or key.create_subkey(name)
        return key

    @_edit
    def create_subkey(self, name: str) -> Key:
        """Create a direct subkey. Its name may contain any character except a backslash.

        Raises:
            RegfError: the name is not allowed or exists, or the tree would become too deep.
        """
        limits.check_key_name(name)
        nk = self._nk()
        cells, subkeys = self.hive.cells, self._subkeys()
        if subkeys.find(names.upcase(name)) is not None:
            msg = f"{cells.name}: the key {self.path}\\{name} exists."
            raise RegfError(msg)
        if self.path.count("\\") + 2 > limits.DEPTH_LIMIT:
            msg = f"{cells.name}: a key can't be more than {limits.DEPTH_LIMIT} levels deep."
            raise RegfError(msg)
        above = cells.u32(nk + node.NK_SECURITY)
        inherited = descriptors.inherit(security.read(cells, above))
        sk = self.hive.security.obtain(inherited, above)
        stored, compressed = names.encode(name)
        offset = cells.allocate(node.NK_SIZE + len(stored), self._offset)
        flags = node.COMPRESSED if compressed else 0
        content = node.new(flags, self.hive.now(), self._offset, sk, stored)
        cells.write(offset + 4096 + 4, content)
        subkeys.insert(offset, name)
        self._note_child(name)
        self.hive.touched.add(offset)
        self._stamp()
        return Key(self.hive, offset)

    @_edit
    def set(self, name: str, type: int, data: bytes) -> None:  # noqa: A002
        """Create or change a value; do nothing if it is the same.

        Args:
            name: the value's name; "" is the default value.
            type: type number, from `types` or any other.
            data: the data as stored.
        """
        limits.check_value_name(name)
        values = self._values()
        offset = values.find(name)
        if offset is None:
            values.add(name, type, data)
        elif not values.change(offset, type, data):
            return
        self._stamp()

    @_edit
    def set_all(self, wanted: Iterable[tuple[str, int, bytes]]) -> None:
        """Set many values (name, type, data), reading the existing ones only once."""
        wanted = list(wanted)
        for name, _, _ in wanted:
            limits.check_value_name(name)
        values = self._values()
        known = values.by_name()
        made: list[int] = []
        changed = False
        for name, number, content in wanted:
            upper = names.upcase(name)
            if upper in known:
                changed |= values.change(known[upper], number, content)
            else:
                known[upper] = values.make(name, number, content)
                made.append(known[upper])
        values.append(made)
        if made or changed:
            self._stamp()

    @_edit
    def unset(self, name: str) -> bool:
        """Delete a value; return whether it existed."""
        values = self._values()
        offset = values.find(name)
        if offset is None:
            return False
        values.remove(offset)
        self._stamp()
        return True

    @_edit
    def delete(self) -> Tree:
        """Delete the key and its subkeys; return what they consisted of.

        Raises:
            RegfError: it is the root key.
        """
        parent = self.parent
        if parent is None:
            msg = f"{self.hive.name}: the root key can't be deleted."
            raise RegfError(msg)
        cells = self.hive.cells
        found = tree.collect(cells, self.offset)
        subkeys = parent._subkeys()
        subkeys.remove(self._offset)
        cells.free_all(found.cells)
        self.hive.touched.difference_update(found.cells)
        for offset, count in found.security.items():
            self.hive.security.release(offset, count)
        if not subkeys.count:
            nk = parent._nk()
            cells.write(nk + node.NK_MAX_NAME, bytes(2))
            cells.write_u32(nk + node.NK_MAX_CLASS, 0)
        parent._stamp()
        return found

    @_edit
    def rename(self, new_name: str, *, stamp: bool = True) -> None:
        """Rename the key, and update its parent's list.

        Args:
            new_name: the new name.
            stamp: whether to set last-written times.

        Raises:
            RegfError: the name is not allowed, a sibling has it, or this is the root key.
        """
        limits.check_key_name(new_name)
        parent = self.parent
        if parent is None:
            msg = f"{self.hive.name}: the root key can't be renamed."
            raise RegfError(msg)
        sibling = parent.subkey(new_name)
        if sibling is not None and sibling != self:
            msg = f"{self.hive.name}: the key {sibling.path} exists."
            raise RegfError(msg)
        parent._subkeys().remove(self._offset)
        stored, compressed = names.encode(new_name)
        self._store_name(stored, compressed=compressed)
        parent._subkeys().insert(self._offset, new_name)
        parent._note_child(new_name)
        self.hive.touched |= {self._offset, parent.offset}
        if stamp:
            self._stamp()
            parent._stamp()

    def _store_name(self, stored: bytes, *, compressed: bool) -> None:
        cells, nk = self.hive.cells, self._nk()
        _, end = cells.locate(self._offset, node.NK_SIZE, "a key")
        flags = self.flags & ~node.COMPRESSED | (node.COMPRESSED if compressed else 0)
        if node.NK_SIZE + len(stored) > end - nk:
            nk = self._move(node.NK_SIZE + len(stored))
        _, end = cells.locate(self._offset, node.NK_SIZE, "a key")
        cells.write(nk + node.NK_FLAGS, struct.pack("<H", flags))
        cells.write(nk + node.NK_NAME_SIZE, struct.pack("<H", len(stored)))
        cells.write(nk + node.NK_SIZE, stored.ljust(end - nk - node.NK_SIZE, b"\0"))

    def _move(self, length: int) -> int:
        """Move the key to a larger cell; return the file position of its content."""
        cells, old, epoch = self.hive.cells, self._offset, self._epoch
        children = self._subkeys().offsets()
        start, _ = cells.locate(old, node.NK_SIZE, "a key")
        head = bytes(cells.data[start : start + node.NK_SIZE])
        new = cells.allocate(length, old)
        cells.write(new + 4096 + 4, head)
        for child in children:
            nk, _ = cells.locate_signed(child, b"nk", node.NK_SIZE, "a key")
            cells.write_u32(nk + node.NK_PARENT, new)
        cells.free(old)
        self.hive.moved[old, epoch] = (new, cells.epochs.get(new, 0))
        self.hive.touched.discard(old)
        return self._nk()

    @_edit
    def set_descriptor(self, descriptor: bytes) -> None:
        """Set the security descriptor (self-relative); equal descriptors share a cell."""
        cells, nk = self.hive.cells, self._nk()
        old = cells.u32(nk + node.NK_SECURITY)
        if security.read(cells, old) == descriptor:
            return
        cells.write_u32(nk + node.NK_SECURITY, self.hive.security.obtain(descriptor, old))
        self.hive.security.release(old)
        self._stamp()

    @_edit
    def set_class_name(self, class_name: str | None) -> None:
        """Set the class of the key; None removes it."""
        raw = (class_name or "").encode("utf-16-le", "surrogatepass")
        if raw == (self.class_data or b""):
            return
        if len(raw) > 0xFFFF:
            msg = f"A class name has at most {0xFFFF // 2} characters."
            raise RegfError(msg)
        cells, nk = self.hive.cells, self._nk()
        if self.class_data is not None:
            cells.free(cells.u32(nk + node.NK_CLASS))
        offset = NIL
        if raw:
            offset = cells.allocate(len(raw), self._offset)
            cells.write(offset + 4096 + 4, raw)
        cells.write_u32(nk + node.NK_CLASS, offset)
        cells.write(nk + node.NK_CLASS_SIZE, struct.pack("<H", len(raw)))
        parent = self.parent
        if parent is not None:
            place = parent._nk() + node.NK_MAX_CLASS
            if cells.u32(place) < len(raw):
                cells.write_u32(place, len(raw))
        self._stamp()

    def _note_child(self, name: str) -> None:
        """Update the largest length of a subkey name."""
        cells, place = self.hive.cells, self._nk() + node.NK_MAX_NAME
        (largest,) = struct.unpack_from("<H", cells.data, place)
        if largest < 2 * names.units(name):
            cells.write(place, struct.pack("<H", 2 * names.units(name)))

    def _stamp(self) -> None:
        """Set the last-written time."""
        self.hive.touched.add(self._offset)
        place = self._nk() + node.NK_TIME
        self.hive.cells.write(place, struct.pack("<Q", self.hive.now()))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("\\") if part]
