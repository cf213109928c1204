"""Find out what is at an offset of a hive: a key, a value, or unused space."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from reseal.proof.hits import Place
from reseal.regf import Hive, Key, RegfError
from reseal.tree import join

SIGNATURE = b"regf"
#: Keys that are walked at most; a damaged hive may hold the same key endlessly.
_MAX_KEYS = 5_000_000


def places(hive: Hive, offsets: Iterable[int]) -> dict[int, tuple[Place, str]]:
    r"""Say what each offset of a hive's file is part of, from one walk over the hive.

    Args:
        hive: an opened hive, made whole from its logs.
        offsets: in its file, as `hive.cells.data` holds it.

    Returns:
        For each offset the kind of place and the path of the key, `key\\value` for a value. What no
        key and no value leads to is in a free cell, or behind what a cell holds.
    """
    wanted = sorted(set(offsets))
    found: dict[int, tuple[Place, str]] = {}

    def take(ranges: Iterable[tuple[int, int]], place: Place, path: str) -> None:
        for start, end in ranges:
            index = bisect_left(wanted, start)
            while index < len(wanted) and wanted[index] < end:
                found.setdefault(wanted[index], (place, path))
                index += 1

    pending: list[tuple[Key, str]] = [(hive.root, "")]
    for _ in range(_MAX_KEYS):
        if not pending or len(found) == len(wanted):
            break
        key, path = pending.pop()
        try:
            take(key.places, Place.KEY, path)
            take((key.descriptor_place,), Place.DESCRIPTOR, path)
            for value in key.values():
                take(value.places, Place.VALUE, f"{path}\\\\{value.name}")
            pending.extend((one, join(path, one.name)) for one in key.subkeys())
        except RegfError:
            # What is damaged leads nowhere; the check of the hives says that it is.
            continue
    return {offset: found.get(offset, (Place.FREE_CELL, "")) for offset in wanted}
