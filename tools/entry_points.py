"""Write docs/entry-points.md: how reseal handles each entry point of real plans, by build.

The argument is a Markdown table of entry points and builds, such as the one with the real action files:
`| order | component | kind | method | dll | builds |`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from reseal.checks import CHECKS
from reseal.providers.plugins import own
from reseal.sysprep.action_file import Module
from reseal.sysprep.entry_points import Disposition, disposition

_ROW = re.compile(r"\| \S+ \| \S+ \| (?:Module|Validate) \| (\w+) \| (\S+) \| ([\d ]+) \|")
_ABOUT = (
    "Made by `tools/entry_points.py` from the action files of real Windows builds. A cell says what "
    "reseal does with the entry point in that build; an empty one, that the build does not call it."
)
_WORDS = {
    Disposition.EMULATED: "emulated",
    Disposition.LEFT_TO_WINDOWS: "left to Windows",
    Disposition.NOT_CARRIED_OUT: "not carried out",
    Disposition.NOTHING_TO_DO: "nothing to do",
    Disposition.UNKNOWN: "unknown",
}


def table(summary: str) -> str:
    """Return the page for a table of entry points."""
    rows = [(method, dll, builds.split()) for method, dll, builds in _ROW.findall(summary)]
    builds = sorted({build for _, _, listed in rows for build in listed}, key=int)
    marks = {one.id: one.mark for one in own()} | {one.id: one.mark for one in CHECKS}
    lines = [
        "# What becomes of Sysprep's entry points",
        "",
        _ABOUT,
        "",
        f"| entry point | {' | '.join(builds)} | by whom, or why | mark |",
        f"|---|{'---|' * len(builds)}---|---|",
    ]
    for method, dll, listed in rows:
        module = Module(dll.rpartition("\\")[2].lower(), method, validate=False)
        what, why = disposition(module)
        cells = " | ".join(_WORDS[what] if build in listed else "" for build in builds)
        known = ", ".join(dict.fromkeys(marks[one] for one in why.split(", ") if one in marks))
        lines.append(f"| `{module}` | {cells} | {why} | {known or 'inferred'} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path("docs/entry-points.md").write_text(table(Path(sys.argv[1]).read_text()))
