"""VMDK: VMware's format (VMware's Virtual Disk Format 5.0, documented; block/vmdk.c in QEMU)."""

from __future__ import annotations

import re
import sys
from array import array
from pathlib import Path
from typing import Any, NamedTuple

from reseal.disk.formats.header import SECTOR, ContainerFile, Header, Reference

MAGIC_SPARSE = b"KDMV"
MAGIC_ESX = b"COWD"
MAGIC_TEXT = b"# Disk DescriptorFile"

# magic, version, flags, capacity, grain size, descriptor (offset, size), entries in a grain table,
# redundant directory, directory; all but the entries in sectors
_SPARSE = "<4sIIQQQQIQQ"
_FLAG_COMPRESSED = 1 << 16
# magic, version, flags, sectors, grain size, directory (offset, entries)
_ESX = "<4sIIIIII"
_ESX_TABLE_ENTRIES = 4096

_MAX_DESCRIPTOR = 20 * SECTOR  # what QEMU reads of an embedded one; a file may have 1 MiB
_MAX_DESCRIPTOR_FILE = 1 << 20

# QEMU reads extents with sscanf, line by line. Only lines of these three shapes are let through, so
# that both readers agree on what a line is, and no file is opened that was not seen here.
_LINE_SETTING = re.compile(r"[A-Za-z0-9_.:]+[ \t]*=[ \t]*(.*)")
_LINE_EXTENT = re.compile(
    r'[ \t]*(RW|RDONLY|NOACCESS)[ \t]+(\d{1,15})[ \t]+([A-Z]{1,10})(?:[ \t]+"([^"\r\n]{1,511})")?'
    r"(?:[ \t]+(\d{1,15}))?(?:[ \t].*)?"
)
_WRITABLE_EXTENTS = {"FLAT", "VMFS", "SPARSE", "VMFSSPARSE"}
_FLAT_EXTENTS = {"FLAT", "VMFS"}

#: How VMware and QEMU name extents.
_EXTENT_NAME = re.compile(r"(.+)-(?:flat|[sf]\d{3})\.vmdk", re.IGNORECASE)

_SUBFORMATS = {
    "monolithicSparse",
    "monolithicFlat",
    "twoGbMaxExtentSparse",
    "twoGbMaxExtentFlat",
    "streamOptimized",
}


class _Extent(NamedTuple):
    sectors: int
    name: str
    least_size: int | None


def parse(file: ContainerFile) -> Header:
    """Read the header of any VMDK: a sparse one, one of VMware ESX, or a descriptor file.

    The extents that a descriptor file names are not looked at.

    Raises:
        DiskError: it is damaged, or QEMU does not support it.
    """
    if file.starts_with(MAGIC_TEXT):
        return _parse_text(file)
    if file.starts_with(MAGIC_ESX):
        return _parse_esx(file)
    return _parse_sparse(file)


def descriptor_of(extent: Path) -> Path | None:
    """Return the descriptor file in the folder of an extent that names it; None if there is none.

    Extents are named after their descriptor: `disk-flat.vmdk` and `disk-s001.vmdk` belong to `disk.vmdk`.

    Args:
        extent: a file that may be an extent.
    """
    name = _EXTENT_NAME.fullmatch(extent.name)
    if name is None:
        return None
    found = extent.with_name(f"{name[1]}.vmdk")
    try:
        with ContainerFile(found) as file:
            if not file.starts_with(MAGIC_TEXT):
                return None
            named = _parse_text(file).extents
    except OSError:
        return None
    return found if extent.name in named else None


def _parse_sparse(file: ContainerFile) -> Header:
    """Read a sparse VMDK with an embedded descriptor."""
    _, _, flags, capacity, _, descriptor_offset, descriptor_size, *_ = _sparse_header(file)
    settings: dict[str, str] = {}
    if descriptor_offset:
        size = min(descriptor_size * SECTOR, _MAX_DESCRIPTOR)
        text = file.read(descriptor_offset * SECTOR, size, "descriptor")
        settings, _ = _descriptor(file, text)
    stream = bool(flags & _FLAG_COMPRESSED)
    return Header(
        format="vmdk",
        size=capacity * SECTOR,
        options={"driver": "vmdk"},
        backing=_parent(settings),
        why_read_only="it is a compressed (stream-optimized) VMDK" if stream else None,
        create={
            "subformat": "streamOptimized" if stream else "monolithicSparse",
            **_adapter(settings),
        },
    )


def _parse_text(file: ContainerFile) -> Header:
    """Read a descriptor file."""
    if file.size > _MAX_DESCRIPTOR_FILE:
        raise file.damaged("its descriptor is longer than 1 MiB")
    settings, lines = _descriptor(file, file.read(0, file.size, "descriptor"))
    extents = [_extent(file, line) for line in lines]
    if not extents:
        raise file.damaged("its descriptor names no extents")
    kind = settings.get("createType", "")
    return Header(
        format="vmdk",
        size=sum(extent.sectors for extent in extents) * SECTOR,
        options={"driver": "vmdk"},
        backing=_parent(settings),
        extents=tuple(extent.name for extent in extents),
        extent_sizes=tuple(extent.least_size for extent in extents),
        create={**({"subformat": kind} if kind in _SUBFORMATS else {}), **_adapter(settings)},
    )


