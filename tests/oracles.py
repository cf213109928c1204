"""Other people's hive readers, each as one function: bytes in, all keys and values out.

They are the judges of every hive that reseal writes. Where a library's public interface gives
values only after an interpretation of its own, the raw data is taken from its parsed records.
`ORACLES` gives types and data of all values, `read` also what a reader knows of keys beside them.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import io
import os
import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reseal.regf import Hive, Key

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: The environment variable with the folder of this run, which `conftest` makes; and what counts as large.
KEPT = "RESEAL_TESTS_KEPT"
_LARGE = 200_000

#: Path of a key ("" is the root) to its values: name ("" is the default value) to type and data.
Tree = dict[str, dict[str, tuple[int, bytes]]]


@dataclass(frozen=True)
class About:
    """What a key is beside its values; None where a reader can't say."""

    time: int
    class_name: str | None
    descriptor: bytes | None


Values = Iterator[tuple[str, tuple[int, bytes]]]


@dataclass
class Walk:
    """How to walk a hive with one reader."""

    root: Any
    children: Callable[[Any], Iterator[tuple[str, Any]]]
    values: Callable[[Any], Values]
    about: Callable[[Any], About]


def reseal(data: bytes, **options: Any) -> Tree:
    """reseal's own reader."""
    return tree_of(Hive.open(data, **options))


def tree_of(hive: Hive) -> Tree:
    """The same of a hive in memory."""
    result: Tree = {}
    pending: list[tuple[str, Key]] = [("", hive.root)]
    while pending:
        path, key = pending.pop()
        result[path] = {value.name: (value.type, value.data) for value in key.values()}
        pending += [(_join(path, child.name), child) for child in key.subkeys()]
    return result


def about_of(hive: Hive) -> dict[str, About]:
    """What keys are in a hive in memory."""
    result: dict[str, About] = {}
    pending: list[tuple[str, Key]] = [("", hive.root)]
    while pending:
        path, key = pending.pop()
        result[path] = About(key.last_written, key.class_name or "", key.descriptor)
        pending += [(_join(path, child.name), child) for child in key.subkeys()]
    return result


def _join(path: str, name: str) -> str:
    return f"{path}\\{name}" if path else name


def _name(raw: bytes, compressed: object) -> str:
    return raw.decode("latin-1") if compressed else raw.decode("utf-16-le", "surrogatepass")


def _dissect(data: bytes) -> Walk:
    from dissect.regf import regf

    hive = regf.RegistryHive(io.BytesIO(data))

    @cache
    def descriptor(offset: int) -> bytes:
        return bytes(hive.cell(offset).cell.Descriptor)

    def name(found: Any, compressed: object) -> str:
        """A name as it is stored: dissect takes one-byte names for UTF-8 where they could be."""
        raw = found.name.encode("utf-8", "surrogatepass")
        utf8 = compressed in found.cell.Flags and len(raw) == found.cell.NameLength
        return str(raw.decode("latin-1") if utf8 else found.name)

    return Walk(
        hive.root(),
        lambda key: ((name(child, regf.KEY.COMP_NAME), child) for child in key.subkeys()),
        lambda key: (
            (
                name(value, regf.VALUE.COMP_NAME) if value.cell.NameLength else "",
                (int(value.type), bytes(value.data)),
            )
            for value in key.values()
        ),
        lambda key: About(
            int(key.cell.LastWriteTime),
            key.class_name or "",
            descriptor(key.cell.Security),
        ),
    )


