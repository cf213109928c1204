"""Find out what is at an offset of a hive: a key, a value, or unused space."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from contextlib import suppress

import numpy as np

from reseal.proof.hits import Place
from reseal.regf import Hive, Key, RegfError, baseblock, data, names, node
from reseal.regf.survey import Numbers, Survey
from reseal.tree import join

SIGNATURE = b"regf"
#: Keys that are walked at most; a damaged hive may hold the same key endlessly.
_MAX_KEYS = 5_000_000
#: From a cell's offset to the place of its content in the file.
_CONTENT = baseblock.SIZE + 4


def places(hive: Hive, offsets: Iterable[int]) -> dict[int, tuple[Place, str]]:
    r"""Say what each offset of a hive's file is part of, from one walk over the hive.

    Args:
        hive: an opened hive, made whole from its logs.
        offsets: in its file, as `hive.cells.data` holds it.

    Returns:
        For each offset the kind of place and the path of the key, `key\\value` for a value. What no
        key and no value leads to is in a free cell, or behind what a cell holds.
    """
    wanted = np.array(sorted(set(offsets)), np.int64)
    if not len(wanted):
        return {}
    survey = Survey.of(hive.cells, hive.root_offset)
    try:
        found = _surveyed(hive, survey, wanted) if survey else _walked(hive, wanted.tolist())
    except RegfError:
        found = _walked(hive, wanted.tolist())
    return {offset: found.get(offset, (Place.FREE_CELL, "")) for offset in wanted.tolist()}


def _surveyed(hive: Hive, survey: Survey, wanted: Numbers) -> dict[int, tuple[Place, str]]:
    """Look up all offsets at once; build only the paths that are asked for."""
    cells, found = hive.cells, dict[int, tuple[Place, str]]()
    paths = {0: ""}

    def path(key: int) -> str:
        below = []
        while key not in paths:
            below.append(key)
            key = int(survey.parents[key])
        for one in reversed(below):
            paths[one] = join(paths[key], names.of_key(cells, int(survey.keys[one])))
            key = one
        return paths[key]

    def value(index: int) -> str:
        name = names.of_value(cells, int(survey.values[index]))
        return f"{path(int(survey.owners[index]))}\\\\{name}"

    def take(starts: Numbers, sizes: Numbers, place: Place, shown: Callable[[int], str]) -> None:
        """Take the offsets that are in ranges of the file."""
        begins, ends = np.searchsorted(wanted, starts), np.searchsorted(wanted, starts + sizes)
        for index in np.flatnonzero(ends > begins).tolist():
            for offset in wanted[begins[index] : ends[index]].tolist():
                found.setdefault(offset, (place, shown(index)))

    take(survey.keys + _CONTENT, survey.name_sizes + node.NK_SIZE, Place.KEY, path)
    take(survey.classes + _CONTENT, survey.class_sizes, Place.KEY, path)
    # A descriptor is shown with the key that a walk meets first.
    order = np.argsort(survey.ranks(last_first=True))
    shared, first = np.unique(survey.security[order], return_index=True)
    ends = [cells.locate(offset, 0, "a security descriptor")[1] for offset in shared.tolist()]
    take(
        shared + _CONTENT,
        np.array(ends, np.int64) - shared - _CONTENT,
        Place.DESCRIPTOR,
        lambda index: path(int(order[first[index]])),
    )
    take(survey.values + _CONTENT, survey.value_name_sizes + node.VK_SIZE, Place.VALUE, value)
    sizes = np.where(survey.fits, survey.sizes, 0)
    take(survey.places + _CONTENT, sizes, Place.VALUE, value)
    for index in np.flatnonzero(survey.divided).tolist():
        position = int(survey.values[index]) + _CONTENT
        pieces = np.array(data.pieces(cells, position), np.int64)
        lengths = pieces[:, 1] - pieces[:, 0]
        take(pieces[:, 0], lengths, Place.VALUE, lambda _, one=index: value(one))  # type: ignore[misc]
    return found


def _walked(hive: Hive, wanted: list[int]) -> dict[int, tuple[Place, str]]:
    """Walk a damaged hive key by key. What is damaged leads nowhere; the check of the hives reports it."""
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
        with suppress(RegfError):
            take(key.places, Place.KEY, path)
            take((key.descriptor_place,), Place.DESCRIPTOR, path)
            for value in key.values():
                take(value.places, Place.VALUE, f"{path}\\\\{value.name}")
            pending.extend((one, join(path, one.name)) for one in key.subkeys())
    return found
