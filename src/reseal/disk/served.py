"""Serving an image, or an overlay over it, to a worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reseal.disk.chain import Link
from reseal.disk.overlay import create_overlay, overlay_blockdev
from reseal.disk.server import private_folder, serve


@contextmanager
def serve_link(link: Link, overlay: Path | None, *, subject: str) -> Iterator[Path]:
    """Serve an image for reading, or an overlay over it for writing, as `Image.serve` does.

    Args:
        link: the image.
        overlay: a qcow2 that takes what is written; None to serve the image for reading.
        subject: the image's name in errors.

    Raises:
        EngineError: qemu-storage-daemon is not installed.
        ImageError: it can't open the image, or failed.
    """
    with private_folder() as folder:
        writable = overlay is not None
        if overlay is None and link.unusual:
            overlay = folder / "overlay"
            create_overlay(overlay, link)
        node = overlay_blockdev(overlay, link) if overlay else link.blockdev()
        node["read-only"] = not writable
        with serve(
            node, folder, writable=writable, subject=subject, files=link.all_files()
        ) as socket_path:
            yield socket_path
