"""Volumes for the tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reseal.disk.device import FileDevice
from reseal.ntfs import Volume
from reseal.ntfs.records import EXTEND
from reseal.testing.volumes import TreeSpec, ntfs_volume, populate
from tests.ntfs.judges import run

MIB = 1 << 20


@contextmanager
def opened(
    path: Path, *, read_only: bool = True, discard_hibernation: bool = False
) -> Iterator[Volume]:
    """Open the volume in a file."""
    device = FileDevice(path, read_only=read_only)
    try:
        with Volume.open(
            device, read_only=read_only, name=path.name, discard_hibernation=discard_hibernation
        ) as volume:
            yield volume
    finally:
        device.close()


@contextmanager
def writable(path: Path) -> Iterator[Volume]:
    """Open the volume in a file for writing."""
    with opened(path, read_only=False) as volume:
        yield volume


def make_journal(volume: Volume) -> None:
    """Make what Windows makes when a program asks for a USN journal."""
    mount = volume._mount
    name = "$UsnJrnl".encode("utf-16-le")
    with (
        mount.inode(EXTEND, "$Extend") as folder,
        mount.new_inode(folder, r"$Extend\$UsnJrnl", name, is_directory=False),
    ):
        pass


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Make a volume of 16 MiB with a tree in it."""

    def build(tree: TreeSpec | None = None, *, size: int = 16 * MIB, **options: int | str) -> Path:
        path = tmp_path / "volume.raw"
        ntfs_volume(path, size, **options)  # type: ignore[arg-type]
        if tree:
            with writable(path) as volume:
                populate(volume, tree)
        return path

    return build


@pytest.fixture
def empty_volume(tmp_path: Path) -> Path:
    """An empty volume of 16 MiB."""
    path = tmp_path / "empty.raw"
    ntfs_volume(path, 16 * MIB)
    return path


def _from_corpus(
    corpus: Path, name: str, target: Path, start: int = 0, size: int | None = None
) -> Path:
    """Copy a volume that Windows made out of a disk image."""
    whole = target.with_suffix(".disk")
    converted = run("qemu-img", "convert", "-O", "raw", corpus / "images" / name, whole)
    assert converted.returncode == 0, converted.stderr
    if not start and size is None:
        return whole.rename(target)
    with whole.open("rb") as source:
        source.seek(start)
        target.write_bytes(source.read(size if size is not None else -1))
    whole.unlink()
    return target


@pytest.fixture
def vss_volume(corpus: Path, tmp_path: Path) -> Path:
    """A bare volume with shadow copies, made by Windows."""
    return _from_corpus(corpus, "vsstest.qcow2", tmp_path / "vsstest.raw")


@pytest.fixture
def windows_volume(corpus: Path, tmp_path: Path) -> Path:
    """A bare volume made by Windows."""
    return _from_corpus(corpus, "windows_volume.qcow2", tmp_path / "windows_volume.raw")


@pytest.fixture
def vhdx_volume(corpus: Path, tmp_path: Path) -> Path:
    """The NTFS partition of a small disk made by Windows."""
    return _from_corpus(corpus, "test.vhdx", tmp_path / "vhdx.raw", 65536, 3_145_728)
