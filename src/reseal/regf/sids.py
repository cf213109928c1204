"""Find and replace the SID of a machine or domain in a whole hive.

A domain SID is S-1-5-21 and three numbers; an account SID has one more. Its binary form is in security
descriptors, in the accounts of SAM and in value data of many programs; its shortest form is the 12 bytes
of the three numbers. Its text form is in the names of keys and values and in data, as UTF-16 and as
single bytes. A search through the bytes of the file finds all of them. If the new SID has the same length
as text, a replacement affects no structure except key names, which are sorted and hashed.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeAlias

import numpy as np

from reseal.regf import baseblock, data, names, node, types
from reseal.regf.baseblock import Content
from reseal.regf.cells import BIN_HEADER, NIL, Cells
from reseal.regf.errors import RegfError
from reseal.regf.hive import Hive
from reseal.regf.key import Key
from reseal.regf.reader import Reader
from reseal.regf.survey import Numbers, Survey

#: What a cell holds, and the offsets of its key and value.
Owner: TypeAlias = tuple[str, int | None, int | None]
#: Types whose data is only text.
_TEXTS = frozenset({types.REG_SZ, types.REG_EXPAND_SZ, types.REG_MULTI_SZ})
_BIG_DATA, _LOW = int.from_bytes(b"db", "little"), 0xFFFF
_DOMAIN = re.compile(
    r"S-1-5-21-(\d{1,10})-(\d{1,10})-(\d{1,10})(?:-(\d{1,10}))?\Z", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One occurrence of a SID in a hive's bytes.

    Attributes:
        offset: offset in the file.
        form: "binary" (12 bytes), "text" (single bytes) or "utf-16".
        rest: for a SID that is split between two segments of big data, the file offset where it
            continues, and the number of bytes before the split.
    """

    offset: int
    form: str
    rest: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a SID in the registry.

    Attributes:
        hit: the occurrence.
        what: "descriptor", "key name", "class name", "value name", "value data", "free space" or
            "unknown" (a cell in use without a reference).
        path: the key, with its old name; None if the place has no key, such as a descriptor.
        value: name of the value, or None.
        changed: whether the place has the new SID now.
    """

    hit: Hit
    what: str
    path: str | None = None
    value: str | None = None
    changed: bool = True


def parse(sid: str) -> tuple[int, ...]:
    """Return the three numbers of a domain SID, or the four of an account SID.

    Raises:
        RegfError: the text is not a domain or account SID.
    """
    match = _DOMAIN.match(sid)
    numbers = [int(number) for number in match.groups() if number] if match else [1 << 32]
    if max(numbers) >= 1 << 32:
        msg = f"{sid!r} is not a domain SID of the form S-1-5-21-1-2-3."
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
    """Return all occurrences of a domain SID by offset, including those in free space.

    This takes little longer than reading the file.

    Raises:
        RegfError: `sid` is not a domain SID.
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
    """Whether text is part of a longer SID, which has another digit before or after it."""
    if form == "binary":
        return False
    width = 1 if form == "text" else 2
    around = content[start - width : start], content[end : end + width]
    return any(unit[:1].isdigit() and not any(unit[1:]) for unit in around)


