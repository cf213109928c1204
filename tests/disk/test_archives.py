"""Disks in archives: read where they lie, or unpacked first. Hostile archives are refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from reseal.disk import DiskError, Image, Transaction, archives, connect
from reseal.errors import UsageError
from tests.disk.images import DISK_SIZE, raw_disk

OVF = """<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:v="http://www.vmware.com/schema/ovf"
 xmlns:r="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
<VirtualSystem><VirtualHardwareSection>
<Item><r:InstanceID>3</r:InstanceID><r:ResourceSubType>lsilogicsas</r:ResourceSubType>
<r:ResourceType>6</r:ResourceType></Item>
<Item><r:InstanceID>9</r:InstanceID><r:Parent>3</r:Parent><r:ResourceType>17</r:ResourceType></Item>
<v:Config v:key="firmware" v:value="efi"/>
</VirtualHardwareSection></VirtualSystem></Envelope>"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a raw disk, and with its content as a stream-optimized VMDK and as a qcow2."""
    folder = tmp_path_factory.mktemp("disk")
    raw_disk(folder).rename(folder / "disk.raw")
    for kind, name in (("vmdk", "disk.vmdk"), ("qcow2", "box.img")):
        options = ["-o", "subformat=streamOptimized"] if kind == "vmdk" else []
        convert = ["qemu-img", "convert", "-O", kind, *options, "disk.raw", name]
        subprocess.run(convert, cwd=folder, check=True)
    (folder / "machine.ovf").write_text(OVF)
    return folder


def pack(made: Path, target: Path, *names: str, kind: str = "") -> Path:
    """Make an archive with tar."""
    command = ["tar", f"-c{kind}f", str(target), "-C", str(made), *names]
    subprocess.run(command, check=True)
    return target


def content(image: Image) -> bytes:
    with image.serve() as socket:
        device = connect(socket, read_only=True)
        try:
            return device.read(0, device.size)
        finally:
            device.close()


@pytest.mark.parametrize(
    ("name", "members"),
    [("x.ova", ("machine.ovf", "disk.vmdk")), ("x.box", ("box.img",)), ("y.OVA", ("disk.raw",))],
)
def test_a_disk_is_read_where_it_lies(
    made: Path, tmp_path: Path, name: str, members: tuple[str, ...]
) -> None:
    path = pack(made, tmp_path / name, *members)
    with Image.open(path) as image:
        assert image.unpacked is None
        assert image.why_read_only
        assert content(image) == (made / "disk.raw").read_bytes()
        told = image.link.inside
        assert told
        if "machine.ovf" in members:
            assert (told.firmware, told.controller) == ("uefi", "lsilogicsas")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["disk.raw.gz", "disk.raw.xz", "disk.raw.bz2", "x.box"])
def test_a_compressed_disk_is_unpacked_and_the_copy_deleted(
    made: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    data = (made / "disk.raw").read_bytes()
    writers: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress,
    }  # fmt: skip
    if path.suffix in writers:
        path.write_bytes(writers[path.suffix](data))
    else:
        pack(made, path, "box.img", kind="z")
    with Image.open(path) as image:
        assert image.unpacked
        assert image.size == DISK_SIZE
        assert content(image) == data
        with pytest.raises(DiskError, match="can't be changed in place"):
            Transaction.begin(image)
    assert not image.unpacked.exists()


def test_changes_go_into_an_output(made: Path, tmp_path: Path) -> None:
    path = pack(made, tmp_path / "x.ova", "disk.vmdk")
    before, output = path.read_bytes(), tmp_path / "new.qcow2"
    with Image.open(path) as image:
        with pytest.raises(UsageError, match="thin"):
            Transaction.begin(image, output=output, thin=True)
        with Transaction.begin(image, output=output) as changes:
            with image.serve(changes.overlay) as socket:
                device = connect(socket)
                device.write(2 << 20, b"changed")
                device.flush()
                device.close()
            changes.commit()
    assert path.read_bytes() == before
    with Image.open(output) as image:
        assert content(image)[2 << 20 :].startswith(b"changed")


def hostile(path: Path, *members: tuple[str, bytes, int]) -> Path:
    """Make an archive of members with the sizes that their headers claim."""
    with path.open("wb") as file:
        for name, data, size in members:
            member = tarfile.TarInfo(name)
            member.size = size
            file.write(member.tobuf() + data + bytes(-len(data) % 512))
        file.write(bytes(1024))
    return path


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ((), "holds no disk"),
        ((("readme.txt", b"x", 1),), "holds no disk"),
        (
            (("a.vmdk", b"x" * 512, 512), ("b.vmdk", b"x" * 512, 512)),
            "several disks: a.vmdk, b.vmdk",
        ),
        ((("a.vmdk", b"x" * 512, 1 << 40),), "not wholly in it|unexpected end"),
        ((("a.qcow2", b"QFI\xfb" + bytes(508), 512),), "a.qcow2"),
        ((("m.ovf", b"<x", 2), ("a.raw", b"x" * 512, 512)), "OVF can't be read"),
        (tuple((f"{n}.txt", b"", 0) for n in range(1200)), "more than 1000 files"),
    ],
)
def test_a_bad_archive_is_refused(
    tmp_path: Path, members: tuple[tuple[str, bytes, int], ...], message: str
) -> None:
    with pytest.raises(DiskError, match=message):
        Image.open(hostile(tmp_path / "x.ova", *members))


def test_a_disk_with_a_backing_file_is_refused(tmp_path: Path) -> None:
    secret, inner = tmp_path / "secret.raw", tmp_path / "a.qcow2"
    secret.write_bytes(b"secret" * 1000)
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(secret), str(inner)]
    subprocess.run([*create, "1M"], check=True)
    path = pack(tmp_path, tmp_path / "x.ova", "a.qcow2")
    with pytest.raises(DiskError, match="needs other files"):
        Image.open(path)


@pytest.mark.parametrize("cut", [20, 1000])
@pytest.mark.parametrize("kind", [".gz", ".xz", ".bz2"])
def test_a_truncated_file_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, cut: int
) -> None:
    writers: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress,
    }  # fmt: skip
    path = tmp_path / f"d.raw{kind}"
    path.write_bytes(writers[kind](os.urandom(5000))[:cut])
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(DiskError, match="damaged"):
        Image.open(path)
    assert list(scratch.iterdir()) == []


def test_a_full_file_system_is_an_error_with_a_hint(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d.raw.gz"
    path.write_bytes(gzip.compress((made / "disk.raw").read_bytes()))
    monkeypatch.setattr(archives, "_RESERVE", 1 << 60)
    with pytest.raises(DiskError, match="nearly full") as error:
        Image.open(path)
    assert "TMPDIR" in str(error.value.hint)


def test_a_bomb_ends_at_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "d.raw.gz"
    path.write_bytes(gzip.compress(bytes(32 << 20)))
    monkeypatch.setattr(archives, "_MAX_DISK", 16 << 20)
    with pytest.raises(DiskError, match="holds more than"):
        Image.open(path)


def test_only_what_is_named_as_an_archive_is_one(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w"):
        pass
    path = tmp_path / "disk.raw"
    path.write_bytes(stream.getvalue())
    assert archives.find(path) is None
    assert archives.compression(path) is None
