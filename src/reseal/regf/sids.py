"""The SID of a machine or domain, everywhere in a hive.

A domain SID is S-1-5-21 and three numbers, an account's one number more. In binary it stands in
security descriptors, in the accounts of SAM and in value data of many programs, at its shortest as the
12 bytes of the three numbers; as text in the names of keys and values and in data, in UTF-16 and in
single bytes. All are found by a search through the bytes of the file. A replacement of the same length
in both forms changes no structure but the names of keys, which are sorted and hashed.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.regf import baseblock, data, names, node, types
from reseal.regf.cells import BIN_HEADER
from reseal.regf.errors import RegfError
from reseal.regf.key import Key
from reseal.regf.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.regf.baseblock import Content
    from reseal.regf.cells import Cells
    from reseal.regf.hive import Hive

#: Data that is nothing but text.
_TEXTS = frozenset({types.REG_SZ, types.REG_EXPAND_SZ, types.REG_MULTI_SZ})
_DOMAIN = re.compile(
    r"S-1-5-21-(\d{1,10})-(\d{1,10})-(\d{1,10})(?:-(\d{1,10}))?\Z", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One occurrence of a SID in a hive's bytes.

    Attributes:
        offset: in the file.
        form: "binary" (12 bytes), "text" (single bytes) or "utf-16".
        rest: where it goes on, in the file, and how many bytes stand before: where the data of a
            large value is divided in the middle of it.
    """

    offset: int
    form: str
    rest: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a SID stood, in the terms of the registry.

    Attributes:
        hit: the bytes.
        what: "descriptor", "key name", "class name", "value name", "value data", "free space" or
            "unknown" (a cell in use that nothing references).
        path: the key, with its old name; None where there is none, as for descriptors.
        value: name of the value, None where it is not about one.
        changed: whether the new SID stands there now.
    """

    hit: Hit
    what: str
    path: str | None = None
    value: str | None = None
    changed: bool = True


def parse(sid: str) -> tuple[int, ...]:
    """Return the three numbers of a domain SID, or the four of an account's.

    Raises:
        RegfError: it is none.
    """
    match = _DOMAIN.match(sid)
    numbers = [int(number) for number in match.groups() if number] if match else [1 << 32]
    if max(numbers) >= 1 << 32:
        msg = f"{sid!r} is no domain SID of the form S-1-5-21-1-2-3."
        raise RegfError(msg)
    return tuple(numbers)


def _patterns(sid: str) -> dict[str, bytes]:
    numbers = parse(sid)
    text = "-".join(("1-5-21", *map(str, numbers)))
    return {
        "binary": struct.pack(f"<{len(numbers)}I", *numbers),
        "text": text.encode("ascii"),
        "utf-16": text.encode("utf-16-le"),
    }


def find(hive: Hive, sid: str) -> list[Hit]:
    """Return every place at which a domain SID stands, free space included, by offset.

    This takes little longer than to read the file.

    Raises:
        RegfError: `sid` is no domain SID.
    """
    content = hive.cells.data
    found: list[Hit] = []
    for form, pattern in _patterns(sid).items():
        at = content.find(pattern, baseblock.SIZE)
        while at >= 0:
            if not _goes_on(content, at, at + len(pattern), form):
                found.append(Hit(at, form))
            at = content.find(pattern, at + 1)
    found += _divided(hive.cells, _patterns(sid))
    return sorted(found, key=lambda hit: hit.offset)


def _goes_on(content: Content, start: int, end: int, form: str) -> bool:
    """Tell a SID as text from a longer one, which has a digit more before or behind it."""
    if form == "binary":
        return False
    width = 1 if form == "text" else 2
    around = content[start - width : start], content[end : end + width]
    return any(unit[:1].isdigit() and not any(unit[1:]) for unit in around)


def _divided(cells: Cells, patterns: dict[str, bytes]) -> Iterator[Hit]:
    """Yield what stands across two segments of big data, which a plain search can't see."""
    content = cells.data
    reach = max(map(len, patterns.values())) - 1
    for match in re.finditer(b"db", content):
        at = match.start()
        for one, two in data.seams(cells, at) if at % 8 == 4 else ():
            window = bytes(content[one - reach : one]) + bytes(content[two : two + reach])
            for form, pattern in patterns.items():
                place = window.find(pattern, max(0, reach - len(pattern) + 1))
                if 0 <= place < reach:
                    yield Hit(one - reach + place, form, (two, reach - place))


