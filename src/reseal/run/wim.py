"""An image of a WIM as a medium: applied to a scratch volume, and captured again.

Three workers run in sequence: libwim applies in the first and captures in the third. The WIM is replaced
atomically at the end; its other images stay byte for byte.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from reseal.disk import FileDevice
from reseal.disk.locks import Lock
from reseal.errors import NoWindowsError, ResealError, UsageError
from reseal.run.disk import OpenedDisk, on_device
from reseal.run.medium import Held, Work
from reseal.run.opening import OpenedTree
from reseal.run.options import RunOptions
from reseal.run.scratch import scratch_volume
from reseal.sandbox import Limits
from reseal.wim import apply_image, open_wim, replace_image
from reseal.wim.metadata import ImageFacts, image_facts, listed
from reseal.wim.tree import WimTree
from reseal.worker import Report, in_worker


def images(path: Path) -> list[dict[str, Any]]:
    """Return what a WIM says about each of its images, as `reseal.wim.metadata.listed` does.

    Raises:
        WimError: the file can't be read.
    """
    limits = Limits(reads=(path.resolve().parent,))
    found: list[dict[str, Any]] = in_worker(path, lambda _: {"images": listed(path)}, None, limits)[
        "images"
    ]
    return found


class Wim(Held):
    """One image of a WIM, as `reseal.run.medium.Medium`."""

    def __init__(self, path: Path, options: RunOptions, *, whole: bool = True) -> None:
        """Create the medium.

        Args:
            path: the WIM.
            options: how to open it, and what to do with the result. A dry run only reads.
            whole: whether the work needs the whole volume. Otherwise files are read from the WIM one by
                one, unless the work reads something that only a volume provides.
        """
        self._path = path
        self._options = options
        self._whole = whole
        self._image: ImageFacts | None = None
        self._volume: int | None = None

    def _hold(self, stack: ExitStack) -> None:
        one = self._options
        if one.thin or one.chkdsk_at_boot or one.shrink:
            msg = (
                f"{self._path} is a WIM; --thin, --shrink and --chkdsk-at-boot are for disk images."
            )
            raise UsageError(msg, "Omit them.")
        if one.output and one.output.exists():
            msg = f"The output {one.output} already exists."
            raise UsageError(
                msg, "Omit --output to change the WIM in place, or choose another file."
            )
        lock = stack.enter_context(closing(Lock(self._path)))
        if one.dry_run or one.output:
            lock.share()
        else:
            lock.exclude()

    @property
    def facts(self) -> dict[str, Any]:
        """Path, format, size in bytes of the image's content, and index."""
        image = self._known()
        size, index = image.bytes, image.index
        return {"path": str(self._path), "format": "wim", "size": size, "index": index}

    def in_worker(self, work: Work, report: Report | None) -> dict[str, Any]:
        """Run work in a worker that gets an `OpenedDisk`, or the image's files to read."""
        options = self._options
        if not self._whole:
            limits = self._limits(writes=options.writes)
            found = in_worker(self._path, lambda _: self._on_files(work), None, limits)
            self._image = ImageFacts(**found["facts"])
            if found["result"] is not None:
                result: dict[str, Any] = found["result"]
                return result
        self._apply(report)
        limits = self._limits(options.reads, options.writes)
        return self._on_volume(work, report, limits, read_only=options.dry_run)

    def finish(self, result: dict[str, Any], report: Report) -> None:
        """Capture the volume into the WIM or the output."""
        output = self._options.output
        if self._options.dry_run or not (result["written"] or output):
            return
        start = time.perf_counter()

        def capture(opened: OpenedDisk, report: Report) -> dict[str, Any]:
            index, device = self._known().index, opened.device
            return replace_image(self._path, index, device, output, on_progress=report)

        folders = {one.resolve().parent for one in (self._path, output or self._path)}
        self._on_volume(capture, report, self._limits(writes=tuple(folders)))
        result["timings"]["Capturing"] = time.perf_counter() - start

    def _known(self) -> ImageFacts:
        """Return the XML data of the image."""
        if self._image is None:
            found = in_worker(self._path, lambda _: self._described(), None, self._limits())
            self._image = ImageFacts(**found)
        return self._image

    def _described(self) -> dict[str, Any]:
        return asdict(image_facts(self._path, self._options.index))

    def _on_files(self, work: Work) -> dict[str, Any]:
        """Run the work on the files in the WIM; return None if the work needs the volume."""
        facts, result = self._described(), None
        subject = self._subject(facts["index"])
        nothing = NoWindowsError(
            f"{subject} has no Windows installation. Nothing was changed.",
            r"A Windows installation is a folder with System32\config\SYSTEM in it.",
        )
        with open_wim(self._path) as wim, closing(WimTree(wim, facts["index"])) as tree:
            try:
                result = work(OpenedTree(tree, subject, nothing, volume=1), lambda _: None)
            except ResealError:
                if not tree.refused:
                    raise
            return {"facts": facts, "result": None if tree.refused else result}

    def _apply(self, report: Report | None) -> None:
        """Apply the image to a scratch volume, once."""
        image = self._known()
        if self._volume is None:
            volume = scratch_volume(self._path, image.bytes, image.files)
            self._volume = self._stack.enter_context(volume)

            def apply(opened: OpenedDisk, report: Report) -> dict[str, Any]:
                return apply_image(self._path, image.index, opened.device, on_progress=report)

            self._on_volume(apply, report, self._limits(), read_only=False)

    def _on_volume(
        self, work: Work, report: Report | None, limits: Limits, *, read_only: bool = True
    ) -> dict[str, Any]:
        """Run work in a worker on the scratch volume.

        Args:
            work: the work; called with an `OpenedDisk`.
            report: receives `{"step": …}`.
            limits: limits of the worker.
            read_only: whether writing is refused.
        """
        number, subject = self._volume, self._subject(self._known().index)
        assert number is not None

        device = partial(FileDevice, number, read_only=read_only, scratch=True)
        limits = replace(limits, keeps=(number, *limits.keeps))
        return on_device(self._path, device, work, report, limits, subject)

    def _limits(self, reads: tuple[Path, ...] = (), writes: tuple[Path, ...] = ()) -> Limits:
        # The folder has the other parts of a split WIM.
        return Limits(
            reads=(self._path.resolve().parent, *reads), writes=writes, keeps=self._options.keeps
        )

    def _subject(self, index: int) -> str:
        return f"image {index} of {self._path}"
