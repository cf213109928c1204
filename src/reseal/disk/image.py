"""A disk image as the parent process sees it: its header, its lock, a server for the worker."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from reseal.disk import archives, block, formats
from reseal.disk.chain import Link, open_chain
from reseal.disk.device import DiskError
from reseal.disk.formats import Header
from reseal.disk.locks import Lock, in_use, in_use_by_qemu, written_by_qemu
from reseal.disk.network import gateway
from reseal.disk.scratch import state_folder
from reseal.disk.served import serve_link
from reseal.disk.sidecar import journal_path
from reseal.disk.torn import is_note, journal_of
from reseal.errors import ImageError, os_errors
from reseal.hostfile import NetworkPath


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
        is_device: whether it is a block device or a network disk.
        unpacked: where the disk was unpacked for this run, or None.
    """

    def __init__(self, path: Path, file: Path, link: Link, lock: Lock, stack: ExitStack) -> None:
        self._stack = stack
        self.path = path
        self.file = file
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
        self.is_device = link.scratch is not None
        self.unpacked = link.path if link.path != self.file else None

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        allow_backing: bool = False,
        scratch: Path | None = None,
        writing: bool = False,
    ) -> Self:
        """Read and check the headers of an image, without changing it or locking out others.

        Args:
            path: the image.
            allow_backing: take backing files that are not in the image's own folder, too.
            scratch: the folder for the overlay and the journal of a block device; None for the default.
            writing: whether a network disk is to be changed in place.

        Raises:
            DiskError: it is not an image, is damaged, or is of a kind that reseal does not open.
            ImageError: another reseal or a running machine uses it, or an earlier run was
                interrupted while it merged its changes.
        """
        with ExitStack() as stack:
            if isinstance(path, NetworkPath):
                link = network_link(path, stack, writable=writing, scratch=scratch)
                file, lock = link.path, lock_of(link)
                stack.callback(lock.close)
                lock.share()
                refuse_torn(path, link)
            else:
                file = resolve(path)
                lock, link = _opened(
                    path, file, stack, allow_backing=allow_backing, scratch=scratch
                )
            return cls(path, file, link, lock, stack.pop_all())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the image back. Closing twice is allowed."""
        self._stack.close()

    def space_now(self) -> int:
        """Return how many bytes the image's own files occupy on the host now."""
        return self.size if self.link.node else sum(map(space, self.link.own_files()))

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


def _opened(
    path: Path, file: Path, stack: ExitStack, *, allow_backing: bool, scratch: Path | None
) -> tuple[Lock, Link]:
    """Lock and check a file or a block device; the stack closes the lock, and deletes an unpacked disk."""
    lock = Lock(file)
    stack.callback(lock.close)
    lock.share()
    refuse_interrupted(path, file)
    kind = None if block.is_block(file) else archives.compression(file)
    if kind:
        inner = stack.enter_context(archives.unpacked(file, kind))
        link = open_chain(inner)
        link = replace(link, header=replace(link.header, why_read_only="it is compressed"))
    else:
        link = open_chain(file, allow_backing=allow_backing, scratch=scratch)
    for each in link.chain():
        if each.path != file and (who := each.scratch and block.user(each.path)):
            raise in_use(each.path, who)
        refuse_torn(path, each)
        if any(written_by_qemu(own) for own in each.own_files()):
            raise in_use_by_qemu(each.path)
    return lock, link


def network_link(
    path: NetworkPath, stack: ExitStack, *, writable: bool, scratch: Path | None
) -> Link:
    """Open a network disk.

    Args:
        path: the disk.
        stack: closes its gateway.
        writable: whether it is to be written.
        scratch: the folder for the overlay and the journal; None for the default.
    """
    node, size = stack.enter_context(gateway(path, writable=writable))
    header = Header(format="raw", size=size, options={"driver": "raw"})
    return Link(path, header, scratch=scratch or state_folder(), node=node)


def lock_of(link: Link) -> Lock:
    """Return the lock of a network disk, which excludes other runs on this computer."""
    folder = state_folder()
    with os_errors(f"{link.path} can't be locked", DiskError, "Set XDG_STATE_HOME."):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / f".{link.key}.reseal-lock"
        file.touch(mode=0o600)
    return Lock(file)


def space(file: Path) -> int:
    """Return how many bytes a file or a device occupies on the host; holes in a file take none."""
    return block.size_of(file) if block.is_block(file) else file.stat().st_blocks * 512


def resume_command(path: Path, scratch: Path | None = None) -> str:
    """Return the command that finishes an interrupted merge, to be shown to a person.

    Args:
        path: the image.
        scratch: the folder with the journal of a device.
    """
    where = (
        f" --scratch {shlex.quote(str(scratch))}" if scratch not in {None, state_folder()} else ""
    )
    return f"reseal resume {shlex.quote(str(path))}{where}"


def resolve(path: Path) -> Path:
    """Resolve the path of an image that has to exist; all names of a device lead to the same path.

    Raises:
        DiskError: the file does not exist, or is neither a regular file nor a block device.
    """
    if isinstance(path, NetworkPath):
        return path
    formats.require_disk(path)
    file = path.resolve()
    return block.canonical(file) if block.is_block(file) else file


def refuse_interrupted(path: Path, file: Path) -> None:
    """Raise ImageError if a journal next to an image shows that a merge into it was interrupted."""
    journal = journal_path(file)
    if os.path.lexists(journal) and not is_note(journal):
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
    named = path if link.node or link.path == path.resolve() else link.path
    if link.scratch:
        hint = f"Finish it: {resume_command(named, journal.parent)}"
    elif journal.parent == link.path.parent and os.path.lexists(journal):
        hint = f"Finish it: {resume_command(named)}"
    else:
        hint = "Move the image, the journal and its overlay into one folder, and"
        hint += f" finish it: {resume_command(named)}. Or restore the image from a copy."
    raise ImageError(
        f"an earlier run was interrupted while it wrote its changes into {named}, so the image is"
        f" incomplete; its journal is {journal}. Nothing was changed.",
        hint=hint,
    )
