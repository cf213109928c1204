"""Work on the boot configuration data alone: of an image, or a store in a file of its own.

An image needs no Windows for that: one whose Windows volume is encrypted, for one, can still have its
boot entries shown and changed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, TypeAlias

from reseal.bcd import Store
from reseal.disk import Image, connect
from reseal.errors import ImageError, UsageError
from reseal.regf import Hive
from reseal.sandbox import Limits
from reseal.session import boot_store
from reseal.session.run import Options, on_disk
from reseal.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.bcd.notation import Places
    from reseal.session.session import Report

#: Looks at a store, or edits it: gets the store and the image's partitions.
StoreJob: TypeAlias = "Callable[[Store, Places], dict[str, Any]]"

_MAGIC = b"regf"


def is_store(path: Path) -> bool:
    """Whether a file is a hive rather than a disk image."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def read(path: Path, job: StoreJob, *, allow_backing: bool = False) -> dict[str, Any]:
    """Look at every store of an image, or at a store in a file.

    Args:
        path: the image or the store.
        job: gets each store and returns plain data; runs in the worker.
        allow_backing: whether backing files may lie outside the image's folder.

    Returns:
        `stores`: of each, `path`, `volume`, `file_system` and `firmware` (None for a file), and what the
        job returned.

    Raises:
        ImageError: the image has no store, or it is damaged.
    """
    _refuse_folder(path)
    if is_store(path):
        return {"stores": [{**_file_facts(path), **job(_open_file(path), {})}]}
    with Image.open(path, allow_backing=allow_backing) as image, image.serve(None) as socket:

        def look(report: Report) -> dict[str, Any]:
            del report
            device = connect(socket, read_only=True)
            try:
                found = _some(boot_store.find(device, str(path)), path)
                return {"stores": [_facts(one) | job(one.store, one.places) for one in found]}
            finally:
                device.close()

        result: dict[str, Any] = run_worker(
            look, subject=str(path), limits=Limits.of_disk(image.size)
        )
        return result


def change(
    path: Path, job: StoreJob, options: Options, report: Report | None = None
) -> dict[str, Any]:
    """Edit the store of an image, or a store in a file: it is done in the end, or untouched.

    Args:
        path: the image or the store.
        job: edits the store and returns plain data with `changed`; runs in the worker.
        options: which store, where the image has several (`volume`: its volume's number, `uefi` or
            `bios`), and what to do with the outcome.
        report: gets `{"step": …}`.

    Returns:
        What `read` tells of the store, what the job returned, and `image`, `written`, `traffic` (bytes
        that went between reseal and the disk; None for a file) and `timings` (seconds).

    Raises:
        ImageError: the image has no store, or it is damaged.
        UsageError: the image has several and none was chosen.
    """
    _refuse_folder(path)
    if is_store(path):
        if options.output or options.volume:
            msg = f"{path} is a store, no image; --output and --store are for disk images."
            raise UsageError(msg, "Copy the store first, or work on it in place.")
        return _change_file(path, job, dry_run=options.dry_run)

    def work(socket: Path, report: Report) -> dict[str, Any]:
        return _work(socket, path, job, options, report)

    return on_disk(path, work, options, report or (lambda _: None))


def _work(
    socket: Path, path: Path, job: StoreJob, options: Options, report: Report
) -> dict[str, Any]:
    start = time.perf_counter()
    device = connect(socket, read_only=options.dry_run)
    try:
        one = _choose(_some(boot_store.find(device, str(path)), path), options.volume, path)
        result = job(one.store, one.places)
        one.verify()
        written = bool(result["changed"]) and not options.dry_run
        if written:
            report({"step": "Writing"})
            boot_store.write_back(device, one, str(path))
            boot_store.read_back(device, one, str(path))
            device.flush()
    finally:
        device.close()
    traffic = {"bytes_read": device.bytes_read, "bytes_written": device.bytes_written}
    timings = {"Working": time.perf_counter() - start}
    return {**_facts(one), **result, "written": written, "traffic": traffic, "timings": timings}


def _choose(
    found: list[boot_store.BootStore], volume: str | None, path: Path
) -> boot_store.BootStore:
    wanted = [one for one in found if volume in {None, str(one.place.number), one.firmware}]
    if len(wanted) == 1:
        return wanted[0]
    listed = ", ".join(f"{one.name} ({one.firmware})" for one in found)
    msg = f"{path} has the boot stores {listed}; which one is meant? Nothing was changed."
    raise UsageError(msg, "Choose one with --store: its volume's number, uefi or bios.")


def _some(found: list[boot_store.BootStore], path: Path) -> list[boot_store.BootStore]:
    if found:
        return found
    msg = f"{path} has no boot configuration data."
    raise ImageError(
        msg,
        rf"It lies in {boot_store.UEFI_STORE} on the EFI system partition, or in "
        rf"{boot_store.BIOS_STORE} on the active partition.",
    )


def _facts(one: boot_store.BootStore) -> dict[str, Any]:
    return {
        "path": one.path,
        "volume": one.place.number,
        "file_system": one.file_system,
        "firmware": one.firmware,
    }


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        msg = f"{path} is a folder, which has no partition to boot from."
        raise UsageError(msg, "Name the disk image, or the store's own file.")


# A store in a file of its own


def _file_facts(path: Path) -> dict[str, Any]:
    return {"path": str(path), "volume": None, "file_system": None, "firmware": None}


def _logs(path: Path) -> dict[str, Path]:
    beside = {suffix: path.with_name(f"{path.name}.{suffix}") for suffix in boot_store.LOG_SUFFIXES}
    return {suffix: log for suffix, log in beside.items() if log.is_file() and log.stat().st_size}


def _open_file(path: Path) -> Store:
    for file in (path, *_logs(path).values()):
        if file.stat().st_size > boot_store.MAX_SIZE:
            msg = f"{file} is too large for a boot store ({file.stat().st_size} bytes)."
            raise ImageError(msg)
    logs = {suffix: log.read_bytes() for suffix, log in _logs(path).items()}
    return Store(Hive.open(path.read_bytes(), logs, name=str(path)))


def _change_file(path: Path, job: StoreJob, *, dry_run: bool) -> dict[str, Any]:
    start, size = time.perf_counter(), path.stat().st_size
    store = _open_file(path)
    result = job(store, {})
    written = bool(result["changed"]) and not dry_run
    if written:
        violations = store.hive.verify()
        if violations:
            msg = f"{path} is damaged ({violations[0].message}). Nothing was changed."
            raise ImageError(msg, "Restore it from a backup.")
        _replace(path.resolve(), store.hive.to_bytes())
        # What the logs hold is in the store by now.
        for log in _logs(path).values():
            os.truncate(log, 0)
    return {
        **_file_facts(path),
        **result,
        "image": {"path": str(path), "format": "store", "size": size},
        "written": written,
        "traffic": None,
        "timings": {"Working": time.perf_counter() - start},
    }


def _replace(path: Path, data: bytes) -> None:
    """Put a whole file in the place of another, with the same mode."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(data)
            os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
