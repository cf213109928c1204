"""A directory tree in memory, for tests that need no file system."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from reseal.testing.volumes import link_to
from reseal.tree import ARCHIVE, DIRECTORY, EscapeError, Stat, TreeError, join, parent


class Link:
    """A link to a folder in a spec: a junction, or, with a relative target, a symbolic link."""

    def __init__(self, target: str = "") -> None:
        self.tag, self.data = link_to(target)


class MemoryTree:
    """A `Tree` over nested data: name -> bytes | mapping | Link.

    Attributes:
        log: all changes as (operation, path), in order.
    """

    read_only = False

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._nodes: dict[str, tuple[str, bytes | Link | None]] = {"": ("", None)}
        self.log: list[tuple[str, str]] = []
        self._descriptors: dict[str, bytes] = {}
        self._add("", spec)

    def _add(self, folder: str, spec: Mapping[str, Any]) -> None:
        for name, content in spec.items():
            path = join(folder, name)
            if isinstance(content, Mapping):
                self._nodes[path.lower()] = (path, None)
                self._add(path, content)
            else:
                self._nodes[path.lower()] = (path, content)

    def _node(self, path: str) -> tuple[str, bytes | Link | None] | None:
        folder = parent(path)
        while folder:
            node = self._nodes.get(folder.lower())
            if node and isinstance(node[1], Link):
                msg = f"{path} contains a link."
                raise EscapeError(msg)
            folder = parent(folder)
        return self._nodes.get(path.lower())

    def _need(self, path: str) -> tuple[str, bytes | Link | None]:
        node = self._node(path)
        if node is None:
            msg = f"{path} does not exist."
            raise TreeError(msg)
        return node

    def stat(self, path: str) -> Stat | None:
        """See `Tree.stat`."""
        node = self._node(path)
        if node is None:
            return None
        name = node[0].rpartition("\\")[2]
        if isinstance(node[1], Link):
            return Stat(name, True, 0, DIRECTORY, node[1].tag, 0)
        if node[1] is None:
            return Stat(name, True, 0, DIRECTORY, 0, 0)
        return Stat(name, False, len(node[1]), ARCHIVE, 0, 0)

    def list(self, path: str) -> list[Stat]:
        """See `Tree.list`."""
        if self._need(path)[1] is not None:
            msg = f"{path} is not a folder."
            raise TreeError(msg)
        found = (
            self.stat(node[0])
            for key, node in self._nodes.items()
            if key and parent(key) == path.lower()
        )
        return [stat for stat in found if stat is not None]

    def read(
        self, path: str, offset: int = 0, size: int | None = None, *, stream: str = ""
    ) -> bytes:
        """See `Tree.read`."""
        data = self._need(path)[1]
        if not isinstance(data, bytes) or stream:
            msg = f"{path} can't be read."
            raise TreeError(msg)
        return data[offset:] if size is None else data[offset : offset + size]

    def read_reparse(self, path: str) -> bytes | None:
        """See `Tree.read_reparse`."""
        node = self._need(path)[1]
        if not isinstance(node, Link):
            return None
        return struct.pack("<IHH", node.tag, len(node.data), 0) + node.data

    def write(self, path: str, data: bytes, *, stream: str = "") -> None:
        """See `Tree.write`."""
        del stream
        self._nodes[path.lower()] = (self._need(path)[0], data)
        self.log.append(("write", path))

    def patch(self, path: str, offset: int, data: bytes) -> None:
        """See `Tree.patch`."""
        old = self.read(path)
        grown = old + bytes(max(0, offset - len(old)))
        new = grown[:offset] + data + grown[offset + len(data) :]
        self._nodes[path.lower()] = (self._need(path)[0], new)
        self.log.append(("patch", path))

    def create(self, path: str, data: bytes = b"", *, descriptor: bytes | None = None) -> None:
        """See `Tree.create`."""
        self._need(parent(path))
        self._nodes[path.lower()] = (path, data)
        self._keep(path, descriptor)
        self.log.append(("create", path))

    def make_directory(self, path: str, *, descriptor: bytes | None = None) -> None:
        """See `Tree.make_directory`."""
        self._need(parent(path))
        self._nodes[path.lower()] = (path, None)
        self._keep(path, descriptor)
        self.log.append(("make_directory", path))

    def delete(self, path: str) -> None:
        """See `Tree.delete`."""
        self._need(path)
        if any(parent(key) == path.lower() for key in self._nodes if key):
            msg = f"{path} is not empty."
            raise TreeError(msg)
        del self._nodes[path.lower()]
        self.log.append(("delete", path))

    def rename(self, path: str, new_path: str) -> None:
        """See `Tree.rename`."""
        self._need(path)
        self._need(parent(new_path))
        if self._node(new_path):
            msg = f"{new_path} exists."
            raise TreeError(msg)
        for nodes in (self._nodes, self._descriptors):
            for key in [key for key in nodes if f"{key}\\".startswith(f"{path.lower()}\\")]:
                old = nodes.pop(key)
                rest = key[len(path) :]
                if isinstance(old, tuple):
                    self._nodes[new_path.lower() + rest] = (new_path + old[0][len(path) :], old[1])
                else:
                    self._descriptors[new_path.lower() + rest] = old
        self.log.append(("rename", path))

    def descriptor(self, path: str) -> bytes | None:
        """See `Tree.descriptor`."""
        self._need(path)
        return self._descriptors.get(path.lower())

    def set_descriptor(self, path: str, descriptor: bytes) -> None:
        """See `Tree.set_descriptor`."""
        self._need(path)
        self._keep(path, descriptor)
        self.log.append(("set_descriptor", path))

    def _keep(self, path: str, descriptor: bytes | None) -> None:
        if descriptor is not None:
            self._descriptors[path.lower()] = descriptor

    def set_attributes(self, path: str, attributes: int) -> None:
        """See `Tree.set_attributes`."""
        del attributes
        self._need(path)

    def close(self) -> None:
        """See `Tree.close`."""

    def snapshot(self) -> dict[str, bytes | None]:
        """Return the content of all paths; None for folders."""
        return {
            path: data if isinstance(data, bytes) else None for path, data in self._nodes.values()
        }
