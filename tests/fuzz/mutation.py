"""Inputs made from good ones by damage, the same for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

#: Numbers at which parsers break: bounds of each width, and what becomes negative or overflows.
NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
           0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF)  # fmt: skip


#: Values to put where JSON should hold something else.
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1 << 40, 1 << 70, 1.5, "", "x", "..", "/", "a" * 3000, [], {}),
    *([[]], {"": 0}, "S-1-5-21-1-2-3", "\0", "\ud800"),
)


def mutated(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """Return a good input with one to eight pieces of damage."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 2, 3, 5, 8))):
        _damage(data, seeds, chance)
    return bytes(data)


def restructured(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """Return good lines of JSON of which some values were replaced by others, so that it stays JSON."""
    lines = chance.choice(seeds).splitlines()
    while chance.randrange(2):
        lines += chance.choice(seeds).splitlines()
    parsed = [json.loads(line) for line in lines]
    for _ in range(chance.choice((1, 1, 2, 3))):
        holders = list(_holders(parsed))
        holder, key = chance.choice(holders)
        other, place = chance.choice(holders)
        holder[key] = json.loads(json.dumps(chance.choice([*VALUES, other[place]])))
    return b"\n".join(json.dumps(one).encode() for one in parsed)


def _holders(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in a value, as the list or dictionary with it, and its index or key."""
    if isinstance(value, dict | list):
        for key in range(len(value)) if isinstance(value, list) else list(value):
            yield value, key
            yield from _holders(value[key])


def _damage(data: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    place = chance.randrange(len(data) + 1)
    size = min(chance.choice((1, 2, 4, 8, 16, 64)), len(data) - place)
    match chance.randrange(8):
        case 0 if data:
            data[place - 1] ^= 1 << chance.randrange(8)
        case 1 | 2:
            width = chance.choice((1, 2, 4, 8))
            number = chance.choice(NUMBERS) & ((1 << 8 * width) - 1)
            data[place : place + width] = number.to_bytes(
                width, chance.choice(("little", "little", "big"))
            )
        case 3:
            data[place : place + size] = chance.randbytes(size)
        case 4:
            del data[place : place + size]
        case 5:
            data[place:place] = data[place : place + size] * chance.choice((1, 2, 20))
        case 6:
            other = chance.choice(seeds)
            start = chance.randrange(len(other) + 1)
            data[place : place + size] = other[start : start + size]
        case _:
            del data[chance.randrange(len(data) + 1) :]


def edits(base: bytes, places: Sequence[int], data: bytes) -> bytes:
    """Read an input as edits of something large.

    Args:
        base: what is edited; its size stays.
        places: where it is worth it.
        data: four bytes for an edit: which place, how far behind it (two bytes), what.
    """
    edited = bytearray(base)
    for index in range(0, len(data) - 4, 5):
        place, low, high, what, value = data[index : index + 5]
        at = places[place % len(places)] + (low | (high & 1) << 8)
        width = 1 << (what & 3)
        number = NUMBERS[value % len(NUMBERS)] if what & 4 else value
        raw = (number & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        if what & 8:
            raw = bytes([value]) * width
        if at + width <= len(edited):
            edited[at : at + width] = raw
    return bytes(edited)