def replace(hive: Hive, old: str, new: str) -> list[Place]:
    """Put one domain SID in the place of another everywhere in a hive; return the places.

    What stands in free space and behind the last bin is wiped instead. Last-written times stay. Where
    the two differ in length as text, texts and names are written anew; text inside of other data
    stays as it is, since that data may say how long the text is.

    Raises:
        RegfError: one is no domain SID, or a key that would get a new name has a sibling of that
            name.
    """
    patterns, replacements = _patterns(old), _patterns(new)
    hits = find(hive, old)
    if not hits:
        return []
    with hive.editing():
        if len(patterns["text"]) == len(replacements["text"]):
            places = _replace(hive, hits, patterns, replacements)
        else:
            binary = [hit for hit in hits if hit.form == "binary"]
            places = _replace(hive, binary, patterns, replacements) if binary else []
            places += _resize(hive, old, new)
        _wipe_freed(hive, old, patterns)
        return places


def _wipe_freed(hive: Hive, old: str, patterns: dict[str, bytes]) -> None:
    """Wipe what the edits themselves set free: a key that gets another name moves to another cell."""
    hits = find(hive, old)
    for hit, (cell, in_use) in zip(hits, _cells_with(hive.cells, hits), strict=True):
        if not in_use:
            _wipe(hive.cells, hit, cell, len(patterns[hit.form]))


# Complex: what is found is told apart by where it stands, before the first edit moves it.
def _resize(hive: Hive, old: str, new: str) -> list[Place]:
    """Write names and texts anew whose length changes."""
    patterns = _patterns(old)
    hits = find(hive, old)
    where = _cells_with(hive.cells, hits)
    owners = _owners(hive, {cell for cell, in_use in where if in_use})
    pattern = re.compile(rf"(?<!\d){re.escape(old[2:])}(?!\d)", re.ASCII)
    places: list[Place] = []
    values: dict[tuple[int, int], None] = {}
    for hit, (cell, in_use) in zip(hits, where, strict=True):
        if not in_use:
            _wipe(hive.cells, hit, cell, len(patterns[hit.form]))
            places.append(Place(hit, "free space"))
            continue
        what, key, vk = owners.get(cell, ("unknown", None, None))
        name = None if vk is None else names.of_value(hive.cells, vk)
        path = None if key is None else Key(hive, key).path
        changed = False
        if what == "key name":
            changed = key != hive.root_offset
        elif key is not None and vk is not None:
            value = Key(hive, key).value(name or "")
            changed = what == "value name" or (value is not None and value.type in _TEXTS)
            if changed:
                values[key, vk] = None
        places.append(Place(hit, what, path, name, changed=changed))
    renames = _renames(hive, owners, old[2:], new[2:])
    # All names before the first edit, which may give a value's cell to another; values before keys,
    # which may move.
    named = [(key, names.of_value(hive.cells, vk)) for key, vk in values]
    for offset, name in named:
        _resize_value(Key(hive, offset), name, pattern, new[2:])
    for offset, name in renames.items():
        Key(hive, offset).rename(name, stamp=False)
    hive.security.forget()
    return places


def _resize_value(key: Key, name: str, pattern: re.Pattern[str], new: str) -> None:
    value = key.value(name)
    if value is None:
        return
    data, number = value.data, value.type
    if number in _TEXTS:
        text = data.decode("utf-16-le", "surrogatepass") if len(data) % 2 == 0 else None
        if text is not None:
            data = pattern.sub(new, text).encode("utf-16-le", "surrogatepass")
    new_name = pattern.sub(new, name)
    if new_name != name:
        key.unset(name)
    key.set(new_name, number, data)


