"""Find many sequences of bytes at once, at about the speed of reading.

Every occurrence of seven bytes or more covers a whole 32-bit word at an address that four divides. So
only those words are looked at, a quarter of all bytes: each is folded to lower case, hashed, and
looked up in a table of 64 KiB, which numpy does for a block in the cache at about two GB a second.
What passes is compared in full. Shorter sequences are sought one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from reseal.proof.needles import Needle

#: Words, hashes and flags of one part stay in the processor's cache.
_PART = 256 << 10
_WORD = 4
#: Any occurrence of so many bytes covers a whole aligned word.
_SMALLEST = 2 * _WORD - 1
_FOLD = 0x20202020
#: The golden ratio: its multiples spread over the upper half of a word (Knuth).
_SPREAD = 0x9E3779B1


class Scanner:
    """Looks for a fixed set of needles.

    Attributes:
        needles: what is looked for.
        longest: bytes of the longest; blocks that are scanned one by one must overlap by one less.
    """

    def __init__(self, needles: Sequence[Needle]) -> None:
        self.needles = tuple(needles)
        self.longest = max((len(one.data) for one in needles), default=1)
        #: A word, folded -> needles that have it, and where.
        self._anchors: dict[int, list[tuple[int, int]]] = {}
        self._short: list[int] = []
        for index, needle in enumerate(self.needles):
            if len(needle.data) < _SMALLEST:
                self._short.append(index)
                continue
            first = _rarest(needle.data)
            for place in range(first, first + _WORD):
                word = int.from_bytes(needle.data[place : place + _WORD], "little") | _FOLD
                self._anchors.setdefault(word, []).append((index, place))
        self._table = np.zeros(1 << 16, np.bool_)
        anchors = np.array(sorted(self._anchors), np.uint32)
        self._words = anchors
        self._table[(anchors * np.uint32(_SPREAD)) >> np.uint32(16)] = True

    def find(self, block: bytes) -> Iterator[tuple[int, int]]:
        """Yield the place in the block and the number of the needle of every occurrence."""
        if self._anchors:
            for start in range(0, len(block), _PART):
                yield from self._part(block, start)
        for index in self._short:
            yield from self._one(block, index)

    def _part(self, block: bytes, start: int) -> Iterator[tuple[int, int]]:
        count = min(_PART, len(block) - start) // _WORD
        if not count:
            return
        words = np.frombuffer(block, "<u4", count, start) | np.uint32(_FOLD)
        hashes = (words * np.uint32(_SPREAD)).view(np.uint16)[1::2]
        places = np.flatnonzero(np.take(self._table, hashes, mode="clip"))
        if not places.size:
            return
        passed = words[places]
        exact = self._words[np.searchsorted(self._words, passed).clip(max=self._words.size - 1)]
        for place in places[exact == passed].tolist():
            for index, shift in self._anchors[int(words[place])]:
                at = start + place * _WORD - shift
                if at >= 0 and self._is_there(block, at, index):
                    yield at, index

    def _one(self, block: bytes, index: int) -> Iterator[tuple[int, int]]:
        needle = self.needles[index]
        searched = block.lower() if needle.folded else block
        at = searched.find(needle.data)
        while at >= 0:
            if self._is_there(block, at, index):
                yield at, index
            at = searched.find(needle.data, at + 1)

    def _is_there(self, block: bytes, at: int, index: int) -> bool:
        needle = self.needles[index]
        end = at + len(needle.data)
        found = block[at:end]
        if (found.lower() if needle.folded else found) != needle.data:
            return False
        if not needle.unit:
            return True
        unit = needle.unit
        before, after = block[max(at - unit, 0) : at], block[end : end + unit]
        return not (_in_word(before) or _in_word(after))


def _in_word(character: bytes) -> bool:
    """Whether a character of one or two bytes continues a word or a name."""
    head, rest = character[:1], character[1:]
    return (head.isalnum() or head in {b"-", b"_"}) and not rest.strip(b"\0")


def _rarest(data: bytes) -> int:
    """Choose where the four words that stand for a needle begin: those that chance makes least."""

    def worth(place: int) -> tuple[int, int]:
        windows = (data[one : one + _WORD] for one in range(place, place + _WORD))
        return min(len(set(window.strip(b"\0 "))) for window in windows), place

    return max(range(len(data) - _SMALLEST + 1), key=worth)
