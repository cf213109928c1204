"""Copies of keys with all below them, as RegCopyTree makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.regf import names
from reseal.regf.reader import Reader

if TYPE_CHECKING:
    from reseal.regf import Key


def copy_tree(source: Key, parent: Key, name: str | None = None) -> Key:
    """Copy a key and all below it, in the same hive or into another; return the copy.

    Values, classes and security descriptors come along; last-written times are those of the copy,
    as with RegCopyTree.

    Args:
        source: the key to copy.
        parent: the key below which the copy is made.
        name: its name, by default that of the source.

    Raises:
        RegfError: a key of this name exists there, or the source is damaged.
    """
    reader = Reader(source.hive.cells)
    # Read first and then written, since the copy may be made below the source.
    found = [
        (path, key, list(reader.values(key)), reader.class_data(key), reader.descriptor(key))
        for path, _, key in reader.walk(source.offset)
    ]
    top = parent.create_subkey(source.name if name is None else name)
    made = {"": top}
    for path, key, values, class_data, descriptor in found:
        target = made.get(path)
        if target is None:
            above = path[: len(path) - len(key.name) - 1] if "\\" in path else ""
            target = made[path] = made[above].create_subkey(key.name)
        target.set_all((value.name, value.type, value.data) for value in values)
        if class_data:
            target.set_class_name(names.decode(class_data, compressed=False))
        target.set_descriptor(descriptor)
    return top
