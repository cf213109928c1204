"""libwim's jobs on volumes in files, in workers, as reseal runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reseal.disk import FileDevice, Slice
from reseal.sandbox import Limits
from reseal.wim import apply_image, capture_volume
from reseal.worker import run_worker


def capture(volume: Path, wim: Path, **options: Any) -> dict[str, Any]:
    """Capture the volume in a file."""

    def job(report: Any) -> dict[str, Any]:
        return capture_volume(FileDevice(volume), wim, on_progress=report, **options)

    limits = Limits(reads=(volume,), writes=(wim.parent,))
    result: dict[str, Any] = run_worker(job, subject=str(volume), limits=limits)
    return result


def apply(
    wim: Path, index: int | None, volume: Path, *, through_callbacks: bool = True, **options: Any
) -> dict[str, Any]:
    """Apply an image to the volume in a file."""

    def job(report: Any) -> dict[str, Any]:
        file = FileDevice(volume, read_only=False)
        # A plain file is left to libntfs-3g; a part of one goes through reseal's callbacks.
        device = Slice(file, 0, file.size) if through_callbacks else file
        return apply_image(wim, index, device, on_progress=report, **options)

    limits = Limits(reads=(wim.parent,), writes=(volume,))
    result: dict[str, Any] = run_worker(job, subject=str(volume), limits=limits)
    return result
