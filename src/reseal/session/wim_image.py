"""Work on one image of a WIM as on a disk: apply it to a scratch volume, work, capture it back.

Three workers do that, one after the other: libwim has one of its own each time. The WIM is replaced as
a whole, in the end or not at all; its other images stay byte for byte.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reseal.disk import FileDevice
from reseal.disk.locks import Lock
from reseal.errors import ImageError, ResealError, UsageError
from reseal.sandbox import Limits
from reseal.session.opening import Found, acquaint, installations
from reseal.session.run import work_on_device
from reseal.session.scratch import scratch_volume
from reseal.wim import apply_image, open_wim, replace_image
from reseal.wim.metadata import ImageFacts, image_facts
from reseal.wim.tree import WimTree
from reseal.windows import Installation, find_installations
from reseal.worker import in_worker, run_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reseal.session.run import Job, Look, Options, Recheck
    from reseal.session.session import Report


def read(
    path: Path, index: int | None, job: Look, *, ignore_logs: bool = False, whole: bool
) -> dict[str, Any]:
    """Look at an image of a WIM without changing it; as `reseal.session.run.read`.

    Its files are read from the WIM one by one, unless the job asks for the whole volume, or for
    something that can only be read from a volume.
    """
    if not whole:
        with _locked(path, exclusive=False):
            work = partial(_look_at_files, path, index, job, ignore_logs)
            found = in_worker(path, work, None, _limits(path))
            if found["result"] is not None:
                return {"image": found["image"], **found["result"]}

    def look(volume: int, subject: str, _report: Report) -> dict[str, Any]:
        device = FileDevice(volume, scratch=True)
        try:
            with installations(device, subject, ignore_logs=ignore_logs) as found:
                return job(found)
        finally:
            device.close()

    with _locked(path, exclusive=False), _applied(path, index, lambda _: None) as (volume, facts):
        work = partial(look, volume, _subject(path, facts))
        result = in_worker(path, work, None, _limits(path, volume))
        return {"image": _facts(path, facts), **result}


def _look_at_files(
    path: Path,
    index: int | None,
    job: Look,
    ignore_logs: bool,
    _report: Report,
) -> dict[str, Any]:
    """Run the job on the files in the WIM; the result is None where they are not enough."""
    facts = image_facts(path, index)
    with open_wim(path) as wim:
        tree = WimTree(wim, facts.index)
        try:
            result = job(_found(tree, _subject(path, facts), ignore_logs=ignore_logs))
        except ResealError:
            if not tree.refused:
                raise
        finally:
            tree.close()
        return {"image": _facts(path, facts), "result": None if tree.refused else result}


def _found(tree: WimTree, subject: str, *, ignore_logs: bool) -> list[Found]:
    roots = find_installations(tree)
    if not roots:
        msg = f"{subject} holds no Windows installation. Nothing was changed."
        raise ImageError(
            msg, r"A Windows installation is a folder with System32\config\SYSTEM in it."
        )
    return acquaint(
        [Found(Installation(tree, root, volume=1, ignore_logs=ignore_logs)) for root in roots]
    )


def change(
    path: Path, job: Job, recheck: Recheck, options: Options, report: Report
) -> dict[str, Any]:
    """Work on an image of a WIM; as `reseal.session.run.change`."""
    if options.thin or options.chkdsk_at_boot or options.shrink:
        msg = f"{path} is a WIM; --thin, --shrink and --chkdsk-at-boot are for disk images."
        raise UsageError(msg, "Leave them out.")
    if options.output and options.output.exists():
        msg = f"The output {options.output} exists already."
        raise UsageError(msg, "Leave --output out to change the WIM in place, or name another.")

    def work(volume: int, subject: str, report: Report) -> dict[str, Any]:
        device = FileDevice(volume, read_only=options.dry_run, scratch=True)
        return work_on_device(device, subject, job, recheck, options, report)

    def write_back(volume: int, number: int, report: Report) -> dict[str, Any]:
        device = FileDevice(volume, scratch=True)
        return replace_image(path, number, device, options.output, on_progress=report)

    with (
        _locked(path, exclusive=not (options.dry_run or options.output)),
        _applied(path, options.index, report) as (volume, facts),
    ):
        own = _limits(path, volume)
        limits = replace(
            own, reads=(*own.reads, *options.reads), writes=(*own.writes, *options.writes)
        )
        result = in_worker(path, partial(work, volume, _subject(path, facts)), report, limits)
        if (result["written"] or options.output) and not options.dry_run:
            start = time.perf_counter()
            folders = {one.resolve().parent for one in (path, options.output or path)}
            limits = replace(own, writes=(*own.writes, *folders))
            in_worker(path, partial(write_back, volume, facts.index), report, limits)
            result["timings"]["Capturing"] = time.perf_counter() - start
        return {"image": _facts(path, facts), **result}


@contextmanager
def _locked(path: Path, *, exclusive: bool) -> Iterator[None]:
    lock = Lock(path)
    try:
        if exclusive:
            lock.exclude()
        else:
            lock.share()
        yield
    finally:
        lock.close()


@contextmanager
def _applied(path: Path, index: int | None, report: Report) -> Iterator[tuple[int, ImageFacts]]:
    """Apply an image to a scratch volume, and yield the volume's descriptor and what the image is."""
    described = run_worker(
        lambda _: _described(path, index), subject=str(path), limits=_limits(path)
    )
    facts = ImageFacts(**described)

    def work(report: Report) -> dict[str, Any]:
        device = FileDevice(volume, read_only=False, scratch=True)
        try:
            return apply_image(path, facts.index, device, on_progress=report)
        finally:
            device.close()

    with scratch_volume(path, facts.bytes, facts.files) as volume:
        in_worker(path, work, report, _limits(path, volume))
        yield volume, facts


def _limits(path: Path, *volumes: int) -> Limits:
    """Return what work on a WIM touches: its folder, since a split one has its other parts there."""
    return Limits(reads=(path.resolve().parent,), keeps=volumes)


def _described(path: Path, index: int | None) -> dict[str, Any]:
    facts = image_facts(path, index)
    return {name: getattr(facts, name) for name in facts.__slots__}


def _subject(path: Path, facts: ImageFacts) -> str:
    return f"image {facts.index} of {path}"


def _facts(path: Path, facts: ImageFacts) -> dict[str, Any]:
    return {"path": str(path), "format": "wim", "size": facts.bytes, "index": facts.index}
