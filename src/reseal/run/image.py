"""Inspect or change an image: choose its medium, run a worker, commit.

Each run forks a worker, which dies with its parent. The worker accesses a disk through a private socket and
stages all changes on a volume that is open read-only. It writes only when everything is staged and
verified. The parent merges the overlay or discards it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from reseal.errors import UsageError
from reseal.run.disk import Disk
from reseal.run.folder import Folder
from reseal.run.medium import Medium, carry_out, host_errors
from reseal.run.opening import Found
from reseal.run.options import RunOptions
from reseal.run.work import perform
from reseal.wim import is_wim

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.bitlocker import Key
    from reseal.run.medium import Opened
    from reseal.run.operation import Operation
    from reseal.worker import Report

#: Called with the installations of an image; returns plain data.
Look: TypeAlias = Callable[[list[Found]], dict[str, Any]]


def read(
    path: Path,
    look: Look,
    *,
    allow_backing: bool = False,
    ignore_logs: bool = False,
    index: int | None = None,
    whole: bool = False,
    writes: tuple[Path, ...] = (),
    keys: tuple[Key, ...] = (),
    keeps: tuple[int, ...] = (),
    report: Report | None = None,
    disks: tuple[Path, ...] = (),
) -> dict[str, Any]:
    """Inspect an image or a folder without changing it.

    Args:
        path: a disk image, a WIM, or a folder with a Windows installation.
        look: called in the worker with the installations; returns plain data.
        allow_backing: whether backing files may be outside the image's folder.
        ignore_logs: whether to read hives without their logs.
        index: index of the image of a WIM; None for the only one.
        whole: whether `look` needs the whole volume, rather than some files of a WIM.
        writes: files and folders of the host that `look` writes.
        keys: keys for volumes that BitLocker encrypts; a volume with a clear key needs none.
        keeps: file descriptors that stay open for `look`.
        report: receives what `look` reports.
        disks: the other disks of the machine.

    Returns:
        The result of `look`, with `image` added: path, format and size in bytes.
    """

    def work(opened: Opened, tell: Report) -> dict[str, Any]:
        with opened.installations(ignore_logs=ignore_logs) as found:
            return look([replace(one, report=tell) for one in found])

    options = RunOptions(
        dry_run=True,
        allow_backing=allow_backing,
        index=index,
        writes=writes,
        keys=keys,
        keeps=keeps,
        disks=disks,
    )
    return read_opened(path, work, options, whole=whole, report=report)


def read_opened(
    path: Path,
    work: Callable[[Opened, Report], dict[str, Any]],
    options: RunOptions,
    *,
    whole: bool = False,
    report: Report | None = None,
) -> dict[str, Any]:
    """Inspect an opened medium, whether it has an installation or not.

    Args:
        path: a disk image, a WIM, or a folder.
        work: called in the worker with the opened medium; returns plain data.
        options: how to open the image; `dry_run` must be set.
        whole: whether the work needs the whole volume, rather than some files of a WIM.
        report: receives what the work reports.

    Returns:
        The result of the work, with `image` added.
    """
    with host_errors(path), _medium(path, options, whole=whole) as medium:
        result = medium.in_worker(work, report)
        return {"image": medium.facts, **result}


def change(
    path: Path, operation: Operation, options: RunOptions, on_message: Report | None = None
) -> dict[str, Any]:
    """Change an image or a folder: completely or not at all.

    Args:
        path: a disk image, a WIM, or a folder with a Windows installation.
        operation: the operation on the installation.
        options: how to open the image, and what to do with the result.
        on_message: receives `{"step": …}` during the work.

    Returns:
        The result of the operation, with these added: `image`, `changes`, `notes`, `written`, `traffic`
        (bytes between reseal and the disk; None for a folder), `timings`.

    Raises:
        ResealError: the operation was refused or failed; the image is unchanged.
    """
    start = time.perf_counter()
    medium, work = _medium(path, options), partial(perform, operation, options)
    if options.decrypt:
        from reseal.run import bitlocker  # noqa: PLC0415  its arrays take long to load

        if not isinstance(medium, Disk):
            msg = f"{path} is not a disk image; --decrypt is only for disk images."
            raise UsageError(msg, "Omit --decrypt.")
        work = partial(bitlocker.decrypt_staged, operation, options)
    result = carry_out(path, medium, work, on_message)
    result["timings"]["total"] = time.perf_counter() - start
    return result


def _medium(path: Path, options: RunOptions, *, whole: bool = True) -> Medium:
    """Return the medium for a path."""
    single = next((one for one in (path, *options.disks) if one.is_dir() or is_wim(one)), None)
    if single and options.disks:
        msg = f"{single} is not a disk image; --disk is only for the disks of a machine."
        raise UsageError(msg, "Omit --disk.")
    if is_wim(path):
        from reseal.run.wim import Wim  # noqa: PLC0415  libwim takes long to load

        return Wim(path, options, whole=whole)
    if options.index is not None:
        msg = f"{path} is not a WIM; --index is only for WIM files."
        raise UsageError(
            msg, "Use --volume to choose one of several Windows installations on a disk."
        )
    return Folder(path, options) if path.is_dir() else Disk(path, options)
