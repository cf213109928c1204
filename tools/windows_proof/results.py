"""The table of results, which is written after each step, so that a run that fails leaves one, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = "# What Windows did\n\n| step | seen | as expected |\n|---|---|---|\n"


class Results:
    """A table of steps, in a file.

    Attributes:
        path: the Markdown file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text(_HEAD, encoding="utf-8")

    def add(self, step: str, seen: str, *, expected: bool) -> None:
        """Add a row, and print it.

        Args:
            step: what was done or compared.
            seen: what was found.
            expected: whether that is as it has to be.

        Raises:
            SystemExit: it is not.
        """
        word = "yes" if expected else "NO"
        print(f"{step}: {seen} (as expected: {word})", flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"| {step} | {seen} | {word} |\n")
        if not expected:
            raise SystemExit(f"{step}: {seen}")