def _replace(
    hive: Hive, hits: list[Hit], old: dict[str, bytes], new: dict[str, bytes]
) -> list[Place]:
    cells = hive.cells
    where = _cells_with(cells, hits)
    owners = _owners(hive, {cell for cell, in_use in where if in_use})
    renames = _renames(hive, owners, old["text"].decode(), new["text"].decode())
    places: list[Place] = []
    for hit, (cell, in_use) in zip(hits, where, strict=True):
        if not in_use:
            places.append(Place(hit, "free space"))
            _wipe(cells, hit, cell, len(old[hit.form]))
            continue
        what, key, value = owners.get(cell, ("unknown", None, None))
        path = None if key is None else Key(hive, key).path
        name = None if value is None else names.of_value(cells, value)
        places.append(Place(hit, what, path, name))
        if key is not None:
            hive.touched.add(key)
        if key in renames and what == "key name":
            continue
        text = new[hit.form]
        if hit.rest is None:
            cells.write(hit.offset, text)
        else:
            second, length = hit.rest
            cells.write(hit.offset, text[:length])
            cells.write(second, text[length:])
    for offset, name in renames.items():
        Key(hive, offset).rename(name, stamp=False)
    hive.security.forget()
    return places


def _renames(
    hive: Hive, owners: dict[int, tuple[str, int | None, int | None]], old: str, new: str
) -> dict[int, str]:
    """Return the keys that must be renamed and their new names, having looked that all can be.

    The root is in no list, so its name is changed in place like any other bytes.
    """
    pattern = re.compile(rf"(?<!\d){re.escape(old)}(?!\d)", re.ASCII)
    result: dict[int, str] = {}
    for what, offset, _ in owners.values():
        if what != "key name" or offset is None or offset == hive.root_offset:
            continue
        key = Key(hive, offset)
        name = pattern.sub(new, key.name)
        parent = key.parent
        assert parent is not None
        if parent.subkey(name) is not None:
            msg = f"{hive.name}: {key.path} can't be renamed, since {name} exists beside it."
            raise RegfError(msg)
        result[offset] = name
    return result


def _wipe(cells: Cells, hit: Hit, cell: int, length: int) -> None:
    """Wipe a hit that is not in use, and with it all of its free cell but the size."""
    start, end = hit.offset, hit.offset + length
    if cell >= 0:
        start = cell + baseblock.SIZE + 4
        end = max(end, cell + baseblock.SIZE + cells.u32(start - 4))
    cells.write(start, bytes(end - start))


def _cells_with(cells: Cells, hits: list[Hit]) -> list[tuple[int, bool]]:
    """Return for each hit the offset of its cell (-1 outside all), and whether that is in use."""
    result: list[tuple[int, bool]] = []
    cell = end = size = 0
    for hit in hits:
        offset = hit.offset - baseblock.SIZE
        if offset >= cells.bins_size:
            result.append((-1, False))
            continue
        start, bin_end = cells.bin_at(offset)
        if not start < cell <= offset < bin_end:
            cell = end = start + BIN_HEADER
        while end <= offset:
            cell = end
            size = cells.size_at(cell, bin_end)
            end = cell + abs(size)
        result.append((cell, size < 0) if offset >= cell else (-1, False))
    return result


def _owners(hive: Hive, wanted: set[int]) -> dict[int, tuple[str, int | None, int | None]]:
    """Return what the cells are: what for, of which key, of which value."""
    cells, reader = hive.cells, Reader(hive.cells)
    found: dict[int, tuple[str, int | None, int | None]] = {}
    for _, offset, key in reader.walk(hive.root_offset):
        if offset in wanted:
            found[offset] = "key name", offset, None
        if key.class_offset in wanted:
            found[key.class_offset] = "class name", offset, None
        if key.security in wanted:
            found[key.security] = "descriptor", None, None
        for value, vk in reader.value_cells(key):
            if value in wanted:
                found[value] = "value name", offset, value
            size, place = struct.unpack_from("<II", cells.data, vk + node.VK_DATA_SIZE)
            if place in wanted and not size & node.RESIDENT:
                found[place] = "value data", offset, value
            elif data.SEGMENT < size < node.RESIDENT:
                for part in wanted.intersection(data.cells_of(cells, vk)):
                    found[part] = "value data", offset, value
    return found
