"""OpenStack's format inspector judges which container a file is, and which of them name other files.

It was written after hostile images had made OpenStack open files of the host, so it looks for the
same dangers as reseal does. It knows no fixed VHD (a raw disk with a footer) and tells a raw disk by
its partition table, which it reads strictly.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from oslo_utils.imageutils import format_inspector

from reseal.disk import DiskError, FileDevice, Image
from reseal.disk.formats import read_header
from reseal.disk.tables import write_gpt
from tests.disk.images import FORMATS, KINDS, Kind, make_image, raw_disk
from tests.disk.test_tables import DISK, ROWS, gpt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Where it says something else than reseal, and why.
OTHERWISE = {
    "raw": ("gpt", "it names the partition table"),
    "split VMDK": ("raw", "it takes no descriptor in a file of its own"),
    "flat VMDK": ("raw", "it takes no descriptor in a file of its own"),
    "fixed VHD": ("gpt", "it does not look at the end of a file, where the footer is"),
}


def inspected(path: Path) -> format_inspector.FileInspector:
    found = format_inspector.detect_file_format(str(path))
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_both_see_the_same_container_and_size(tmp_path: Path, kind: Kind) -> None:
    path = make_image(tmp_path, kind)
    header = read_header(path)
    theirs = inspected(path)
    assert header.format == kind.extension
    assert OTHERWISE.get(kind.name, (header.format, ""))[0] == theirs.NAME
    if kind.name not in OTHERWISE:
        assert theirs.virtual_size == header.size


@pytest.mark.corpus
def test_both_see_the_same_in_real_images(corpus: Path) -> None:
    compared = 0
    for path in sorted((corpus / "images").iterdir()):
        header, theirs = read_header(path), inspected(path)
        if header.format == "raw":
            assert theirs.NAME in {"raw", "gpt"}, path
        else:
            assert (theirs.NAME, theirs.virtual_size) == (header.format, header.size), path
        compared += 1
    assert compared >= 4


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("text.qcow2", b"hello\n" * 1000),
        ("zeros.vhdx", bytes(1 << 20)),
        ("zeros.vhd", bytes(1 << 20)),
        ("short.vmdk", b"KDM"),
        ("misplaced.qcow2", bytes(4) + b"QFI\xfb" + bytes(600)),
    ],
)
def test_both_see_no_container_where_there_is_none(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert inspected(path).NAME == "raw"
    with pytest.raises(DiskError, match="header is missing or damaged"):
        read_header(path)


@pytest.mark.parametrize("kind", FORMATS[:-1], ids=lambda kind: kind.name)
def test_neither_decides_between_a_boot_sector_and_a_container(tmp_path: Path, kind: Kind) -> None:
    """What a guest can do to its raw disk: write the header of a container over the boot code."""
    if kind.extension == "vhdx":
        pytest.skip("its signature covers what a boot sector needs")
    data = bytearray(raw_disk(tmp_path).read_bytes())
    data[:440] = make_image(tmp_path / "container", kind).read_bytes()[:440]
    path = tmp_path / f"guest.{'img' if kind.extension != 'vhd' else 'qcow2'}"
    path.write_bytes(data)
    with pytest.raises(DiskError):
        read_header(path)
    try:
        assert inspected(path).NAME == "gpt"
    except format_inspector.ImageFormatError as error:
        assert "Multiple formats detected" in str(error)  # noqa: PT017


def images(folder: Path) -> Path:
    (folder / "images").mkdir()
    return folder / "images"


def backed(folder: Path) -> Path:
    secret = raw_disk(folder).rename(folder / "secret.raw")
    path = images(folder) / "overlay.qcow2"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(secret), "-F", "raw"]
    subprocess.run([*command, str(path)], check=True)
    return path


def with_data_file(folder: Path) -> Path:
    path = images(folder) / "outside.qcow2"
    options = f"data_file={folder / 'data.raw'},data_file_raw=on"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, str(path), "18M"]
    subprocess.run(command, check=True)
    return path


@pytest.mark.parametrize(
    ("make", "check"), [(backed, "backing_file"), (with_data_file, "data_file")]
)
def test_both_refuse_what_names_a_file_elsewhere(
    tmp_path: Path, make: Callable[[Path], Path], check: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(format_inspector.SafetyCheckFailed) as failed:
        inspected(path).safety_check()
    assert check in failed.value.failures
    with pytest.raises(DiskError, match="outside its own folder"):
        Image.open(path)


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_both_accept_what_names_no_other_file(tmp_path: Path, kind: Kind) -> None:
    path = make_image(tmp_path, kind)
    inspected(path).safety_check()
    with Image.open(path) as image:
        assert image.format == kind.extension


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1]], ids=["three partitions", "one"])
def test_it_accepts_a_partition_table_that_reseal_writes(
    tmp_path: Path, rows: list[tuple[int, int, int, str, int]]
) -> None:
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.truncate(1100 << 20)
    disk = FileDevice(path, read_only=False)
    write_gpt(disk, DISK, gpt(rows))
    disk.flush()
    found = inspected(path)
    assert found.NAME == "gpt"
    found.safety_check()