def _parse_esx(file: ContainerFile) -> Header:
    """Read a sparse extent of VMware ESX, which has no descriptor."""
    _, _, _, sectors, *_ = file.fields(_ESX, 0, "header")
    if sectors == 0:
        raise file.damaged("it claims a disk of no size")
    return Header(format="vmdk", size=sectors * SECTOR, options={"driver": "vmdk"})


def require_whole(file: ContainerFile) -> None:
    """Check that the grain directory, the grain tables and every grain of a sparse file are in it.

    Raises:
        DiskError: the file is truncated or damaged.
    """
    if file.starts_with(MAGIC_TEXT):
        return
    if file.starts_with(MAGIC_ESX):
        _, _, _, sectors, grain, directory_offset, entries = file.fields(_ESX, 0, "header")
        table_entries = _ESX_TABLE_ENTRIES
    else:
        _, _, flags, sectors, grain, _, _, table_entries, _, directory_offset = _sparse_header(file)
        if flags & _FLAG_COMPRESSED:
            return  # written once and read in order: QEMU notices a missing end itself
        if not 0 < grain <= 0x200000 or not 0 < table_entries <= 512:
            raise file.damaged("the sizes in its header can't be right")
        entries = -(-sectors // (grain * table_entries))
    for table_offset in _table(file, directory_offset, entries, "grain directory"):
        if table_offset:
            table = _table(file, table_offset, table_entries, "grain table")
            if last := max(table):
                # Only the disk's own last grain may be cut short.
                file.require(last * SECTOR, (sectors % grain or grain) * SECTOR, "last grain")


def _table(file: ContainerFile, sector: int, entries: int, what: str) -> array[int]:
    table = array("I", file.read(sector * SECTOR, entries * 4, what))
    if sys.byteorder == "big":
        table.byteswap()
    return table


def require_sparse(file: ContainerFile) -> None:
    """Check that a file is a sparse extent with a size of its own.

    Raises:
        DiskError: it is not.
    """
    if file.starts_with(MAGIC_SPARSE):
        _sparse_header(file)
    elif not file.starts_with(MAGIC_ESX):
        raise file.damaged("it is not an extent of a VMDK")


def _sparse_header(file: ContainerFile) -> tuple[Any, ...]:
    header = file.fields(_SPARSE, 0, "header")
    if header[3] == 0:  # QEMU would take its descriptor for a list of other files
        raise file.damaged("it claims a disk of no size")
    return header


def _descriptor(file: ContainerFile, data: bytes) -> tuple[dict[str, str], list[re.Match[str]]]:
    """Return the settings and the lines about extents of a descriptor."""
    settings: dict[str, str] = {}
    extents: list[re.Match[str]] = []
    for line in data.partition(b"\0")[0].decode("latin-1").split("\n"):
        text = line.removesuffix("\r").strip(" \t")
        if not text or text.startswith("#"):
            continue
        if any(ord(character) < 32 and character != "\t" for character in text):
            raise file.damaged("its descriptor holds control characters")
        if setting := _LINE_SETTING.fullmatch(text):
            key = text.partition("=")[0].strip(" \t")
            settings[key] = setting[1].strip(' \t"')
        elif extent := _LINE_EXTENT.fullmatch(text):
            extents.append(extent)
        else:
            raise file.damaged(f"its descriptor has an invalid line ({text[:60]!r})")
    return settings, extents


def _extent(file: ContainerFile, line: re.Match[str]) -> _Extent:
    access, sectors, kind, name, offset = line.groups()
    if access != "RW" or kind not in _WRITABLE_EXTENTS or name is None or int(sectors) == 0:
        raise file.refused(f"QEMU does not support its extent ({line[0].strip()[:60]!r})")
    flat = kind in _FLAT_EXTENTS
    return _Extent(
        sectors=int(sectors),
        name=_file_name(name),
        least_size=(int(sectors) + int(offset or 0)) * SECTOR if flat else None,
    )


def _parent(settings: dict[str, str]) -> Reference | None:
    name = settings.get("parentFileNameHint")
    return Reference(_file_name(name), "vmdk") if name else None


def _file_name(name: str) -> str:
    return name.encode("latin-1").decode(errors="surrogateescape")


def _adapter(settings: dict[str, str]) -> dict[str, str]:
    """Keep the controller for which the disk was made; Windows may not boot from another."""
    adapter = settings.get("ddb.adapterType", "")
    return (
        {"adapter_type": adapter} if adapter in {"ide", "buslogic", "lsilogic", "legacyESX"} else {}
    )
