"""What commands share: their options about an image and about output, and the way a run is shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from reseal.cli import console, options
from reseal.cli.keys import read_keys
from reseal.operations.operation import Operation, RecordT, Writing
from reseal.operations.operation import run as run_operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from reseal.operations.operation import OnMessage

#: Options that say how an image is opened and where it goes: the fields of `Writing`.
_IMAGE = {
    "output": options.output_option,
    "thin": options.thin_option,
    "dry_run": options.dry_run_option,
    "delete_snapshots": options.delete_snapshots_option,
    "volume": options.volume_option,
    "index": options.index_option,
    "allow_backing": options.allow_backing_option,
    "keys": options.key_option,
    "decrypt": options.decrypt_option,
    "in_place": options.in_place_option,
    "prevent_device_encryption": options.prevent_device_encryption_option,
}
#: Options that say what is shown: the fields of `Run`.
_OUTPUT = {
    "as_json": options.json_option,
    "report_files": options.report_option,
    "quiet": options.quiet_option,
    "verbose": options.verbose_option,
}
_OPTIONS = {**_IMAGE, **_OUTPUT}
#: What a command that changes a Windows shares for one that BitLocker encrypts.
DECRYPTING = ("keys", "decrypt", "in_place", "prevent_device_encryption")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command: how it opens images, and what it shows.

    Attributes:
        writing: how an image is opened, and where the changed image goes.
        as_json: whether JSON is printed.
        report_files: files that keep the record.
        quiet: whether no progress is shown.
        verbose: whether each thing is told on a line of its own.
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

    @property
    def output(self) -> str | None:
        """The new image, as it was given."""
        return str(self.writing.output) if self.writing.output else None

    def progress(self) -> AbstractContextManager[OnMessage]:
        """Show progress, unless that is not wanted."""
        return console.progress(quiet=self.quiet)

    def change(self, image: Path, operation: Operation[RecordT]) -> RecordT:
        """Do an operation, keep its record, and return it."""
        with self.progress() as tell:
            record = run_operation(image, operation, self.writing, tell)
        console.keep(record, self.report_files)
        return record

    def show(self, record: Mapping[str, Any], lines: Iterator[str]) -> None:
        """Print a record: as JSON, or its lines."""
        if self.as_json:
            console.print_json(record)
        else:
            console.print_lines(lines)


def shares(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options of these names, in this order, after its own.

    Its function gets them as `run`. Errors are shown as the options want it, and files that can't keep a
    record are refused before the function is called.
    """

    def declare(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def command(**given: Any) -> None:
            shared = {name: given.pop(name) for name in names}
            with console.errors(as_json=shared.get("as_json", False)):
                console.check_reports(shared.get("report_files"))
                image = {name: shared.pop(name) for name in _IMAGE if name in shared}
                if "keys" in image:
                    image["keys"] = read_keys(image["keys"])
                function(run=Run(Writing(**image), **shared), **given)

        for name in reversed(names):
            command = _OPTIONS[name](command)
        return command

    return declare
