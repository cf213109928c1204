"""The record of a run as a file: a page for people, or data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from reseal.errors import UsageError

#: Suffixes of reports.
FORMATS = (".html", ".json")


def check(path: Path) -> None:
    """Raise UsageError if the suffix is not that of a report format."""
    if path.suffix.lower() not in FORMATS:
        msg = f"{path} has a suffix that is not a known report format."
        raise UsageError(msg, "Use .html for a page, or .json for data.")


def render(record: Mapping[str, Any], path: Path) -> str:
    """Return a record in the form that the suffix of a path names.

    Raises:
        UsageError: the suffix is unknown.
    """
    check(path)
    if path.suffix.lower() == ".html":
        from reseal.report import page  # noqa: PLC0415  the template engine is for pages only

        return page.render(dict(record))
    return json.dumps(record, indent=2, ensure_ascii=True) + "\n"


def write(record: Mapping[str, Any], path: Path) -> None:
    """Write a record in the form that the suffix names, readable by its owner only.

    Raises:
        UsageError: the file can't be written, or its suffix is unknown.
    """
    from reseal.run.outputs import Outputs  # noqa: PLC0415  --help checks names only

    kept = Outputs()
    kept.add(path, partial(render, path=path))
    kept.publish(record)
