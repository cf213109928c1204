"""Damage a volume, then use it in every way: `python -m tests.ntfs.fuzz VOLUME FIRST COUNT`.

Prints one line for each seed: what became of it. Anything but success or an ImageError ends the
program with a traceback. A crash of libntfs-3g ends it, too, as it may: in reseal, the library
lives in a worker process.
"""

import random
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from reseal import tree
from reseal.errors import ImageError
from reseal.ntfs import Volume, shadow_copies
from tests.fuzz.memory import Memory
from tests.ntfs.streams import named_streams

if TYPE_CHECKING:
    from collections.abc import Callable


def targets(content: bytes) -> list[int]:
    """Return the offsets of records worth damaging: file records, index blocks, the boot sector."""
    found = [0]
    for signature in (b"FILE", b"INDX", b"RSTR"):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            if start % 512 == 0:
                found.append(start)
    return found


def damage(content: bytes, records: list[int], chance: random.Random) -> bytearray:
    """Change a few bytes of a few records, update sequences left right."""
    raw = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        record = chance.choice(records)
        position = record + chance.randrange(512)
        if position % 512 >= 510:
            continue
        width = chance.choice([1, 1, 2, 4, 8])
        value = chance.choice(
            [0, 1, 0xFF, 0x7F, 0xFFFFFFFFFFFFFFFF, chance.randrange(256), raw[position] ^ 1]
        )
        raw[position : position + width] = (value & ((1 << 8 * width) - 1)).to_bytes(
            width, "little"
        )
    return raw


def walk(volume: Volume, outcome: Counter[str]) -> list[tuple[str, tree.Stat]]:
    """Return what can be found on a volume, to a bound."""
    pending = [""]
    found: list[tuple[str, tree.Stat]] = []
    while pending and len(found) < 2000:
        folder = pending.pop()
        try:
            entries = volume.list(folder)
        except ImageError:
            outcome["list"] += 1
            continue
        for entry in entries:
            path = tree.join(folder, entry.name)
            found.append((path, entry))
            if entry.is_directory and not entry.reparse_tag and path.count("\\") < 8:
                pending.append(path)
    return found


def read(volume: Volume, path: str, outcome: Counter[str]) -> None:
    """Read everything about a file."""
    verbs: list[Callable[[str], object]] = [
        volume.stat,
        lambda path: volume.read(path, 0, 1 << 20),
        lambda path: named_streams(volume, path),
        volume.read_reparse,
        volume.descriptor,
    ]
    for verb in verbs:
        try:
            verb(path)
        except ImageError:
            outcome["read"] += 1


def write(volume: Volume, path: str, number: int, outcome: Counter[str]) -> None:
    """Change a file in one way or another."""
    verbs: list[Callable[[], object]] = [
        lambda: volume.write(path, b"new content" * number * 100),
        lambda: volume.rename(path, f"{path} renamed"),
        lambda: volume.create(f"{path} new", b"x" * 3000),
        lambda: volume.delete(path),
        lambda: volume.patch(path, number * 1000, b"patched"),
    ]
    try:
        verbs[number % len(verbs)]()
    except ImageError:
        outcome["write"] += 1


def use(content: bytes, *, read_only: bool, outcome: Counter[str]) -> None:
    """Open a volume and read, or read and write, everything."""
    try:
        volume = Volume.open(Memory(content), read_only=read_only, name="disk")
    except ImageError as error:
        outcome[type(error).__name__] += 1
        return
    found = walk(volume, outcome)
    for path, _ in found:
        read(volume, path, outcome)
    if not read_only:
        files = [path for path, entry in found if not entry.is_directory]
        for number, path in enumerate(files[-40:]):
            write(volume, path, number, outcome)
    try:
        if not read_only:
            shadow_copies.discard(volume)
        volume.close()
    except ImageError:
        outcome["close"] += 1


def main() -> None:
    """Run COUNT seeds from FIRST on a volume."""
    content = Path(sys.argv[1]).read_bytes()
    first, count = int(sys.argv[2]), int(sys.argv[3])
    records = targets(content)
    for seed in range(first, first + count):
        print(seed, end=" ", flush=True)
        damaged = bytes(damage(content, records, random.Random(seed)))
        outcome = Counter[str]()
        for read_only in (True, False):
            use(damaged, read_only=read_only, outcome=outcome)
        print(*(f"{what} {count}" for what, count in sorted(outcome.items())), flush=True)


if __name__ == "__main__":
    main()
