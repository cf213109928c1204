"""Other people's hive readers, each as one function: bytes in, all keys and values out.

They are the judges of every hive that reseal writes. Where a library's public interface gives
values only after an interpretation of its own, the raw data is taken from its parsed records.
"""

from __future__ import annotations

import ctypes
import importlib
import io
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reseal.regf import Hive, Key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Path of a key ("" is the root) to its values: name ("" is the default value) to type and data.
Tree = dict[str, dict[str, tuple[int, bytes]]]


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


def _join(path: str, name: str) -> str:
    return f"{path}\\{name}" if path else name


def _collect(root: Any, children: Callable[[Any], Iterator[tuple[str, Any]]], values: Any) -> Tree:
    result: Tree = {}
    pending = [("", root)]
    while pending:
        path, key = pending.pop()
        result[path] = dict(values(key))
        pending += [(_join(path, name), child) for name, child in children(key)]
    return result


def dissect(data: bytes) -> Tree:
    """dissect.regf."""
    from dissect.regf import regf

    return _collect(
        regf.RegistryHive(io.BytesIO(data)).root(),
        lambda key: ((child.name, child) for child in key.subkeys()),
        lambda key: (
            (value.name if value.cell.NameLength else "", (value.type, value.data))
            for value in key.values()
        ),
    )


def _name(raw: bytes, compressed: object) -> str:
    return raw.decode("latin-1") if compressed else raw.decode("utf-16-le", "surrogatepass")


def regipy(data: bytes) -> Tree:
    """regipy."""
    from regipy.structs import VALUE_KEY

    registry: Any = importlib.import_module("regipy.registry")

    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        hive = registry.RegistryHive(file.name)

    def children(key: Any) -> Iterator[tuple[str, Any]]:
        for child in key.iter_subkeys() or ():
            header = child.header
            yield _name(header.key_name_string, header.flags.KEY_COMP_NAME), child

    def values(key: Any) -> Iterator[tuple[str, tuple[int, bytes]]]:
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

    return _collect(hive.root, children, values)


def python_registry(data: bytes) -> Tree:
    """python-registry."""
    from Registry.Registry import Registry
    from Registry.RegistryParse import HBINCell

    def children(key: Any) -> Iterator[tuple[str, Any]]:
        for child in key.subkeys():
            nk = child._nkrecord
            raw = nk.unpack_string(0x4C, nk.unpack_word(0x48))
            yield _name(raw, nk.has_ascii_name()), child

    def values(key: Any) -> Iterator[tuple[str, tuple[int, bytes]]]:
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

    return _collect(Registry(io.BytesIO(data)).root(), children, values)


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
        ("node_name_len", size, [handle, size]),
        ("node_children", nodes, [handle, size]),
        ("node_values", nodes, [handle, size]),
        ("value_key", handle, [handle, size]),
        ("value_key_len", size, [handle, size]),
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


def hivex(data: bytes) -> Tree:
    """hivex, through its C library."""
    lib = _libhivex()

    def failed(what: str) -> HivexError:
        return HivexError(f"hivex_{what}: errno {ctypes.get_errno()}")

    def text(pointer: int | None, what: str) -> str:
        if not pointer:
            raise failed(what)
        raw = ctypes.string_at(pointer)
        _free(pointer)
        return raw.decode("utf-8", "surrogatepass")

    def listed(array: Any, what: str) -> list[int]:
        if not array:
            raise failed(what)
        result: list[int] = []
        while array[len(result)]:
            result.append(array[len(result)])
        _free(ctypes.cast(array, ctypes.c_void_p))
        return result

    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        handle = lib.hivex_open(file.name.encode(), 0)
    if not handle:
        raise failed("open")

    def children(key: int) -> Iterator[tuple[str, Any]]:
        for child in listed(lib.hivex_node_children(handle, key), "node_children"):
            yield text(lib.hivex_node_name(handle, child), "node_name"), child

    def values(key: int) -> Iterator[tuple[str, tuple[int, bytes]]]:
        for value in listed(lib.hivex_node_values(handle, key), "node_values"):
            number, size = ctypes.c_int(), ctypes.c_size_t()
            pointer = lib.hivex_value_value(handle, value, ctypes.byref(number), ctypes.byref(size))
            if not pointer:
                raise failed("value_value")
            raw = ctypes.string_at(pointer, size.value)
            _free(pointer)
            name = text(lib.hivex_value_key(handle, value), "value_key")
            yield name, (number.value & 0xFFFFFFFF, raw)

    try:
        return _collect(lib.hivex_root(handle), children, values)
    finally:
        lib.hivex_close(handle)


ORACLES: dict[str, Callable[[bytes], Tree]] = {
    "hivex": hivex,
    "dissect.regf": dissect,
    "regipy": regipy,
    "python-registry": python_registry,
}