def _divided(cells: Cells, patterns: dict[str, bytes]) -> Iterator[Hit]:
    """Yield occurrences that are split between two segments of big data."""
    content = cells.data
    reach = max(map(len, patterns.values())) - 1
    # The content of a cell begins at the second of two words.
    words = np.frombuffer(content, "<u4", len(content) // 8 * 2)[1::2]
    for index in np.flatnonzero(words & _LOW == _BIG_DATA).tolist():
        for one, two in data.seams(cells, 8 * index + 4):
            window = bytes(content[one - reach : one]) + bytes(content[two : two + reach])
            for form, pattern in patterns.items():
                place = window.find(pattern, max(0, reach - len(pattern) + 1))
                if 0 <= place < reach:
                    yield Hit(one - reach + place, form, (two, reach - place))


def replace(hive: Hive, old: str, new: str) -> list[Place]:
    """Replace a domain SID by another in a whole hive; return the places.

    Occurrences in free space and after the last bin are wiped instead. Last-written times stay. If the
    SIDs differ in length as text, names and text values are rewritten; text inside other data is not
    changed, because that data may store its length.

    Args:
        hive: the hive.
        old: the SID to replace.
        new: the new SID.

    Raises:
        RegfError: one is not a domain SID, or a key to rename has a sibling with the new name.
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
    """Wipe cells that the edits freed: a renamed key may move to another cell."""
    hits = find(hive, old)
    for hit, (cell, in_use) in zip(hits, _cells_with(hive.cells, hits), strict=True):
        if not in_use:
            _wipe(hive.cells, hit, cell, len(patterns[hit.form]))


# Complex: every occurrence is classified by its cell before the first edit moves cells.
def _resize(hive: Hive, old: str, new: str) -> list[Place]:
    """Rewrite names and texts whose length changes."""
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
    # Read all names before the first edit, which may reuse a value's cell. Edit values before keys,
    # because keys may move.
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


def _renames(hive: Hive, owners: dict[int, Owner], old: str, new: str) -> dict[int, str]:
    """Return the keys to rename and their new names, after checking that all can be renamed.

    The root is not in a list, so its name is changed in place like other bytes.
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
            msg = f"{hive.name}: {key.path} can't be renamed to {name}, which already exists."
            raise RegfError(msg)
        result[offset] = name
    return result


def _wipe(cells: Cells, hit: Hit, cell: int, length: int) -> None:
    """Wipe an occurrence in free space, with its whole free cell except the size."""
    start, end = hit.offset, hit.offset + length
    if cell >= 0:
        start = cell + baseblock.SIZE + 4
        end = max(end, cell + baseblock.SIZE + cells.u32(start - 4))
    cells.write(start, bytes(end - start))


def _cells_with(cells: Cells, hits: list[Hit]) -> list[tuple[int, bool]]:
    """Return for each hit the offset of its cell (-1 if none), and whether the cell is in use."""
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


def _owners(hive: Hive, wanted: set[int]) -> dict[int, Owner]:
    """Return the owner of each cell: what it holds, and offsets of its key and value."""
    survey = Survey.of(hive.cells, hive.root_offset) if wanted else None
    found = _surveyed(hive.cells, survey, wanted) if survey else None
    return _walked(hive, wanted) if found is None else found


def _surveyed(cells: Cells, survey: Survey, wanted: set[int]) -> dict[int, Owner] | None:
    """Look up all cells at once; None if one has two owners. The order is that of a walk."""
    ranks, sought = survey.ranks(), np.array(sorted(wanted), np.int64)
    found: list[tuple[int, int, Owner]] = []

    def take(offsets: Numbers, keys: Numbers | None, what: str) -> None:
        """Take offsets of cells and the indexes of their keys; without these, the cells are values'."""
        for index in np.flatnonzero(np.isin(offsets, sought)).tolist():
            key = index if keys is None else int(keys[index])
            value = None if keys is None else int(survey.values[index])
            owner = what, int(survey.keys[key]), value
            found.append((int(ranks[key]), int(offsets[index]), owner))

    take(survey.keys, None, "key name")
    take(survey.classes, None, "class name")
    take(survey.values, survey.owners, "value name")
    resident = survey.sizes & node.RESIDENT != 0
    take(np.where(resident, NIL, survey.places), survey.owners, "value data")
    for index in np.flatnonzero(~resident & (survey.sizes > data.SEGMENT)).tolist():
        if int(survey.places[index]) not in wanted:
            key, value = int(survey.owners[index]), int(survey.values[index])
            owner = "value data", int(survey.keys[key]), value
            position = value + baseblock.SIZE + 4
            for part in wanted.intersection(data.cells_of(cells, position)):
                found.append((int(ranks[key]), part, owner))
    found.sort(key=itemgetter(0))
    owners: dict[int, Owner] = {cell: owner for _, cell, owner in found}
    if len(owners) != len(found):
        return None
    shared = np.unique(survey.security)
    for cell in shared[np.isin(shared, sought)].tolist():
        if cell in owners:
            return None
        owners[cell] = "descriptor", None, None
    return owners


def _walked(hive: Hive, wanted: set[int]) -> dict[int, Owner]:
    """Walk a damaged hive, which raises RegfError at the damage."""
    cells, reader = hive.cells, Reader(hive.cells)
    found: dict[int, Owner] = {}
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
