"""A disk image as the parent process sees it: its header, its lock, a server for the worker."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from reseal.disk import archives, formats
from reseal.disk.chain import Link, open_chain
from reseal.disk.locks import Lock, in_use_by_qemu, written_by_qemu
from reseal.disk.served import serve_link
from reseal.disk.sidecar import journal_path
from reseal.disk.torn import journal_of
from reseal.errors import ImageError


class Image:
    """An opened disk image. It shares reseal's lock on the file until it is closed.

    Attributes:
        path: as it was given.
        file: the file itself, all symbolic links resolved.
        format: "qcow2", "vhdx", "vhd", "vmdk", "vdi" or "raw".
        size: bytes of the disk inside.
        file_size: bytes that the image's own files occupy on the host.
        snapshots: the names of the snapshots inside; working in place leaves them as they are.
        snapshots_below: those of its backing files, with the name of the file each.
        why_read_only: why it can't be changed in place, or None.
        unpacked: where the disk was unpacked for this run, or None.
    """

    def __init__(self, path: Path, file: Path, link: Link, lock: Lock, scratch: ExitStack) -> None:
        self.path = path
        self.file = file
        self._scratch = scratch
        self.link = link
        self.lock = lock
        self.format = link.header.format
        self.size = link.header.size
        self.file_size = self.space_now()
        self.snapshots = link.header.snapshots
        self.snapshots_below = tuple(
            f"{name} in {below.path.name}"
            for below in link.chain()
            if below is not link
            for name in below.header.snapshots
        )
        self.why_read_only = link.header.why_read_only
        self.unpacked = link.path if link.path != self.file else None

    @classmethod
    def open(cls, path: Path, *, allow_backing: bool = False) -> Self:
        """Read and check the headers of an image, without changing it or locking out others.

        Args:
            path: the image.
            allow_backing: take backing files that are not in the image's own folder, too.

        Raises:
            DiskError: it is not an image, is damaged, or is of a kind that reseal does not open.
            ImageError: another reseal or a running machine uses it, or an earlier run was
                interrupted while it merged its changes.
        """
        file = resolve(path)
        lock = Lock(file)
        scratch = ExitStack()
        try:
            lock.share()
            refuse_interrupted(path, file)
            if kind := archives.compression(file):
                inner = scratch.enter_context(archives.unpacked(file, kind))
                link = open_chain(inner)
                header = replace(link.header, why_read_only="it is compressed")
                link = replace(link, header=header)
            else:
                link = open_chain(file, allow_backing=allow_backing)
            for each in link.chain():
                refuse_torn(path, each)
                if any(written_by_qemu(own) for own in each.own_files()):
                    raise in_use_by_qemu(each.path)
        except BaseException:
            scratch.close()
            lock.close()
            raise
        return cls(path, file, link, lock, scratch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the image back. Closing twice is allowed."""
        self._scratch.close()
        self.lock.close()

    def space_now(self) -> int:
        """Return how many bytes the image's own files occupy on the host now."""
        return sum(map(space, self.link.own_files()))

    @contextmanager
    def serve(self, overlay: Path | None = None) -> Iterator[Path]:
        """Serve the disk, for `connect`, and yield the path of the socket.

        Args:
            overlay: a qcow2 that takes what is written; None to serve the image for reading.

        Raises:
            EngineError: qemu-storage-daemon is not installed.
            ImageError: it can't open the image, or failed.
        """
        with serve_link(self.link, overlay, subject=str(self.path)) as socket_path:
            yield socket_path


def space(file: Path) -> int:
    """Return how many bytes a file occupies on the host; holes in it take none."""
    return file.stat().st_blocks * 512


def resume_command(path: Path) -> str:
    """Return the command that finishes an interrupted merge, to be shown to a person."""
    return f"reseal resume {shlex.quote(str(path))}"


def resolve(path: Path) -> Path:
    """Resolve the path of an image that has to exist.

    Raises:
        DiskError: the file does not exist, or is not a regular file.
    """
    formats.require_regular(path)
    return path.resolve()


def refuse_interrupted(path: Path, file: Path) -> None:
    """Raise ImageError if a journal shows that a merge into an image was interrupted."""
    if os.path.lexists(journal_path(file)):
        raise ImageError(
            f"an earlier run was interrupted while it wrote its changes into {path}.",
            hint=f"Finish it: {resume_command(path)}",
        )


def refuse_torn(path: Path, link: Link) -> None:
    """Raise ImageError where a merge into an image, or into one below it, was interrupted.

    Args:
        path: the image as the person named it.
        link: the image, or one below it.
    """
    journal = journal_of(link)
    if journal is None:
        return
    named = path if link.path == path.resolve() else link.path
    if journal.parent == link.path.parent and os.path.lexists(journal):
        hint = f"Finish it: {resume_command(named)}"
    else:
        hint = "Move the image, the journal and its overlay into one folder, and"
        hint += f" finish it: {resume_command(named)}. Or restore the image from a copy."
    raise ImageError(
        f"an earlier run was interrupted while it wrote its changes into {named}, so the image is"
        f" incomplete; its journal is {journal}. Nothing was changed.",
        hint=hint,
    )
