"""How the cost of commands grows: with the number of files, and with unallocated space.

Processor time of whole processes on thin overlays, one run each. The volumes differ only in the number of
files, which share the same descriptors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import images
from bench.machines import on
from bench.process import RESEAL

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW = 10_000


def measure() -> Iterator[str]:
    """Yield the lines of the table."""
    few, many = images.big(FEW), images.big()
    for command in (("sid", "{}", "--quiet", "--new", "--yes"), ("verify", "{}", "--quiet")):
        small, large = (on(image, (RESEAL, *command)).processor for image in (few, many))
        yield f"{command[0]}, by the number of files"
        yield f"  {images.FILES:>7} files {large:26.3f} s"
        yield f"  {FEW:>7} files {small:26.3f} s"
        yield f"  {'ratio':<32} {large / small:8.2f}"
