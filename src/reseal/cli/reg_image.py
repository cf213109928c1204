"""What `reseal reg` works on: a hive file, or the hives of an image.

The files are read, copied out and written back by this process. They are parsed in a worker, which this
module starts: what the worker prints is printed here, and what it changes comes back as the content of files.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from reseal.cli import console, terminal
from reseal.cli.run import Run
from reseal.errors import UsageError
from reseal.hostfile import open_regular
from reseal.operations.operation import Writing
from reseal.operations.operation import run as run_operation
from reseal.operations.reg import PutBack
from reseal.regf import Hive, exchange
from reseal.regf.file import HiveFile
from reseal.regf.regfile import Section, full_root
from reseal.sandbox import Limits
from reseal.worker import run_worker

if TYPE_CHECKING:
    from reseal.run.hive_copies import Taken

_MAGIC = b"regf"
_WIM = b"MSWIM\0\0\0"
#: Bytes of a raw disk; a hive of this size has its magic.
_SMALLEST_DISK = 1 << 20
_CURRENT = "currentcontrolset"
#: Characters that a worker prints at once.
_PIECE = 1 << 16


def is_image(target: Path) -> bool:
    """Whether TARGET is a folder, a disk or a WIM rather than a hive."""
    if target.is_dir() or target.is_block_device():
        return True
    try:
        with open_regular(target) as file:
            start = file.read(max(len(_MAGIC), len(_WIM)))
        if start.startswith(_MAGIC) or not start:
            return False
        if start.startswith(_WIM) or target.stat().st_size >= _SMALLEST_DISK:
            return True
    except OSError:
        return False
    # A new overlay is small, and a damaged hive may lack its magic.
    from reseal.disk.formats import is_container  # noqa: PLC0415  hives don't need it

    return is_container(target)


class Held:
    """The content of a hive file, which only a worker parses.

    Attributes:
        new: the content that it gets; None if it stays.
    """

    def __init__(
        self, name: str, data: bytes | bytearray, logs: dict[str, bytes], *, ignore_logs: bool
    ) -> None:
        self._name, self._data, self._logs = name, data, logs
        self._ignore_logs = ignore_logs
        self.new: bytes | bytearray | None = None

    @cached_property
    def hive(self) -> Hive:
        """The hive; in the worker only."""
        return Hive.open(self._data, self._logs, name=self._name, ignore_logs=self._ignore_logs)

    def changed(self) -> bytes | bytearray | None:
        """Return the new content; in the worker only."""
        if self.new is None and "hive" in self.__dict__ and self.hive.changed:
            return self.hive.to_bytes()
        return self.new


class Registry(Protocol):
    """TARGET: one hive file, or all hives of an image.

    Attributes:
        target: its path.
    """

    target: Path

    @property
    def held(self) -> list[Held]:
        """The hives that were read."""
        ...

    def read(self, paths: Iterable[str]) -> None:
        """Read the hives that hold some keys."""
        ...

    def places(self, path: str) -> list[tuple[Hive, str, str]]:
        """Return where a path lies: hive, path in it, full path of its root; one place at least.

        In an image, `CurrentControlSet` lies in every control set that Select names. In the worker only.
        """
        ...

    def apply(self, sections: list[Section]) -> Hive:
        """Apply the sections of a .reg file; return a hive that was changed. In the worker only."""
        ...

    def commit(self, command: str, run: Run, *, backup: bool) -> bool:
        """Write the changes and the reports; return whether anything changed.

        Args:
            command: the command that made the changes, as in the record.
            run: the options of the command line, with the reports to write.
            backup: whether the old hive file is kept.
        """
        ...


def in_worker(
    registries: Sequence[Registry],
    body: Callable[[], Any],
    take: Callable[[bytes], object] | None = None,
) -> Any:
    """Run something in a worker that may parse the hives, and return its result.

    Args:
        registries: what was read; afterwards it has what was changed.
        body: what runs in the worker; it may print.
        take: gets the bytes that it writes to the buffer of standard output.
    """
    hives = [held for registry in registries for held in registry.held]
    with ExitStack() as stack:
        numbers = [os.memfd_create("hive", os.MFD_CLOEXEC) for _ in hives]
        for number in numbers:
            stack.callback(os.close, number)

        def job(report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
            with _printing(report):
                result = body()
            contents = [held.changed() for held in hives]
            for number, content in zip(numbers, contents, strict=True):
                if content is not None:
                    with open(number, "wb", closefd=False) as file:
                        file.write(content)
            return {"result": result, "changed": [one is not None for one in contents]}

        def show(message: dict[str, Any]) -> None:
            if "bytes" in message:
                if take:
                    take(base64.b64decode(message["bytes"]))
            else:
                stream = sys.stderr if message.get("error") else sys.stdout
                lines = str(message.get("text")).split("\n")
                stream.write("\n".join(map(terminal.safe, lines)))

        subject = ", ".join(str(registry.target) for registry in registries)
        found = run_worker(
            job, subject=subject, on_message=show, limits=Limits(keeps=tuple(numbers))
        )
        for held, number, changed in zip(hives, numbers, found["changed"], strict=True):
            if changed:
                with open(number, "rb", closefd=False) as file:
                    file.seek(0)
                    held.new = file.read()
    return found["result"]


class _Bytes:
    """A stream of a worker that reports the bytes that are written."""

    def __init__(self, report: Callable[[dict[str, Any]], None]) -> None:
        self._report = report

    def write(self, content: bytes) -> int:
        self._report({"bytes": base64.b64encode(content).decode()})
        return len(content)


class _Printer:
    """A stream of a worker that reports what is written."""

    #: Without them click takes it for a stream that it has to wrap.
    encoding, errors = "utf-8", "strict"

    def __init__(self, report: Callable[[dict[str, Any]], None], *, error: bool) -> None:
        self._report, self._error = report, error
        self._waiting: list[str] = []
        self._size = 0
        self.buffer = _Bytes(report)

    def write(self, content: str) -> int:
        if not isinstance(content, str):
            raise TypeError(content)
        self._waiting.append(content)
        self._size += len(content)
        if self._size > _PIECE:
            self.report()
        return len(content)

    def report(self) -> None:
        if self._waiting:
            self._report({"text": "".join(self._waiting), "error": self._error})
        self._waiting, self._size = [], 0

    def flush(self) -> None:
        """Wait for more: a message for every line would take long."""

    def isatty(self) -> bool:
        return False


@contextmanager
def _printing(report: Callable[[dict[str, Any]], None]) -> Any:
    streams = [_Printer(report, error=error) for error in (False, True)]
    sys.stdout, sys.stderr = streams
    yield
    for one in streams:
        one.report()


class OneHive:
    """A hive file, as `Registry`."""

    def __init__(
        self, path: Path, prefix: str | None, writing: Writing, *, ignore_logs: bool = False
    ) -> None:
        if writing != Writing(dry_run=writing.dry_run):
            msg = f"{path} is a hive file; options about images don't apply to it."
            raise UsageError(msg, "Leave out --output, --volume and the like, or name an image.")
        self.target = path
        self.file = HiveFile(path, ignore_logs=ignore_logs)
        self.held = [
            Held(path.name, self.file.data, self.file.log_contents, ignore_logs=ignore_logs)
        ]
        self._prefix = prefix or exchange.mount_point(path.name)

    def read(self, paths: Iterable[str]) -> None:
        """See `Registry.read`."""

    def places(self, path: str) -> list[tuple[Hive, str, str]]:
        """See `Registry.places`."""
        below = exchange.relative(path, self._prefix) if path.upper().startswith("HK") else None
        return [(self.held[0].hive, path if below is None else below, self._prefix)]

    def apply(self, sections: list[Section]) -> Hive:
        """See `Registry.apply`."""
        hive = self.held[0].hive
        exchange.apply(hive.root, sections, self._prefix)
        return hive

    def commit(self, command: str, run: Run, *, backup: bool) -> bool:
        """See `Registry.commit`."""
        if run.report_files:
            msg = (
                f"{self.target.name} is a hive file, and `reseal {command}` reports on images only."
            )
            raise UsageError(
                msg, "Keep the old file with --backup; `reseal reg diff` compares both."
            )
        new = self.held[0].new
        if new is not None and not run.dry_run:
            self.file.replace(new, backup=backup)
        return new is not None


class ImageHives:
    """The hives of an image, as `Registry`."""

    def __init__(self, image: Path, writing: Writing, *, ignore_logs: bool) -> None:
        self.target = image
        self._writing = writing
        self._ignore_logs = ignore_logs
        self._taken: dict[str, tuple[Taken, Held]] = {}

    @property
    def held(self) -> list[Held]:
        """See `Registry`."""
        return [held for _, held in self._taken.values()]

    def read(self, paths: Iterable[str]) -> None:
        """See `Registry.read`."""
        from reseal.run.hive_copies import take_out  # noqa: PLC0415  only images need it

        for name in map(self._named, paths):
            if name not in self._taken:
                taken = take_out(
                    self.target,
                    name,
                    volume=self._writing.volume,
                    index=self._writing.index,
                    allow_backing=self._writing.allow_backing,
                    ignore_logs=self._ignore_logs,
                    keys=self._writing.keys,
                )
                shown = f"{name} of {self.target}"
                held = Held(shown, taken.data, taken.logs, ignore_logs=self._ignore_logs)
                self._taken[name] = (taken, held)

    def hives(self) -> dict[str, str]:
        """Return the files of the image's hives by the full paths of their roots."""
        from reseal.run.hive_copies import hives_of  # noqa: PLC0415  only images need it

        return hives_of(
            self.target,
            volume=self._writing.volume,
            index=self._writing.index,
            allow_backing=self._writing.allow_backing,
            keys=self._writing.keys,
        )

    def _named(self, path: str) -> str:
        """Return the name of the hive that holds a key; the error lists those that there are."""
        try:
            return _hive_name(path)
        except UsageError:
            msg = f"No key of {self.target} was named."
            if path:
                msg = f"{path} is not in a hive of {self.target}."
            raise UsageError(msg, f"It has the hives {', '.join(self.hives())}.") from None

    def places(self, path: str) -> list[tuple[Hive, str, str]]:
        """See `Registry.places`."""
        taken, held = self._taken[_hive_name(path)]
        root, _, rest = path.strip("\\").partition("\\")
        first, _, below = rest.partition("\\")
        # As regedit writes it.
        root = full_root(root)
        mounted = f"{root}\\{first.upper() if root == 'HKEY_LOCAL_MACHINE' else first}"
        head, _, behind = below.partition("\\")
        if taken.control_sets and head.lower() == _CURRENT:
            return [
                (held.hive, "\\".join(filter(None, (one, behind))), mounted)
                for one in taken.control_sets
            ]
        return [(held.hive, below, mounted)]

    def apply(self, sections: list[Section]) -> Hive:
        """See `Registry.apply`."""
        grouped: dict[tuple[str, str], list[Section]] = {}
        for section in sections:
            for hive, below, root in self.places(full_root(section.path)):
                path = f"{root}\\{below}" if below else root
                grouped.setdefault((hive.name, root), []).append(replace(section, path=path))
        hives = {held.hive.name: held.hive for held in self.held}
        for (name, root), entries in grouped.items():
            exchange.apply(hives[name].root, entries, root)
        if not hives:
            msg = "The .reg file names no key."
            raise UsageError(msg)
        return next(iter(hives.values()))

    def commit(self, command: str, run: Run, *, backup: bool) -> bool:
        """Put back what changed; return whether anything did.

        See `Registry.commit`.

        Raises:
            UsageError: `backup` is set.
        """
        if backup:
            msg = "--backup keeps a hive file; an image has no place for one."
            raise UsageError(msg, "Export the key first, or write a new image with --output.")
        changed = [
            (taken, bytes(held.new)) for taken, held in self._taken.values() if held.new is not None
        ]
        if changed or run.report_files or self._writing.output:
            operation = PutBack(command, changed, detailed=bool(run.report_files))
            record = run_operation(self.target, operation, self._writing)
            console.keep(record, run.report_files)
        return bool(changed)


def _hive_name(path: str) -> str:
    from reseal.run.hive_copies import hive_name  # noqa: PLC0415  only images need it

    try:
        return hive_name(path)
    except ValueError as error:
        raise UsageError(str(error)) from error
