"""One input after the other, and what may become of it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from reseal.errors import ResealError
from tests.fuzz.mutation import mutated, restructured
from tests.fuzz.targets import TARGETS

#: Processor seconds that no input of these sizes may take.
SLOW = 5.0


class Surprise(AssertionError):  # noqa: N818  it is no error of the program's
    """An input that ended in anything but a result or an error of reseal's."""


def inputs(name: str) -> Iterator[tuple[int, bytes]]:
    """Yield the inputs of a target, without end and the same every time: the good ones first."""
    seeds = TARGETS[name].seeds()
    yield from enumerate(seeds)
    number = len(seeds)
    while True:
        chance = random.Random(f"{name} {number}")
        lines = TARGETS[name].lines and number % 4
        yield number, (restructured if lines else mutated)(seeds, chance)
        number += 1


def tried(name: str, number: int, data: bytes) -> None:
    """Try one input.

    Raises:
        Surprise: it is a surprise; the input is in the message.
    """
    start = time.process_time()
    try:
        TARGETS[name].run(data)
    except ResealError:
        pass
    except Exception as error:
        raise Surprise(f"{name} {number} {data[:500].hex()}") from error
    if time.process_time() - start > SLOW:
        raise Surprise(f"{name} {number} takes {time.process_time() - start:.1f} s")
