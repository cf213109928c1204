"""One command on several images: a result for each, and a table at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from reseal.cli import console
from reseal.cli.run import Run
from reseal.errors import ResealError

Record = dict[str, Any]


def each(
    images: tuple[Path, ...],
    run: Run,
    look: Callable[[Path], Record],
    lines: Callable[[Record], Iterator[str]],
    *,
    verdict: Callable[[Record], str],
    exit_code: Callable[[Record], int] = lambda _: 0,
) -> int:
    """Look at images one after the other, and show what is found; return the highest exit code.

    An image that can't be read does not stop the others. With --json, several images are a line each.

    Args:
        images: the images.
        run: what is shown.
        look: returns the record of an image.
        lines: the record as text.
        verdict: the record as a few words, for the table.
        exit_code: the exit code of a record.
    """
    if len(images) == 1:
        record = look(images[0])
        code = exit_code(record)
        run.show(record, lines(record), failed=bool(code))
        return code
    worst = 0
    table: list[tuple[Path, str]] = []
    for image in images:
        try:
            record = look(image)
        except ResealError as error:
            table.append((image, f"error: {error.message}"))
            worst = max(worst, error.exit_code)
            _show_failure(image, error, run)
            continue
        code = exit_code(record)
        table.append((image, verdict(record)))
        worst = max(worst, code)
        if run.as_json:
            print(json.dumps(record))
        elif code or not run.quiet:
            console.print_lines(lines(record))
            console.print_lines(iter([""]))
    if not run.as_json and (worst or not run.quiet):
        console.print_lines(_table(table))
    return worst


def _show_failure(image: Path, error: ResealError, run: Run) -> None:
    if run.as_json:
        failure: Mapping[str, Any] = console.failure(error)
        print(json.dumps({"image": {"path": str(image)}, **failure}))
    console.show_error(error, as_json=False)


def _table(rows: list[tuple[Path, str]]) -> Iterator[str]:
    width = max(len(str(image)) for image, _ in rows)
    for image, said in rows:
        yield f"{image!s:<{width}}  {said}"
