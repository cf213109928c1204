"""All measurements as one table and a chart, for the page on performance.

What a measurement yields is text with a form: a line that says what was measured; then, two spaces
before each, lines with a name, a time (`0.123 s` or `7.1 ms`) and any remark. Ways with `(floor)` or
`(peer)` in their names stand beside the first way that has neither, which is reseal's. All other lines
are for people alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_WAY = re.compile(r"  (\S.*?)\s{2,}([\d.]+) (ms|s)\b")
_FLOOR, _PEER = "(floor)", "(peer)"
_BEGIN, _END = "<!-- bench -->", "<!-- /bench -->"
#: Of the chart, in units of its own coordinates.
_WIDTH, _NAMES, _ROW = 760, 330, 46
#: A ratio above this is cut off in the chart; its number stands beside it.
_LONGEST = 8.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One way of reseal's beside one other.

    Attributes:
        what: was measured.
        ours: the name of reseal's way.
        seconds: it took.
        other: the name of the floor or the peer.
        other_seconds: it took.
    """

    what: str
    ours: str
    seconds: float
    other: str
    other_seconds: float

    @property
    def ratio(self) -> float:
        """How many times the other reseal takes; below 1 it is faster."""
        return self.seconds / self.other_seconds if self.other_seconds else float("inf")

    @property
    def is_floor(self) -> bool:
        """Whether the other is the least that anybody could do."""
        return _FLOOR in self.other


def comparisons(lines: Iterable[str]) -> Iterator[Comparison]:
    """Yield what the lines of measurements compare."""
    what, ways = "", list[tuple[str, float]]()
    for line in [*lines, "the end"]:
        way = _WAY.match(line)
        if way:
            ways.append((way[1], float(way[2]) / (1000 if way[3] == "ms" else 1)))
        elif not line.startswith(" "):
            beside = [one for one in ways if _FLOOR in one[0] or _PEER in one[0]]
            own = [one for one in ways if one not in beside]
            for other in beside if own else ():
                yield Comparison(what, *own[0], *other)
            what, ways = line, []


def table(found: Iterable[Comparison]) -> str:
    """Return the table of the page, in Markdown."""
    lines = [
        "| what | reseal | beside it | | ratio |",
        "|---|---|---|---|---|",
    ]
    for one in found:
        kind = "floor" if one.is_floor else "peer"
        name = one.other.replace(_FLOOR, "").replace(_PEER, "").strip()
        lines.append(
            f"| {one.what} | {one.seconds:.3f} s | {kind}: {name} | {one.other_seconds:.3f} s | "
            f"{one.ratio:.2f} |"
        )
    return "\n".join(lines)


def chart(found: list[Comparison]) -> str:
    """Return the ratios as an SVG of bars, with a line where both take the same time."""
    scale = (_WIDTH - _NAMES - 60) / _LONGEST
    one_at = _NAMES + scale
    height = len(found) * _ROW + 30
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
            'aria-label="How many times the floor or the peer reseal takes">'
        ),
        (
            "<style>text{font:13px sans-serif;fill:#57606a}.own{fill:#3b7dc4}.peer{fill:#2f9e62}"
            "line{stroke:#8a949e;stroke-dasharray:3 3}</style>"
        ),
    ]
    for index, one in enumerate(found):
        top = 24 + index * _ROW
        width = max(min(one.ratio, _LONGEST) * scale, 2)
        kind = "own" if one.is_floor else "peer"
        parts += [
            f'<text x="0" y="{top + 12}">{escape(_short(one.what))}</text>',
            f'<text x="0" y="{top + 27}" opacity=".75">{escape(_short(f"beside {one.other}"))}</text>',
            f'<rect class="{kind}" x="{_NAMES}" y="{top}" width="{width:.1f}" height="18" rx="2"/>',
            f'<text x="{_NAMES + width + 6:.1f}" y="{top + 14}">{one.ratio:.2f}</text>',
        ]
    parts += [
        f'<line x1="{one_at:.1f}" x2="{one_at:.1f}" y1="16" y2="{height}"/>',
        f'<text x="{one_at:.1f}" y="11" text-anchor="middle">as long</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _short(text: str, length: int = 46) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def write(lines: list[str], page: Path, machine: str) -> None:
    """Put the table and the chart into the page, and the chart's file beside it.

    Args:
        lines: of all measurements.
        page: has a place for them, between two comments.
        machine: on which they were made, a line of text.
    """
    found = list(comparisons(lines))
    picture = page.with_name("performance.svg")
    picture.write_text(chart(found), "utf-8")
    head, _, rest = page.read_text("utf-8").partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    alt = "How many times the floor or the peer reseal takes"
    made = f"{_BEGIN}\n{machine}\n\n{table(found)}\n\n![{alt}]({picture.name})\n\n"
    made += "Blue: beside a floor. Green: beside a peer; shorter than the line is faster.\n\n"
    made += "All that was printed:\n\n```text\n" + "\n".join(lines) + "\n```\n"
    page.write_text(f"{head}{made}{_END}{tail}", "utf-8")
