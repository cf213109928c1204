"""The terminal: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from reseal.cli import debug, outputs
from reseal.cli.terminal import safe, show
from reseal.errors import ResealError, warnings_to
from reseal.report import files


def print_json(content: object) -> None:
    """Print plain data, such as a record, as JSON."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    # JSON escapes what is below a space; a terminal acts on the other controls, too.
    for char in {one for one in text if not one.isprintable() and one != "\n"}:
        text = text.replace(char, json.dumps(char)[1:-1])
    sys.stdout.write(text + "\n")


def check_reports(paths: Iterable[Path] | None) -> None:
    """Raise UsageError where the record of a run can't be kept, before anything is changed."""
    for file in paths or ():
        files.check(file)
        render = partial(files.render, path=file)
        outputs.of_command().add(file, render, inputs=outputs.inputs())


def keep(record: Mapping[str, Any], paths: Iterable[Path] | None) -> None:
    """Keep the record of a run in each file, in the form that its suffix names.

    Raises:
        DiskError: something failed after the image was changed.
    """
    del paths  # known since `check_reports`
    outputs.of_command().publish(record)
    if failed := record.get("failed_afterwards"):
        from reseal.disk import DiskError  # noqa: PLC0415  only a failure needs it

        raise DiskError(failed["message"], failed["hint"])


def print_lines(lines: Iterator[str]) -> None:
    """Print lines of text."""
    for line in lines:
        show(line)


def warn(text: str, hint: str | None = None) -> None:
    """Print a warning on standard error."""
    show(f"Warning: {text}", err=True)
    if hint:
        show(f"  What to do: {hint}", err=True)


def safe_lines(text: str) -> str:
    """Return a message of several lines, each as `safe` shows it.

    All but the first are indented, so that a line break in a name can't forge a line of reseal's own.
    """
    return "\n  ".join(safe(line) for line in text.split("\n"))


@contextmanager
def errors(*, as_json: bool, quiet: bool = False) -> Iterator[None]:
    """Show an error as a sentence with its hint, and end with its exit code.

    Warnings about this computer follow the result; a quiet run shows them only with an error.
    """
    told: list[str] = []
    with warnings_to(told.append):
        try:
            yield
        except ResealError as error:
            debug.show(error)
            show_error(error, as_json=as_json)
            _warn_all(told)
            raise SystemExit(error.exit_code) from None
        except BrokenPipeError:  # the reader of the output has left
            raise
        except OSError as error:
            _show_host_error(error)
            raise SystemExit(1) from None
        except SystemExit as end:
            if end.code or not quiet:
                _warn_all(told)
            raise
    if not quiet:
        _warn_all(told)


def _warn_all(told: list[str]) -> None:
    for text in told:
        warn(text)


def show_error(error: ResealError, *, as_json: bool) -> None:
    """Show an error with its hint, and the outputs that were still written."""
    if as_json:
        print_json(failure(error))
    for line in safe_lines(f"Error: {error.message}").split("\n"):
        show(line, err=True)
    if error.hint:
        show(f"What to do: {error.hint}", err=True)
    if error.image_changed:
        for path in outputs.of_command().publish():
            show(f"Still written: {path}", err=True)


def failure(error: ResealError) -> dict[str, Any]:
    """Return an error as plain data."""
    return {
        "result": "error",
        "error": {
            "message": error.message,
            "hint": error.hint,
            "exit_code": error.exit_code,
        },
    }


def _show_host_error(error: OSError) -> None:
    """Report an OSError of this computer, usually that the output can't be written."""
    why = error.strerror or str(error)
    if error.filename:
        message = f"{why}: {error.filename}"
    elif error.errno == errno.ENOENT:  # what os.getcwd raises
        message = "the current folder does not exist any more. Change to another one."
    else:
        message = f"the output can't be written: {why}. Changes to an image are complete."
    with suppress(OSError):
        show(f"Error: {message}", err=True)
