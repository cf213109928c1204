"""Compare the registry changes of reseal with those of Windows' Sysprep."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HIVES = (r"HKLM\SYSTEM", r"HKLM\SOFTWARE", r"HKLM\SAM", r"HKLM\SECURITY", r"HKU\.DEFAULT")
#: What must differ between two machines.
IDENTITIES = ("machine_sid", "machine_guid", "computer_name")
RESEAL = str(Path(sys.executable).with_name("reseal"))

#: A place in the registry: the hive, the key, the value's name or None.
Place = tuple[str, str, str | None]


def reseal(*arguments: str | Path) -> Any:
    """Run a reseal command with --json and return its output."""
    command = [RESEAL, *map(str, arguments), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode not in {0, 3}:
        msg = f"{' '.join(command)} failed: {done.stderr}"
        raise RuntimeError(msg)
    return json.loads(done.stdout)


def changes(before: Path, after: Path) -> dict[Place, Any]:
    """Return the change of each registry place that differs between two images."""
    found: dict[Place, Any] = {}
    for hive in HIVES:
        for one in reseal("reg", "diff", before, after, hive):
            found[hive, one["path"], one["value"]] = [one["kind"], one["after"]]
    return found


def same(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return the names of the identities that two machines share."""
    return [name for name in IDENTITIES if one[name] == other[name]]


def identities(found: dict[str, dict[str, Any]], pairs: list[tuple[str, str]]) -> str:
    """Show the identities of booted machines, and what each pair shares; return it in Markdown.

    Args:
        found: the identity of each machine.
        pairs: machines that must share nothing.
    """
    heads = ("machine", *IDENTITIES, "image_state")
    lines = ["# Identities after the first boot", "", f"| {' | '.join(heads)} |"]
    lines.append("|" + "---|" * len(heads))
    for name, identity in found.items():
        cells = (name, *(str(identity[head]) for head in heads[1:]))
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    for one, other in pairs:
        shared = same(found[one], found[other])
        lines.append(f"- {one} and {other} share {', '.join(shared) or 'nothing'}.")
    return "\n".join(lines) + "\n"


def report(base: Path, ours: Path, sysprep: Path) -> str:
    """Compare both results with the original; return the report in Markdown.

    Args:
        base: the original image.
        ours: the image that reseal generalized.
        sysprep: the image that Sysprep generalized.
    """
    mine, theirs = changes(base, ours), changes(base, sysprep)
    both = mine.keys() & theirs.keys()
    same = {place for place in both if mine[place] == theirs[place]}
    groups = (
        ("Both, alike", sorted(same, key=str)),
        ("Both, differently", sorted(both - same, key=str)),
        ("Sysprep alone", sorted(theirs.keys() - mine.keys(), key=str)),
        ("reseal alone", sorted(mine.keys() - theirs.keys(), key=str)),
    )
    lines = [
        "# The registry after Sysprep, and after reseal",
        "",
        "| group | places |",
        "|---|---|",
    ]
    lines += [f"| {title} | {len(places)} |" for title, places in groups]
    for title, places in groups[1:]:
        lines += ["", f"## {title}", ""]
        for hive, path, value in places:
            shown = rf"{hive}\{path}" + ("" if value is None else rf"\\{value}")
            place = hive, path, value
            lines.append(f"- `{shown}`: Sysprep {theirs.get(place, 'nothing')}, "
                         f"reseal {mine.get(place, 'nothing')}")  # fmt: skip
    return "\n".join(lines) + "\n"
