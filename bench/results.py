"""All measurements as a table and a chart for the performance page.

A measurement yields text in this format: a line with the subject, then lines indented by two spaces with a
name, a time (`0.123 s` or `7.1 ms`) and a remark. Names with `(floor)` or `(peer)` are compared with the
first name that has neither, which is reseal. Other lines are only printed.
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
#: Dimensions of the chart in its coordinates.
_WIDTH, _NAMES, _ROW = 760, 330, 46
#: Bars for larger ratios are truncated; the number is always shown.
_LONGEST = 8.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """reseal compared with a floor or a peer.

    Attributes:
        what: the subject.
        ours: the name of reseal's measurement.
        seconds: its time.
        other: the name of the floor or peer.
        other_seconds: the time of the floor or peer.
    """

    what: str
    ours: str
    seconds: float
    other: str
    other_seconds: float

    @property
    def ratio(self) -> float:
        """reseal's time divided by the other; below 1, reseal is faster."""
        return self.seconds / self.other_seconds if self.other_seconds else float("inf")

    @property
    def is_floor(self) -> bool:
        """Whether the other is a floor: the minimum possible work."""
        return _FLOOR in self.other


def comparisons(lines: Iterable[str]) -> Iterator[Comparison]:
    """Yield the comparisons in the lines of measurements."""
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
        "| what | reseal | compared with | | ratio |",
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
    """Return the ratios as an SVG bar chart, with a line at ratio 1."""
    scale = (_WIDTH - _NAMES - 60) / _LONGEST
    one_at = _NAMES + scale
    height = len(found) * _ROW + 30
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
            'aria-label="reseal\'s time as a multiple of the floor or the peer">'
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
            f'<text x="0" y="{top + 27}" opacity=".75">{escape(_short(f"compared with {one.other}"))}</text>',
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
    """Write the table and the chart into the page, and the chart to a file in the same folder.

    Args:
        lines: the output of all measurements.
        page: the page, with a place for them between two comments.
        machine: a line of text that describes the machine.
    """
    found = list(comparisons(lines))
    picture = page.with_name("performance.svg")
    picture.write_text(chart(found), "utf-8")
    head, _, rest = page.read_text("utf-8").partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    alt = "reseal's time as a multiple of the floor or the peer"
    made = f"{_BEGIN}\n{machine}\n\n{table(found)}\n\n![{alt}]({picture.name})\n\n"
    made += "Blue: compared with a floor. Green: with a peer; bars left of the line are faster.\n\n"
    made += "All that was printed:\n\n```text\n" + "\n".join(lines) + "\n```\n"
    page.write_text(f"{head}{made}{_END}{tail}", "utf-8")
