"""The qcow2 that takes what a run writes, and how QEMU is told of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from reseal.disk.chain import Link
from reseal.disk.device import DiskError
from reseal.disk.qemu import file_node, json_name
from reseal.errors import ImageError, os_errors
from reseal.process import run_tool


def clear(overlay: Path) -> None:
    """Delete an overlay that a run has left.

    Raises:
        DiskError: it can't be deleted.
    """
    with os_errors(f"{overlay} can't be deleted", DiskError):
        overlay.unlink(missing_ok=True)


def create_overlay(
    overlay: Path, link: Link, backing_name: str | None = None, *, size: int | None = None
) -> None:
    """Create an empty qcow2 over an image, which only this user can read.

    Args:
        overlay: the file to create, or an empty one.
        link: the image below.
        backing_name: how the overlay's header names the image; by default its file name, or the path of a
            device.
        size: bytes of the disk, where it is to be larger than the image's.

    Raises:
        EngineError: qemu-img is not installed.
        DiskError: the overlay can't be created.
    """
    name = backing_name or plain_name(str(link.path) if link.scratch else link.path.name)
    if link.unusual or link.inside:
        name = json_name(link.blockdev())
    # A network disk has no name there: QEMU would add it to the description that it always gets.
    below = [] if link.node else ["-u", "-b", name, "-F", qemu_format(link)]
    command = ["qemu-img", "create", "-q", "-f", "qcow2", *below]
    with os_errors(
        f"{overlay} can't be created",
        DiskError,
        "reseal needs write access to the image's folder; --output writes a new image elsewhere."
        if not link.scratch
        else "Choose another folder with --scratch.",
    ):
        os.close(os.open(overlay, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    try:
        command += [str(overlay), str(size or link.header.size)]
        run_tool(command, files=link.all_files())
    except BaseException as error:
        overlay.unlink(missing_ok=True)  # qemu-img itself deletes what it could not finish
        if isinstance(error, ImageError):
            raise DiskError(
                f"{overlay} can't be created: {error}",
                hint="Free some space, or name a new image elsewhere with --output."
                if not link.scratch
                else "Free some space, or choose another folder with --scratch.",
            ) from error
        raise


def overlay_blockdev(overlay: Path, link: Link) -> dict[str, Any]:
    """Describe an overlay over an image to QEMU's daemon."""
    # Zeros take no space, neither in the overlay nor, after the merge, in the image.
    zeros = {"discard": "unmap", "detect-zeroes": "unmap"}
    node: dict[str, Any] = {"driver": "qcow2", "file": file_node(overlay), **zeros}
    # Where the daemon does not take an option, it finds it in the overlay's own header.
    return node if link.unusual else node | {"backing": link.blockdev()}


def overlay_name(overlay: Path, link: Link) -> str:
    """Describe an overlay over an image to QEMU's tools."""
    return json_name({"driver": "qcow2", "file": file_node(overlay), "backing": link.blockdev()})


def plain_name(name: str) -> str:
    """Write a relative file name so that QEMU does not take it for a network location."""
    return f"./{name}" if ":" in name else name


def qemu_format(link: Link) -> str:
    """QEMU's name of an image's format. A fixed VHD is a raw disk with a footer."""
    driver: str = link.header.options["driver"]
    return driver
