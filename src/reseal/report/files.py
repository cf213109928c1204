"""The record of a run as a file: a page for people, or data."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from reseal.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: What a suffix stands for.
FORMATS = (".html", ".json")


def check(path: Path) -> None:
    """Raise UsageError where the suffix names no form of a report."""
    if path.suffix.lower() not in FORMATS:
        msg = f"{path} names no form of a report that reseal knows."
        raise UsageError(msg, "Let the name end in .html for a page, or in .json for data.")


def write(record: Mapping[str, Any], path: Path) -> None:
    """Write a record in the form that the suffix names, readable by its owner only.

    Raises:
        UsageError: the file can't be written, or its suffix is unknown.
    """
    check(path)
    if path.suffix.lower() == ".html":
        from reseal.report import page  # noqa: PLC0415  the template engine is for pages only

        text = page.render(record)
    else:
        text = json.dumps(record, indent=2, ensure_ascii=True) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            file.write(text)
    except OSError as error:
        msg = (
            f"The report {path} can't be written ({error.strerror}); the run itself was completed."
        )
        raise UsageError(msg, "Run reseal inspect or verify on the image.") from error
