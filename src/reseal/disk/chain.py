"""An image with every other file that it needs, each with an explicit format, for QEMU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reseal.disk import archives, block, formats, golden
from reseal.disk.archives import Inside
from reseal.disk.block import canonical, is_block
from reseal.disk.device import DiskError
from reseal.disk.formats import Header, Reference, vmdk
from reseal.disk.qemu import file_node
from reseal.disk.scratch import state_folder

#: More backing files than this are taken for an attack; real chains have a handful.
_MAX_DEPTH = 64
_BACKING = "backing file"


@dataclass(frozen=True, slots=True)
class Link:
    """One image of a chain.

    Attributes:
        path: the resolved path.
        header: what its header says.
        backing: the image that holds what this one does not.
        data_file: the file with a qcow2's data, where it is not the qcow2 itself.
        extents: the files with the content of a VMDK descriptor.
        inside: where the image lies in the file, if that is an archive.
        scratch: the folder for the overlay and the journal of a block device or a network disk; None for a
            file, which has them next to it.
        node: how QEMU gets a network disk; None for others.
    """

    path: Path
    header: Header
    backing: Link | None = None
    data_file: Path | None = None
    extents: tuple[Path, ...] = ()
    inside: Inside | None = None
    scratch: Path | None = None
    node: dict[str, Any] | None = None

    def blockdev(self) -> dict[str, Any]:
        """Describe the image to QEMU, which is left nothing to find out by itself."""
        file = self.node or file_node(self.path)
        if self.inside:
            place = {"offset": self.inside.offset, "size": self.inside.size}
            file = {"driver": "raw", **place, "file": file}
        node = self.header.options | {"file": file}
        if self.header.format in {"qcow2", "vmdk"}:
            node["backing"] = self.backing.blockdev() if self.backing else None
        if self.data_file:
            node["data-file"] = file_node(self.data_file)
        return node

    def own_files(self) -> Iterator[Path]:
        """Yield the files of this computer that are written when the image is written."""
        if self.node:
            return
        yield self.path
        if self.data_file:
            yield self.data_file
        yield from self.extents

    def all_files(self) -> Iterator[Path]:
        """Yield every file that is opened with the image: its own, and those of what is below."""
        for link in self.chain():
            yield from link.own_files()

    def chain(self) -> Iterator[Link]:
        """Yield the image and its backing images, the image first."""
        link: Link | None = self
        while link:
            yield link
            link = link.backing

    @property
    def ids(self) -> list[str]:
        """What identifies a block device or a network disk, the best first; nothing for a file."""
        return [f"url {self.path}"] if self.node else block.ids(self.path)

    @property
    def key(self) -> str:
        """The name under which its files are in the scratch folder."""
        return block.key_of([*self.ids, f"name {self.path.name}"][0])

    @property
    def unusual(self) -> bool:
        """Whether an option is needed that QEMU's daemon does not take, only its tools."""
        return any("force_size_calc" in link.header.options for link in self.chain())


def open_chain(
    path: Path, *, allow_backing: bool = False, whole: bool = True, scratch: Path | None = None
) -> Link:
    """Read the headers of an image and of all images below it.

    Args:
        path: the image, resolved.
        allow_backing: take files that are not in the image's own folder, too.
        whole: check that no file of the image is truncated.
        scratch: the folder for overlays and journals of block devices; None for the default.

    Raises:
        DiskError: a file is missing, damaged, or must not be opened.
    """
    state = scratch or state_folder()
    return _open(path, None, path.parent, state, allow=allow_backing, whole=whole, above=())


def _open(
    path: Path,
    qemu_format: str | None,
    folder: Path,
    scratch: Path,
    *,
    allow: bool,
    whole: bool,
    above: tuple[Path, ...],
) -> Link:
    _require_openable(path, above)
    if not above and (inside := _archived(path)):
        return _in_archive(path, inside)
    header = formats.read_header(path, qemu_format)

    def find(name: str, what: str) -> Path:
        return _find(path, name, what, folder, allow=allow)

    backing: Link | None = None
    if header.backing:
        reference: Reference = header.backing
        below = find(reference.name, _BACKING)
        backing = _open(
            below,
            reference.format,
            folder if below.is_relative_to(folder) else below.parent,
            scratch,
            allow=allow,
            whole=whole,
            above=(*above, path),
        )
    data_file = find(header.data_file, "data file") if header.data_file else None
    extents = tuple(find(name, "extent") for name in header.extents)
    for extent, size in zip(extents, header.extent_sizes, strict=True):
        formats.require_extent(extent, size, whole=whole)
    if whole:
        formats.require_whole(path, header.format)
    own = scratch if is_block(path) else None
    return Link(path, header, backing, data_file, extents, scratch=own)


def _require_openable(path: Path, above: tuple[Path, ...]) -> None:
    """Raise DiskError for a chain without an end, and for a path that QEMU can't be given."""
    if path in above:
        raise DiskError(f"{path} is its own backing file.")
    if len(above) >= _MAX_DEPTH:
        raise DiskError(f"{above[0]} has more than {_MAX_DEPTH} backing files.")
    try:
        str(path).encode()
    except UnicodeEncodeError:
        name = str(path).encode(errors="backslashreplace").decode()
        raise DiskError(f"{name} can't be opened: its path is not UTF-8.") from None


def _archived(path: Path) -> Inside | None:
    """Find the image in an archive; raise DiskError for an extent of a VMDK, which is only a part of one."""
    if is_block(path):
        return None
    if descriptor := vmdk.descriptor_of(path):
        raise DiskError(
            f"{path} is an extent of a VMDK, which holds only a part of the disk or no header.",
            hint=f"Name its descriptor: {descriptor}",
        )
    return archives.find(path)


def _in_archive(path: Path, inside: Inside) -> Link:
    """Return the image in an archive, which can only be read."""
    place = inside.name, inside.offset, inside.size
    header = formats.read_header(path, None, place)
    if header.backing or header.data_file or header.extents:
        raise DiskError(
            f"the disk {inside.name[:200]} in {path} needs other files, which reseal does not look for.",
            hint="Unpack the archive (tar -xf), and name the disk in it.",
        )
    formats.require_whole(path, header.format, place)
    header = replace(header, why_read_only="it lies in an archive")
    return Link(path, header, inside=inside)


def _made_by_reseal(path: Path, found: Path, what: str) -> bool:
    """Whether reseal made a thin image of its backing file, in the folder where the thin image lies."""
    return what == _BACKING and golden.proves(found, path.parent)


def _find(path: Path, name: str, what: str, folder: Path, *, allow: bool) -> Path:
    """Resolve a file name from a header.

    Only files in the folder are allowed, and the golden image of a thin image that reseal made.
    """
    if ":" in name.partition("/")[0]:
        raise DiskError(
            f"{path} has the {what} {name[:200]!r}, which is not a plain file name.",
            hint="reseal opens neither network locations nor QEMU's special names.",
        )
    try:
        found = (path.parent / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise DiskError(f"the {what} {name[:200]!r} of {path} can't be found.") from error
    device = what == _BACKING and is_block(found)
    near = found.is_relative_to(folder) or _made_by_reseal(path, found, what)
    if not allow and (device or not near):
        where = "is a block device" if device else "is outside its own folder"
        raise DiskError(
            f"{path} has the {what} {name[:200]!r}, which {where}.",
            hint="If you trust the image, allow this with --allow-backing.",
        )
    if device:
        return canonical(found)
    formats.require_regular(found)
    return found
