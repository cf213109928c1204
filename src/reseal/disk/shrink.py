"""Rewriting an image's file compactly, in place.

The new file is written beside the old one, compared with it, and takes its name; until then the old one
is whole, and so is the image at every moment.
"""

from __future__ import annotations

import shutil

from reseal.disk.device import DiskError
from reseal.disk.image import Image
from reseal.disk.output import convert, remove_partial
from reseal.disk.qemu import json_name
from reseal.disk.sidecar import partial_path, sync_file, sync_folder
from reseal.errors import ImageError
from reseal.hostfile import keep_attributes
from reseal.process import run_tool


class ShrinkError(DiskError):
    """An image is done, and its file could not be rewritten compactly."""

    image_changed = True


def require_shrinkable(image: Image) -> None:
    """Refuse an image that is more than one file with one content.

    Raises:
        DiskError: it has snapshots, a backing file, several files or several names.
    """
    link = image.link
    why = None
    if image.is_device:
        why = "it is a block device"
    elif image.snapshots:
        why = "it holds snapshots, which would be lost"
    elif link.backing is not None:
        why = "it has a backing file, and would become as large as both"
    elif len(list(link.own_files())) > 1:
        why = "it consists of several files"
    elif image.file.stat().st_nlink > 1:
        why = "it has several names (hard links)"
    if why:
        msg = f"{image.path} can't be rewritten compactly: {why}."
        raise DiskError(msg, hint="Leave --shrink out, or name a new image with --output.")


def shrink(image: Image) -> None:
    """Rewrite the file of an image that is not being served.

    Raises:
        ShrinkError: the disk is full, or the new file differs; the old one stays.
    """
    partial = partial_path(image.file)
    try:
        remove_partial(partial)
        space = shutil.disk_usage(image.file.parent).free
        if space < image.space_now():
            raise _failed(
                image,
                f"that may need {image.space_now() >> 20} MiB, and {space >> 20} MiB are free.",
            )
    except OSError as error:
        if isinstance(error, DiskError):
            raise
        raise _failed(image, str(error)) from error
    whole = partial / image.file.name
    source = json_name(image.link.blockdev())
    try:
        partial.mkdir(mode=0o700)
        files = list(image.link.all_files())
        convert(image.link.header, source, image.format, whole, files=files)
        header = image.link.header.options | {"file": {"driver": "file", "filename": str(whole)}}
        run_tool(["qemu-img", "compare", "-q", source, json_name(header)], files=files)
        with whole.open("rb") as file:
            keep_attributes(image.file, file.fileno())
        sync_file(whole)
        whole.replace(image.file)
        sync_folder(image.file.parent)
    except (ImageError, OSError) as error:
        raise _failed(image, str(error)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _failed(image: Image, why: str) -> ShrinkError:
    msg = f"{image.path} was changed, but could not be rewritten compactly: {why}"
    return ShrinkError(
        msg,
        hint="The image is done; only its file is as large as before. Free some space, and run"
        " `reseal customize --shrink` on it.",
    )
