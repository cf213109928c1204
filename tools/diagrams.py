"""Draw the pictures of docs/development: `python -m tools.diagrams` writes them, a test compares them.

Each is a column of boxes, top to bottom in the order in which the code runs, so that a change of the code
is a change of a line here.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).parents[1] / "docs" / "development"

#: (where, what happens): the process that a box belongs to decides its colour.
Row = tuple[str, str, str]
_PARENT, _WORKER, _FORK = "parent", "worker", "fork"
_COLOURS = {_PARENT: "#dbe7f3", _WORKER: "#fdeccd", _FORK: "#dff0d8"}

GENERALIZE: tuple[Row, ...] = (
    (_PARENT, "reseal.cli.generalize", "turns options into a GeneralizeRequest"),
    (_PARENT, "reseal.operations.generalize", "checks the request; Generalize(request)"),
    (_PARENT, "reseal.operations.operation.run", "opens a run with how and where to write"),
    (_PARENT, "reseal.run.image.change", "chooses the medium: disk, folder or WIM"),
    (_PARENT, "reseal.run.disk.Disk", "locks the image, lays an overlay, serves it on a socket"),
    (_WORKER, "reseal.worker", "a forked, sandboxed process; dies with its parent"),
    (_WORKER, "reseal.run.opening", "partitions, NTFS volumes, Windows installations"),
    (_WORKER, "reseal.run.work.perform", "begins a Session on the chosen installation"),
    (_WORKER, "Generalize.result", "drivers, steps, checks, plan, arming, answer file, SID"),
    (_WORKER, "reseal.sysprep, reseal.providers", "stage every change with the session's verbs"),
    (_WORKER, "Session.commit", "hives and files go to the NTFS volume in the overlay"),
    (_WORKER, "Generalize.recheck", "reads the written volume again, with fresh objects"),
    (_PARENT, "reseal.disk.transaction", "merges the overlay, with a journal to resume from"),
    (_PARENT, "reseal.report", "renders the record as text, JSON or HTML"),
)
CLONE: tuple[Row, ...] = (
    (_PARENT, "reseal.clone.table", "reads the table: FleetRow"),
    (_PARENT, "reseal.clone.fleet", "checks all rows: FleetMachine; fleet.json is begun"),
    (_PARENT, "reseal.clone.pool", "starts workers on this computer, or on a cluster"),
    (_WORKER, "reseal.clone.workshop", "opens the golden image once: volume, hives, logs"),
    (_FORK, "reseal.specialize", "stages one machine, as `reseal specialize` does"),
    (_FORK, "reseal.run.disk.write_volume", "writes it into memory, and reads it back"),
    (_FORK, "reseal.disk.thin", "writes changed clusters as a qcow2 over the golden image"),
    (_WORKER, "reseal.clone.workshop", "checks the new file's header, gives it its name"),
    (_PARENT, "reseal.clone.record", "adds the machine to fleet.json: FleetEntry"),
)
PICTURES = {"generalize.svg": GENERALIZE, "clone.svg": CLONE}


def draw(rows: tuple[Row, ...]) -> str:
    """Return a picture as SVG."""
    step, height, width = 52, 38, 640
    total = len(rows) * step + 34
    box = f'viewBox="0 0 {width} {total}" role="img" font-family="sans-serif" font-size="13"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {box}>']
    for number, (process, where, what) in enumerate(rows):
        y = number * step + 4
        if number:
            parts.append(f'<path d="M320 {y - 14}v12" stroke="#667" stroke-width="2"/>')
        parts.append(
            f'<rect x="8" y="{y}" width="{width - 16}" height="{height}" rx="6" '
            f'fill="{_COLOURS[process]}" stroke="#667"/>'
            f'<text x="20" y="{y + 16}" fill="#111" font-family="monospace">{escape(where)}</text>'
            f'<text x="20" y="{y + 32}" fill="#111">{escape(what)}</text>'
        )
    for number, process in enumerate(dict.fromkeys(row[0] for row in rows)):
        x = 12 + number * 150
        parts.append(
            f'<rect x="{x}" y="{total - 24}" width="14" height="14" '
            f'fill="{_COLOURS[process]}" stroke="#667"/>'
            f'<text x="{x + 20}" y="{total - 12}" fill="#777">{process}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    """Write the pictures."""
    for name, rows in PICTURES.items():
        (FOLDER / name).write_text(draw(rows), "utf-8")


if __name__ == "__main__":
    main()