def _regipy(data: bytes) -> Walk:
    from regipy.structs import VALUE_KEY

    registry: Any = importlib.import_module("regipy.registry")
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        hive = registry.RegistryHive(file.name)

    def children(key: Any) -> Iterator[tuple[str, Any]]:
        for child in key.iter_subkeys() or ():
            header = child.header
            yield _name(header.key_name_string, header.flags.KEY_COMP_NAME), child

    def values(key: Any) -> Values:
        stream, count = key._stream, key.values_count
        for index in range(count):
            stream.seek(4100 + key.header.values_list_offset + 4 * index)
            stream.seek(4100 + int.from_bytes(stream.read(4), "little"))
            vk = VALUE_KEY.parse_stream(stream)
            if vk.data_size >= 0x80000000:
                raw = vk.data_offset.to_bytes(4, "little")[: vk.data_size - 0x80000000]
            elif not vk.data_size:
                raw = b""
            else:
                record = registry.NKRecord.read_value(vk, stream)
                raw = record.value
                if vk.data_size > 0x3FD8 and raw[:2] == b"db":
                    raw = registry.NKRecord._parse_indirect_block(stream, record)
            yield _name(vk.name, vk.flags.VALUE_COMP_NAME), (int(vk.data_type), raw)

    @cache
    def descriptor(offset: int) -> bytes:
        stream = hive._stream
        stream.seek(4096 + offset)
        return bytes(registry.SECURITY_KEY_v1_1.parse_stream(stream).security_descriptor)

    def about(key: Any) -> About:
        header = key.header
        class_name = key.get_class_name() if header.class_name_size else ""
        return About(header.last_modified, class_name, descriptor(header.security_key_offset))

    return Walk(hive.root, children, values, about)


def _python_registry(data: bytes) -> Walk:
    from Registry.Registry import Registry
    from Registry.RegistryParse import HBINCell

    def children(key: Any) -> Iterator[tuple[str, Any]]:
        for child in key.subkeys():
            nk = child._nkrecord
            raw = nk.unpack_string(0x4C, nk.unpack_word(0x48))
            yield _name(raw, nk.has_ascii_name()), child

    def values(key: Any) -> Values:
        for value in key.values():
            vk = value._vkrecord
            size = vk.raw_data_length()
            if size >= 0x80000000:
                raw = vk.unpack_binary(0x8, size - 0x80000000)
            elif not size:
                raw = b""
            else:
                place = vk.abs_offset_from_hbin_offset(vk.unpack_dword(0x8))
                cell = HBINCell(vk._buf, place, vk)
                big = size > 0x3FD8 and cell.data_id() == b"db"
                raw = cell.child().large_data(size) if big else cell.raw_data()[:size]
            stored = vk.unpack_string(0x14, vk.unpack_word(0x2))
            yield _name(stored, vk.has_ascii_name()), (vk.unpack_dword(0xC), bytes(raw))

    def about(key: Any) -> About:
        nk = key._nkrecord
        sk = nk.sk_record()
        descriptor = bytes(sk.unpack_binary(0x14, sk.unpack_dword(0x10)))
        return About(nk.unpack_qword(0x4), nk.classname(), descriptor)

    return Walk(Registry(io.BytesIO(data)).root(), children, values, about)


def _libregf(data: bytes) -> Walk:
    pyregf: Any = importlib.import_module("pyregf")
    hive = pyregf.file()
    hive.open_file_object(io.BytesIO(data))
    return Walk(
        hive.get_root_key(),
        lambda key: ((child.name, child) for child in key.sub_keys),
        lambda key: ((value.name or "", (value.type, value.data or b"")) for value in key.values),
        lambda key: About(key.get_last_written_time_as_integer(), key.class_name or "", None),
    )


@cache
def _libhivex() -> ctypes.CDLL:
    lib = ctypes.CDLL("libhivex.so.0", use_errno=True)
    handle, size = ctypes.c_void_p, ctypes.c_size_t
    nodes = ctypes.POINTER(size)
    for name, result, arguments in (
        ("open", handle, [ctypes.c_char_p, ctypes.c_int]),
        ("close", ctypes.c_int, [handle]),
        ("root", size, [handle]),
        ("node_name", handle, [handle, size]),
        ("node_timestamp", ctypes.c_int64, [handle, size]),
        ("node_children", nodes, [handle, size]),
        ("node_values", nodes, [handle, size]),
        ("value_key", handle, [handle, size]),
        ("value_value", handle, [handle, size, ctypes.POINTER(ctypes.c_int), nodes]),
    ):
        function = getattr(lib, f"hivex_{name}")
        function.restype = result
        function.argtypes = arguments
    return lib


_free = ctypes.CDLL(None).free
_free.argtypes = [ctypes.c_void_p]


class HivexError(Exception):
    """hivex refused something."""


