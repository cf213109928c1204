"""Find many sequences of bytes at once, at about the speed of reading.

Every occurrence of seven bytes or more covers a whole 32-bit word at an address that four divides. So
only those words are looked at, a quarter of all bytes: each is folded to lower case, hashed, and
looked up in a table of 64 KiB, which numpy does for a block in the cache at about two GB a second.
What passes is compared in full. For sequences of five and six bytes, such as MAC addresses, a second pass
looks at the words in between, for those of four bytes, two more. Shorter ones are searched one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from reseal.proof.needles import Needle

#: Words, hashes and flags of one part stay in the processor's cache.
_PART = 256 << 10
_WORD = 4
#: Any occurrence of so many bytes covers a whole aligned word.
_LONG = 2 * _WORD - 1
#: Occurrences of short needles in a block that are put in order; a hostile block may be full of them.
_KEPT = 1 << 16
_FOLD = 0x20202020
#: The golden ratio: its multiples spread over the upper half of a word (Knuth).
_SPREAD = 0x9E3779B1


class Anchors:
    """The words for which one pass looks."""

    def __init__(self) -> None:
        #: A word, folded -> needles that have it, and where.
        self._needles: dict[int, list[tuple[int, int]]] = {}
        self._table = np.zeros(1 << 16, np.bool_)
        self._words = np.zeros(0, np.uint32)

    def __bool__(self) -> bool:
        return bool(self._needles)

    def add(self, index: int, data: bytes, places: range) -> None:
        """Add the words at some places of a needle.

        Args:
            index: of the needle.
            data: its bytes.
            places: offsets in them.
        """
        for place in places:
            word = int.from_bytes(data[place : place + _WORD], "little") | _FOLD
            self._needles.setdefault(word, []).append((index, place))

    def settle(self) -> None:
        """Build the tables from all words that were added."""
        self._words = np.array(sorted(self._needles), np.uint32)
        self._table[(self._words * np.uint32(_SPREAD)) >> np.uint32(16)] = True

    def find(self, block: bytes, start: int) -> Iterator[tuple[int, int]]:
        """Yield the place in the block and the number of each needle whose word is there.

        Args:
            block: the bytes.
            start: the place of the first word; `_PART` bytes are searched.
        """
        count = min(_PART, len(block) - start) // _WORD
        if count <= 0:
            return
        words = np.frombuffer(block, "<u4", count, start) | np.uint32(_FOLD)
        hashes = (words * np.uint32(_SPREAD)).view(np.uint16)[1::2]
        places = np.flatnonzero(np.take(self._table, hashes, mode="clip"))
        if not places.size:
            return
        passed = words[places]
        exact = self._words[np.searchsorted(self._words, passed).clip(max=self._words.size - 1)]
        for place in places[exact == passed].tolist():
            for index, shift in self._needles[int(words[place])]:
                at = start + place * _WORD - shift
                if at >= 0:
                    yield at, index


class Scanner:
    """Looks for a fixed set of needles.

    Attributes:
        needles: what is looked for.
        longest: bytes of the longest; blocks that are scanned one by one must overlap by one less.
    """

    def __init__(self, needles: Sequence[Needle]) -> None:
        self.needles = tuple(needles)
        self.longest = max((len(one.data) for one in needles), default=1)
        #: For each of the four alignments of a word.
        self._passes = tuple(Anchors() for _ in range(_WORD))
        self._shortest: list[int] = []
        for index, needle in enumerate(self.needles):
            size = len(needle.data)
            if size < _WORD:
                self._shortest.append(index)
                continue
            # Of so many words in a row, one is at an address that one of the passes looks at.
            count = next(one for one in (4, 2, 1) if size >= _WORD + one - 1)
            first = _rarest(needle.data, count)
            for alignment in range(0, _WORD, count):
                self._passes[alignment].add(index, needle.data, range(first, first + count))
        for one in self._passes:
            one.settle()

    def find(self, block: bytes) -> Iterator[tuple[int, int]]:
        """Yield the place in the block and the number of the needle of every occurrence.

        Long needles come first, by place, then short ones one after another.
        """
        short: list[tuple[int, int]] = []
        for start in range(0, len(block), _PART):
            found = sorted(
                one
                for alignment, anchors in enumerate(self._passes)
                if anchors
                for one in anchors.find(block, start + alignment)
                if self._is_there(block, *one)
            )
            for at, index in found:
                if len(self.needles[index].data) < _LONG and len(short) < _KEPT:
                    short.append((index, at))
                else:
                    yield at, index
        yield from ((at, index) for index, at in sorted(short))
        for index in self._shortest:
            yield from self._one(block, index)

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


def _rarest(data: bytes, count: int) -> int:
    """Choose where the words that stand for a needle begin: those that chance makes least."""

    def worth(place: int) -> tuple[int, int]:
        windows = (data[one : one + _WORD] for one in range(place, place + count))
        return min(len(set(window.strip(b"\0 "))) for window in windows), place

    return max(range(len(data) - (_WORD + count - 1) + 1), key=worth)
