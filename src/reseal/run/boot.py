"""Read and edit boot configuration data: of an image, or in a separate store file.

This does not need a readable Windows: the boot entries of an image with an encrypted Windows volume can be
shown and changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self, TypeAlias

from reseal.bcd import Store
from reseal.bcd.notation import Places
from reseal.errors import ImageError, UsageError
from reseal.hostfile import open_regular, replace_file
from reseal.regf import Hive
from reseal.run.disk import Disk, OpenedDisk
from reseal.run.medium import Medium, Work, carry_out
from reseal.run.options import RunOptions
from reseal.session.boot_store import BIOS_STORE, LOG_SUFFIXES, MAX_SIZE, UEFI_STORE, BootStore
from reseal.worker import Report

#: Reads or edits a store; called with the store and the image's partitions.
StoreJob: TypeAlias = "Callable[[Store, Places], dict[str, Any]]"

_MAGIC = b"regf"


def is_store(path: Path) -> bool:
    """Whether a file is a hive rather than a disk image."""
    try:
        with open_regular(path) as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def read(path: Path, job: StoreJob, *, allow_backing: bool = False) -> dict[str, Any]:
    """Read all stores of an image, or a store file.

    Args:
        path: the image or the store file.
        job: called in the worker with each store; returns plain data.
        allow_backing: whether backing files may be outside the image's folder.

    Returns:
        `stores`: for each, `path`, `volume`, `file_system` and `firmware` (None for a file), and the result
        of the job.

    Raises:
        ImageError: the image has no store, or the store is damaged.
    """

    def look(opened: OpenedDisk | StoreFile, _: Report) -> dict[str, Any]:
        found = _some(opened.boot_stores(), path)
        return {"stores": [_facts(one) | job(one.store, one.places) for one in found]}

    with _medium(path, RunOptions(dry_run=True, allow_backing=allow_backing)) as medium:
        return medium.in_worker(look, None)


def change(
    path: Path, job: StoreJob, options: RunOptions, report: Report | None = None
) -> dict[str, Any]:
    """Edit the store of an image, or a store file: completely or not at all.

    Args:
        path: the image or the store file.
        job: called in the worker; edits the store and returns plain data with `changed`.
        options: the store to edit if the image has several (`volume`: its volume's number, `uefi` or
            `bios`), and what to do with the result.
        report: receives `{"step": …}`.

    Returns:
        The facts of the store as in `read`, the result of the job, and `image`, `written`, `traffic` (bytes
        between reseal and the disk; None for a file) and `timings` (seconds).

    Raises:
        ImageError: the image has no store, or the store is damaged.
        UsageError: the image has several stores and none was chosen.
    """
    return carry_out(path, _medium(path, options), partial(_edit, path, job, options), report)


def _medium(path: Path, options: RunOptions) -> Medium:
    if path.is_dir():
        msg = f"{path} is a folder, which has no partition to boot from."
        raise UsageError(msg, "Give the path of the disk image or of the store file.")
    return StoreFile(path, options) if is_store(path) else Disk(path, options)


def _edit(
    path: Path,
    job: StoreJob,
    options: RunOptions,
    opened: OpenedDisk | StoreFile,
    report: Report,
) -> dict[str, Any]:
    start = time.perf_counter()
    one = _choose(_some(opened.boot_stores(), path), options.volume, path)
    result = job(one.store, one.places)
    one.verify()
    written = bool(result["changed"]) and not options.dry_run
    if written:
        report({"step": "Writing"})
        if isinstance(one, StoreFile):
            one.replace()
        else:
            assert isinstance(opened, OpenedDisk)
            opened.write_boot_store(one, options)
            opened.read_back_boot_store(one)
            opened.flush()
    timings = {"Working": time.perf_counter() - start}
    done = {"written": written, "traffic": opened.traffic, "timings": timings}
    return {**_facts(one), **result, **done}


def _choose(found: list[AnyStore], volume: str | None, path: Path) -> AnyStore:
    wanted = [one for one in found if volume in {None, str(_facts(one)["volume"]), one.firmware}]
    if len(wanted) == 1:
        return wanted[0]
    listed = ", ".join(f"{one.name} ({one.firmware})" for one in found)
    msg = f"{path} has several boot stores: {listed}. Nothing was changed."
    raise UsageError(msg, "Choose one with --store: its volume's number, uefi or bios.")


def _some(found: Sequence[AnyStore], path: Path) -> list[AnyStore]:
    if found:
        return list(found)
    msg = f"{path} has no boot configuration data."
    raise ImageError(
        msg,
        rf"Windows has it in {UEFI_STORE} on the EFI system partition, or in {BIOS_STORE} on the active "
        "partition.",
    )


def _facts(one: AnyStore) -> dict[str, Any]:
    return {
        "path": one.path,
        "volume": one.place.number if one.place else None,
        "file_system": one.file_system,
        "firmware": one.firmware,
    }


class StoreFile:
    """A store file, as `reseal.run.medium.Medium`.

    It is also the opened medium and its only store, with the attributes of
    `reseal.session.boot_store.BootStore`. The hive code is pure Python, so the work needs no worker.
    """

    place: None = None
    file_system: None = None
    firmware: None = None
    traffic: None = None

    def __init__(self, file: Path, options: RunOptions) -> None:
        self.path = self.name = str(file)
        self.places: Places = {}
        self._file = file
        self._options = options

    def __enter__(self) -> Self:
        if self._options.output or self._options.volume:
            msg = f"{self.path} is a store file; --output and --store are for disk images."
            raise UsageError(msg, "Copy the store first, or edit it in place.")
        file = self._file
        found = {suffix: file.with_name(f"{file.name}.{suffix}") for suffix in LOG_SUFFIXES}
        self._logs = {
            suffix: log for suffix, log in found.items() if log.is_file() and log.stat().st_size
        }
        for one in (file, *self._logs.values()):
            if one.stat().st_size > MAX_SIZE:
                msg = f"{one} is too large for a boot store ({one.stat().st_size} bytes)."
                raise ImageError(msg)
        size = file.stat().st_size
        self.facts: dict[str, Any] = {"path": self.path, "format": "store", "size": size}
        return self

    def __exit__(self, *_: object) -> None: ...

    def in_worker(self, work: Work, report: Report | None) -> dict[str, Any]:
        """Do the work in this process."""
        return work(self, report or (lambda _: None))

    def finish(self, result: dict[str, Any], report: Report) -> None:
        """Do nothing: the file was already replaced."""

    def boot_stores(self) -> list[StoreFile]:
        """Return the store in the file."""
        return [self]

    @cached_property
    def store(self) -> Store:
        """The store, recovered from its logs."""
        logs = {suffix: log.read_bytes() for suffix, log in self._logs.items()}
        return Store(Hive.open(self._file.read_bytes(), logs, name=self.name))

    def verify(self) -> None:
        """Raise ImageError if the hive would violate a rule that Windows enforces."""
        violations = self.store.hive.verify()
        if violations:
            msg = f"{self.path} is damaged ({violations[0].message}). Nothing was changed."
            raise ImageError(msg, "Restore it from a backup.")

    def replace(self) -> None:
        """Write the store into its file, and empty its logs."""
        replace_file(self._file, self.store.hive.to_bytes())
        # The new store includes the content of the logs.
        for log in self._logs.values():
            os.truncate(log, 0)


AnyStore: TypeAlias = "BootStore | StoreFile"