class _Hivex:
    """hivex, through its C library."""

    def __init__(self, data: bytes) -> None:
        self._lib = _libhivex()
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(data)
            self._handle = self._lib.hivex_open(file.name.encode(), 0)
        if not self._handle:
            raise self._failed("open")

    def __del__(self) -> None:
        if self._handle:
            self._lib.hivex_close(self._handle)

    @staticmethod
    def _failed(what: str) -> HivexError:
        return HivexError(f"hivex_{what}: errno {ctypes.get_errno()}")

    def _text(self, pointer: int | None, what: str) -> str:
        if not pointer:
            raise self._failed(what)
        raw = ctypes.string_at(pointer)
        _free(pointer)
        return raw.decode("utf-8", "surrogatepass")

    def _listed(self, array: Any, what: str) -> list[int]:
        if not array:
            raise self._failed(what)
        result: list[int] = []
        while array[len(result)]:
            result.append(array[len(result)])
        _free(ctypes.cast(array, ctypes.c_void_p))
        return result

    def root(self) -> int:
        return int(self._lib.hivex_root(self._handle))

    def children(self, key: int) -> Iterator[tuple[str, Any]]:
        children = self._lib.hivex_node_children(self._handle, key)
        for child in self._listed(children, "node_children"):
            yield self._text(self._lib.hivex_node_name(self._handle, child), "node_name"), child

    def values(self, key: int) -> Values:
        lib, handle = self._lib, self._handle
        for value in self._listed(lib.hivex_node_values(handle, key), "node_values"):
            number, size = ctypes.c_int(), ctypes.c_size_t()
            pointer = lib.hivex_value_value(handle, value, ctypes.byref(number), ctypes.byref(size))
            if not pointer:
                raise self._failed("value_value")
            raw = ctypes.string_at(pointer, size.value)
            _free(pointer)
            name = self._text(lib.hivex_value_key(handle, value), "value_key")
            yield name, (number.value & 0xFFFFFFFF, raw)

    def about(self, key: int) -> About:
        return About(self._lib.hivex_node_timestamp(self._handle, key), None, None)


def _hivex(data: bytes) -> Walk:
    reader = _Hivex(data)
    return Walk(reader.root(), reader.children, reader.values, reader.about)


WALKS: dict[str, Callable[[bytes], Walk]] = {
    "hivex": _hivex,
    "dissect.regf": _dissect,
    "regipy": _regipy,
    "python-registry": _python_registry,
    "libregf": _libregf,
}


def _walked(walk: Walk) -> Iterator[tuple[str, Any]]:
    pending = [("", walk.root)]
    while pending:
        path, key = pending.pop()
        yield path, key
        pending += [(_join(path, name), child) for name, child in walk.children(key)]


def read(reader: str, data: bytes) -> tuple[Tree, dict[str, About]]:
    """All values, and what keys are beside them, in one pass."""
    return kept(reader, data, _read)


def _read(reader: str, data: bytes) -> tuple[Tree, dict[str, About]]:
    walk = WALKS[reader](data)
    tree: Tree = {}
    about: dict[str, About] = {}
    for path, key in _walked(walk):
        tree[path] = dict(walk.values(key))
        about[path] = walk.about(key)
    return tree, about


def _oracle(reader: str) -> Callable[[bytes], Tree]:
    return lambda data: kept(reader, data, _values)


def _values(reader: str, data: bytes) -> Tree:
    walk = WALKS[reader](data)
    return {path: dict(walk.values(key)) for path, key in _walked(walk)}


def kept(reader: str, data: bytes, look: Callable[[str, bytes], T]) -> T:
    """What a reader sees in a hive; read once in a whole test run where the hive is large.

    The results lie in a folder of the run alone, which the tests themselves have filled.
    """
    folder = os.environ.get(KEPT)
    if folder is None or len(data) < _LARGE:
        return look(reader, data)
    name = f"{look.__name__} {reader} {hashlib.sha256(data).hexdigest()}"
    path = Path(folder) / name
    with contextlib.suppress(FileNotFoundError):
        found: T = pickle.loads(path.read_bytes())
        return found
    seen = look(reader, data)
    # Two workers may read the same at once; the file is there whole or not at all.
    draft = path.with_name(f"{name} {os.getpid()}")
    draft.write_bytes(pickle.dumps(seen, pickle.HIGHEST_PROTOCOL))
    draft.replace(path)
    return seen


#: The readers that return all data as it is stored. libregf does not; see test_oracles.
ORACLES = {reader: _oracle(reader) for reader in WALKS if reader != "libregf"}
hivex = ORACLES["hivex"]
