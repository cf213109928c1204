"""What commands share: options for images and output, and showing a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from reseal.cli import console, options
from reseal.cli.keys import read_keys
from reseal.cli.progress import progress
from reseal.errors import UsageError
from reseal.operations.operation import OnMessage, Operation, RecordT, Writing
from reseal.operations.operation import run as run_operation

#: Options that say how an image is opened and where it goes: the fields of `Writing`.
_IMAGE = {
    "output": options.output_option,
    "thin": options.thin_option,
    "destination": options.for_option,
    "dry_run": options.dry_run_option,
    "delete_snapshots": options.delete_snapshots_option,
    "disks": options.disk_option,
    "volume": options.volume_option,
    "index": options.index_option,
    "discard_hibernation": options.discard_hibernation_option,
    "allow_backing": options.allow_backing_option,
    "keys": options.key_option,
    "decrypt": options.decrypt_option,
    "in_place": options.in_place_option,
    "scratch": options.scratch_option,
    "prevent_device_encryption": options.prevent_device_encryption_option,
    "machine": options.machine_option,
    "require_rehearsal": options.require_rehearsal_option,
    "no_rehearsal": options.no_rehearsal_option,
}
#: Options that say what is shown: the fields of `Run`.
_OUTPUT = {
    "as_json": options.json_option,
    "report_files": options.report_option,
    "quiet": options.quiet_option,
    "verbose": options.verbose_option,
}
_OPTIONS = {**_IMAGE, **_OUTPUT}
#: What every command shares that looks at the Windows of an image.
LOOKING = ("disks", "volume", "index", "keys", "allow_backing", "as_json")
#: What commands share that look at an image and have much to tell.
TELLING = (*LOOKING, "verbose")
#: What every command shares that changes the Windows of an image.
CHANGING = (
    *(
        "output",
        "thin",
        "destination",
        "dry_run",
        "disks",
        "volume",
        "index",
        "discard_hibernation",
        "allow_backing",
    ),
    *("keys", "decrypt", "in_place", "scratch", "prevent_device_encryption"),
    *("as_json", "report_files", "quiet", "verbose"),
)
#: What commands share at whose end the next boot is rehearsed.
REHEARSING = ("machine", "require_rehearsal", "no_rehearsal")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command: how it opens images, and what it shows.

    Attributes:
        writing: how an image is opened, and where the changed image goes.
        as_json: whether JSON is printed.
        report_files: files that keep the record.
        quiet: whether nothing is shown of a run that succeeds.
        verbose: whether every change or finding is listed.
    """

    writing: Writing
    as_json: bool = False
    report_files: tuple[Path, ...] = ()
    quiet: bool = False
    verbose: bool = False

    @property
    def dry_run(self) -> bool:
        """Whether nothing is written."""
        return self.writing.dry_run

    def progress(self) -> AbstractContextManager[OnMessage]:
        """Show progress, unless the command is quiet."""
        return progress(quiet=self.quiet)

    def change(
        self, image: Path, operation: Operation[RecordT], lines: Callable[..., Iterator[str]]
    ) -> None:
        """Carry out an operation, write its reports, and show its record.

        Args:
            image: the image to change.
            operation: what to do to it.
            lines: returns the record as text; gets the record, `dry_run`, `verbose`, and `where`, the
                image that the result is in.
        """
        with self.progress() as tell:
            record = run_operation(image, operation, self.writing, tell)
        console.keep(record, self.report_files)
        where = str(self.writing.output or record["image"]["path"])
        text = lines(record, dry_run=self.dry_run, verbose=self.verbose, where=where)
        self.show(record, text)

    def show(
        self, record: Mapping[str, Any], lines: Iterator[str], *, failed: bool = False
    ) -> None:
        """Print a record: as JSON, or as text.

        Args:
            record: the record.
            lines: the record as text.
            failed: whether a quiet run prints it, too.
        """
        if self.as_json:
            console.print_json(record)
        elif failed or not self.quiet:
            console.print_lines(lines)

    def refuse_report(self) -> None:
        """Refuse --report where nothing is changed; raises UsageError."""
        if self.report_files:
            msg = "This command changes nothing, so --report has nothing to record."
            raise UsageError(msg, "Use --json to keep its output.")


def shares(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of these names, in this order, after its own.

    Its function gets them as `run`. Errors are shown as the options say, and a report that can't be
    written is refused before the function is called.
    """

    def declare(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def command(**given: Any) -> None:
            shared = {name: given.pop(name) for name in names}
            with console.errors(
                as_json=shared.get("as_json", False), quiet=shared.get("quiet", False)
            ):
                console.check_reports(shared.get("report_files"))
                image = {name: shared.pop(name) for name in _IMAGE if name in shared}
                if "keys" in image:
                    image["keys"] = read_keys(image["keys"])
                function(run=Run(Writing(**image), **shared), **given)

        return declares(*names)(command)

    return declare


def declares(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of these names; its function gets each by its own name."""

    def declare(command: Callable[..., None]) -> Callable[..., None]:
        for name in reversed(names):
            command = _OPTIONS[name](command)
        return command

    return declare


def one_of(**given: object) -> str | None:
    """Return the name of the option that was given; None for none.

    Raises:
        UsageError: several were given.
    """
    names = [name for name, value in given.items() if value]
    if len(names) > 1:
        listed = " and ".join(f"--{name}" for name in names)
        raise UsageError(f"{listed} exclude each other.", "Choose one of them.")
    return names[0] if names else None
