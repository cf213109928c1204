"""A new image from an image and its changes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reseal.disk import golden
from reseal.disk.attributes import mode_of_new
from reseal.disk.block import is_block, lasting_name
from reseal.disk.device import DiskError
from reseal.disk.form import Form
from reseal.disk.formats import EXTENSIONS, QEMU_NAMES, Header, vdi
from reseal.disk.image import Image
from reseal.disk.locks import Lock
from reseal.disk.overlay import create_overlay, overlay_name, plain_name
from reseal.disk.sidecar import (
    overlay_path,
    partial_path,
    sync_file,
    sync_file_system,
    sync_folder,
)
from reseal.disk.staged import Appearance, require_space
from reseal.errors import ImageError, UsageError, os_errors
from reseal.hostfile import NetworkPath
from reseal.interruption import hold
from reseal.process import run_tool

_MORE_SPACE = "Free some space, or name an output elsewhere."


class NewImage:
    """Changes that are to become a new image; the image below is only read."""

    def __init__(
        self,
        image: Image,
        output: Path,
        *,
        thin: bool,
        size: int | None = None,
        protect: bool = True,
        form: Form | None = None,
    ) -> None:
        self._image = image
        self._protect = protect
        self._output = checked(output, image.file, form)
        self._thin = thin
        self._form = form or Form(EXTENSIONS[output.suffix.lower()])
        self._format = self._form.format
        if thin and self._format != "qcow2":
            raise UsageError(f"a thin image is a qcow2, and {output} is not named as one.")
        if thin and (image.link.inside or image.unpacked):
            raise UsageError(
                f"a thin image needs its base, and the disk in {image.path} is packed."
            )
        if thin and image.link.unusual:
            raise UsageError(
                f"a thin image over {image.path} would lose the end of the disk, since QEMU takes"
                " the size of such a VHD from its geometry."
            )
        self._appearance = Appearance(image)
        self.overlay = overlay_path(self._output)
        self._partial = partial_path(self._output)
        self._lock = lock_output(self.overlay)
        try:
            remove_partial(self._partial)
            # A thin image is found again as long as the two files move together.
            below = "unnamed"
            if thin or not isinstance(image.file, NetworkPath):
                below = name_below(image.file, self._output.parent)
            create_overlay(self.overlay, image.link, below, size=size)
        except BaseException:
            self.discard()
            raise

    def commit(self, facts: Mapping[str, Any] | None = None) -> None:
        """Make the new image. It gets its name when it is whole.

        Args:
            facts: about the machine in the image, for a form that packs it.
        """
        self._appearance.require_unchanged()
        sync_file(self.overlay)
        if self._thin:
            # Before there is anything that a change of the image could destroy.
            _refuse_present(self._output)
            for below in self._image.link.chain() if self._protect else ():
                golden.mark_base(below.path, self._output.parent)
            self.overlay.chmod(mode_of_new(self._image.file))
            publish(self.overlay, self._output)
            return
        self._require_space()
        self._partial.mkdir(mode=0o700)
        # Some formats write the file's name into it, so it has its final name from the start.
        whole = self._partial / self._output.name
        try:
            pack = self._form.pack
            if pack:
                disk = self._partial / self._form.inside
                self._convert(disk)
                with os_errors(f"{self._output} can't be written", DiskError, _MORE_SPACE):
                    pack(disk, whole, facts or {})
            else:
                self._convert(whole)
            mode = mode_of_new(self._image.file)
            if whole.is_dir():
                whole.chmod(mode | (mode & 0o444) >> 2)
                sync_file_system(whole)
            else:
                whole.chmod(mode)
                sync_file(whole)
            publish(whole, self._output)
        finally:
            shutil.rmtree(self._partial, ignore_errors=True)

    def discard(self) -> None:
        """Delete the overlay and what was written of the output."""
        with contextlib.suppress(OSError):  # the next run takes it away
            self.overlay.unlink(missing_ok=True)
        self._lock.close()

    def _convert(self, target: Path) -> None:
        source = overlay_name(self.overlay, self._image.link)
        try:
            files = self._image.link.all_files()
            header = self._image.link.header
            convert(header, source, self._format, target, files=files, create=self._form.create)
        except ImageError as error:
            raise DiskError(f"{self._output} can't be written: {error}") from error

    def _require_space(self) -> None:
        """Refuse an output for which the disk has no space, as far as that can be told."""
        name = overlay_name(self.overlay, self._image.link)
        kind = "raw" if self._format == "raw" else "qcow2"
        measured = json.loads(
            run_tool(
                ["qemu-img", "measure", "--output=json", "-O", kind, name],
                files=self._image.link.all_files(),
            )
        )
        require_space(
            self._output.parent,
            measured["required"],
            f"the new image {self._output}",
            hint=_MORE_SPACE,
        )


def publish(whole: Path, output: Path) -> None:
    """Give a file the output's name, without ever replacing a file of that name.

    Raises:
        UsageError: there is one.
    """
    hold()
    try:
        os.link(whole, output)
    except FileExistsError:
        raise _appeared(output) from None
    except OSError:  # a file system without hard links
        _refuse_present(output)
        whole.rename(output)
    # It has its name; what is left is deleted by the next run.
    with contextlib.suppress(OSError):
        whole.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        sync_folder(output.parent)


def _refuse_present(output: Path) -> None:
    if os.path.lexists(output):
        raise _appeared(output)


def _appeared(output: Path) -> UsageError:
    return UsageError(f"{output} was created by another program during the run.")


def convert(
    header: Header,
    source: str,
    kind: str,
    target: Path,
    *,
    files: Iterable[Path],
    create: Mapping[str, str] | None = None,
) -> None:
    """Write a disk into a new file, compactly.

    Args:
        header: of the image that it comes from; in the same format the new one is made alike.
        source: the disk, as QEMU's tools take it.
        kind: the format of the new file.
        target: the new file.
        files: what is opened with the disk.
        create: options that win over those of the image.

    Raises:
        ImageError: it can't be written.
    """
    options = dict(header.create) if header.format == kind else {}
    options |= create or {}
    if kind == "vhd":
        options = {"subformat": "dynamic"} | options | {"force_size": "on"}
    command = ["qemu-img", "convert", "-q", "-O", QEMU_NAMES[kind]]
    if options:
        command += ["-o", ",".join(f"{key}={value}" for key, value in options.items())]
    run_tool([*command, source, str(target)], files=files)
    if kind == "vdi":
        vdi.recount(target)


def name_below(image: Path, folder: Path) -> str:
    """Return how a thin image in a folder names the image below it.

    A file is named from there, so that both can be moved together; a device by its lasting name.
    """
    if isinstance(image, NetworkPath):
        msg = f"a thin image over {image} would need the server whenever it is used."
        raise UsageError(msg, "Make a full image: omit --thin.")
    if is_block(image):
        return plain_name(str(lasting_name(image)))
    return plain_name(os.path.relpath(image, folder))


def remove_partial(partial: Path) -> None:
    """Delete what a run that was killed left of an output."""
    if partial.is_dir() and not partial.is_symlink():
        shutil.rmtree(partial)


def checked(output: Path, source: Path, form: Form | None = None) -> Path:
    """Return the output's absolute path, its folder resolved.

    Args:
        output: the output.
        source: the image that it is made from.
        form: what it becomes; without one its suffix says it.

    Raises:
        UsageError: its extension is unknown, its folder is missing, or it exists.
    """
    if is_block(output):
        msg = f"the output {output} is a block device, and an output is a new file."
        raise UsageError(msg, "To change a device, name it as the image and add --in-place.")
    if form is None and output.suffix.lower() not in EXTENSIONS:
        known = ", ".join(sorted(EXTENSIONS))
        raise UsageError(f"{output} has none of the extensions of images: {known}.")
    folder = output.parent.resolve()
    if not folder.is_dir():
        raise UsageError(f"the folder of {output} does not exist.")
    absolute = folder / output.name
    if os.path.lexists(absolute):
        same = absolute.exists() and source.exists() and absolute.samefile(source)
        raise UsageError(
            f"the output {output} is the image itself."
            if same
            else f"the output {output} exists already.",
            hint="Leave --output out to change the image in place." if same else None,
        )
    return absolute


def lock_output(overlay: Path) -> Lock:
    """Lock an output by its overlay, so that two runs can't make the same image."""
    while True:
        with os_errors(f"{overlay} can't be created", DiskError):
            os.close(
                os.open(overlay, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            )
        lock = Lock(overlay)
        lock.exclude()
        try:
            status = overlay.stat()
        except FileNotFoundError:
            status = None
        if status and (status.st_dev, status.st_ino) == lock.inode:
            return lock
        lock.close()  # the other run ended, and deleted or published it, between the two lines
