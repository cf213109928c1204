from __future__ import annotations

import json
import os
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reseal.disk import DiskError, Image, connect
from reseal.disk.chain import open_chain
from reseal.disk.formats.vhdx import crc32c
from reseal.disk.qemu import json_name
from tests.disk.images import FORMATS, KINDS, Kind, content, make_image, raw_disk

if TYPE_CHECKING:
    from collections.abc import Callable

QCOW2, VHDX, VHD, VMDK, VDI, RAW = FORMATS
SPLIT_VMDK, FLAT_VMDK = KINDS[8], KINDS[9]


def patch(path: Path, *changes: tuple[int, bytes]) -> None:
    data = bytearray(path.read_bytes())
    for offset, new in changes:
        place = offset % len(data)
        data[place : place + len(new)] = new
    path.write_bytes(data)


def refuse(path: Path, said: str, *, allow_backing: bool = False) -> DiskError:
    """Open an image that must be refused, and must not be changed by that."""
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(DiskError, match=said) as raised:
        Image.open(path, allow_backing=allow_backing)
    assert raised.value.exit_code == 4
    assert str(path.parent) in raised.value.message  # it names the image, or a file of it
    assert not path.is_file() or path.read_bytes() == before
    return raised.value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_size_and_format_are_what_qemu_says(tmp_path: Path, kind: Kind) -> None:
    path = make_image(tmp_path, kind)
    link = open_chain(path)
    told = subprocess.run(
        ["qemu-img", "info", "--output=json", json_name(link.blockdev())],
        check=True,
        capture_output=True,
    )
    assert json.loads(told.stdout)["virtual-size"] == link.header.size
    assert link.header.format == kind.extension


@pytest.mark.corpus
def test_real_images(corpus: Path) -> None:
    sizes = {}
    for path in sorted((corpus / "images").iterdir()):
        with Image.open(path) as image:
            sizes[path.name] = (image.format, image.size)
    assert sizes == {
        "test.vhdx": ("vhdx", 5242880),
        "tsk_volume_system.raw": ("raw", 1474560),
        "vsstest.qcow2": ("qcow2", 1 << 30),
        "windows_volume.qcow2": ("qcow2", 35913728),
    }


def test_what_is_no_image(tmp_path: Path) -> None:
    refuse(tmp_path, "is a folder")
    refuse(tmp_path / "none", "No such file")
    refuse(Path("/dev/null"), "not a regular file")
    os.mkfifo(tmp_path / "fifo")
    refuse(tmp_path / "fifo", "not a regular file")
    for name, data, said in [
        ("empty", b"", "is empty"),
        ("empty.qcow2", b"", "is empty"),
        ("text", b"hello\n", "not a disk image"),
        ("zeros.raw", bytes(1 << 20), "not a disk image"),
        ("packed.raw", b"\x1f\x8b" + bytes(600), "a gzip file"),
        ("disk.raw.gz", b"\x1f\x8b" + bytes(600), "is damaged"),
        ("disk.zip", b"PK\3\4" + bytes(600), "a zip file"),
        ("install.wim", b"MSWIM\0\0\0" + bytes(600), "a WIM image"),
        ("disk.qcow2", b"hello" * 1000, "not a qcow2 image"),
        ("disk.vhdx", bytes(1 << 20), "not a vhdx image"),
        ("disk.vhd", bytes(1 << 20), "not a vhd image"),
        ("odd.raw", bytes(510) + b"\x55\xaa" + bytes(100), "truncated"),
    ]:
        (tmp_path / name).write_bytes(data)
        refuse(tmp_path / name, said)


@pytest.mark.parametrize("kind", KINDS[:-1], ids=lambda kind: kind.name)
@pytest.mark.parametrize("share", [0.95, 0.5, 0.1, 0.0])
def test_truncated_images(tmp_path: Path, kind: Kind, share: float) -> None:
    path = make_image(tmp_path, kind)
    # The largest file is the one with the data.
    victim = max(tmp_path.iterdir(), key=lambda each: each.stat().st_size)
    size = int(victim.stat().st_size * share) if share else 20
    with victim.open("r+b") as file:
        file.truncate(size // 512 * 512 or size)
    with pytest.raises(DiskError) as raised:
        Image.open(path)
    assert raised.value.exit_code == 4


def test_a_raw_disk_with_a_foreign_header_is_not_opened_as_that_format(tmp_path: Path) -> None:
    secret = tmp_path / "secret.raw"
    secret.write_bytes(raw_disk(tmp_path).read_bytes())
    fake = tmp_path / "fake.qcow2"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "secret.raw", "-F", "raw"]
    subprocess.run([*command, str(fake)], check=True)
    for name in ("guest.raw", "guest.dd", "guest.img", "guest"):
        # What a guest can do to its raw disk: the header goes where the boot code was.
        data = bytearray(secret.read_bytes())
        data[:440] = fake.read_bytes()[:440]
        path = tmp_path / name
        path.write_bytes(data)
        if path.suffix in {".raw", ".dd"}:
            with Image.open(path) as image, image.serve() as socket_path:
                assert image.format == "raw"
                device = connect(socket_path)
                assert device.read(0, 4) == b"QFI\xfb"
                device.close()
        else:
            refuse(path, "header of a qcow2 image and the boot sector")
    (tmp_path / "all.raw").write_bytes(fake.read_bytes())
    refuse(tmp_path / "all.raw", "named as a raw image")


def test_a_qcow2_may_be_named_img(tmp_path: Path) -> None:
    path = make_image(tmp_path, QCOW2)
    with Image.open(path.rename(tmp_path / "cloud.img")) as image:
        assert image.format == "qcow2"


def test_snapshots_inside_are_counted(tmp_path: Path) -> None:
    path = make_image(tmp_path, QCOW2)
    subprocess.run(["qemu-img", "snapshot", "-c", "one", str(path)], check=True)
    with Image.open(path) as image:
        assert image.snapshots == ("one",)


# Backing files


def overlay(path: Path, backing: str, backing_format: str | None = "qcow2") -> Path:
    """Create a qcow2 that names a backing file, whatever that is."""
    command = ["qemu-img", "create", "-q", "-u", "-f", "qcow2"]
    subprocess.run([*command, "-b", "X", "-F", "qcow2", str(path), "18M"], check=True)
    # Written by hand: qemu-img has opinions about names.
    data = bytearray(path.read_bytes())
    name = backing.encode(errors="surrogateescape")
    extensions = b""
    if backing_format is not None:
        kind = backing_format.encode()
        extensions = struct.pack(">II", 0xE2792ACA, len(kind)) + kind.ljust(
            -(-len(kind) // 8) * 8, b"\0"
        )
    data[112:2048] = (extensions + bytes(8)).ljust(1936, b"\0")
    struct.pack_into(">QI", data, 8, 1024, len(name))
    data[1024 : 1024 + len(name)] = name
    path.write_bytes(data)
    return path


def test_a_chain_in_the_images_own_folder_is_opened(tmp_path: Path) -> None:
    base = make_image(tmp_path, QCOW2, "base")
    middle = overlay(tmp_path / "middle.qcow2", "base.qcow2")
    for name, kind in ((str(middle), "qcow2"), ("./middle.qcow2", "qcow2"), ("middle.qcow2", None)):
        top = overlay(tmp_path / "top.qcow2", name, kind)
        assert content(top) == content(base)
        with Image.open(top) as image, image.serve() as socket_path:
            device = connect(socket_path)
            assert device.read(0, 1 << 20) == content(base)[: 1 << 20]
            device.close()


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_a_backing_file_of_every_format(tmp_path: Path, kind: Kind) -> None:
    base = make_image(tmp_path, kind, "base")
    top = overlay(tmp_path / "top.qcow2", base.name, kind.qemu)
    with Image.open(top) as image, image.serve() as socket_path:
        device = connect(socket_path)
        assert device.read(0, 18 << 20) == content(base)[: 18 << 20]
        device.close()


def test_a_backing_file_that_is_raw_is_never_probed(tmp_path: Path) -> None:
    inner = make_image(tmp_path, QCOW2, "inner")
    data = bytearray(raw_disk(tmp_path).read_bytes())
    data[:440] = inner.read_bytes()[:440]
    (tmp_path / "base").write_bytes(data)
    top = overlay(tmp_path / "top.qcow2", "base", "raw")
    with Image.open(top) as image, image.serve() as socket_path:
        device = connect(socket_path)
        assert device.read(0, 4) == b"QFI\xfb"
        device.close()
    refuse(overlay(tmp_path / "guess.qcow2", "base", None), "base has the header of a qcow2")


@pytest.mark.parametrize(
    ("name", "kind", "said", "allowed"),
    [
        ("../outside/base.qcow2", "qcow2", "outside its own folder", True),
        ("link.qcow2", "qcow2", "outside its own folder", True),
        ("/etc/passwd", "raw", "outside its own folder", None),
        ("none.qcow2", "qcow2", "can't be found", False),
        ("top.qcow2", "qcow2", "own backing file", False),
        ("nbd://localhost/x", "raw", "not a plain file name", False),
        ("nbd:unix:/tmp/socket", "raw", "not a plain file name", False),
        ("https://localhost/x", "raw", "not a plain file name", False),
        ("ssh://root@localhost/etc/shadow", "raw", "not a plain file name", False),
        ('json:{"driver":"file","filename":"/etc/passwd"}', "raw", "not a plain file name", False),
        ("file:/etc/passwd", "raw", "not a plain file name", False),
        ("fat:rw:/etc", "raw", "not a plain file name", False),
        ("/dev/zero", "raw", "outside its own folder", None),
        (".", "raw", "is a folder", False),
        ("a\0b", "raw", "null character", False),
        ("\udcff.qcow2", "qcow2", "not UTF-8", False),
        ("text", "qcow2", "lacks its header", False),
        ("text", "vvfat", "not supported", False),
        ("text", "raw", "not a disk image", False),
        ("x" * 1023, "raw", "can't be found", False),
        ("x" * 1024, "raw", "1024 bytes", False),
    ],
)
def test_hostile_backing_files(
    tmp_path: Path, name: str, kind: str, said: str, allowed: bool | None
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    outside = make_image(tmp_path / "outside", QCOW2, "base")
    (folder / "link.qcow2").symlink_to(outside)
    (folder / "text").write_text("not an image\n" * 100)
    top = overlay(folder / "top.qcow2", name, kind)
    refuse(top, said)
    if allowed is True:
        Image.open(top, allow_backing=True).close()
    elif allowed is False:
        refuse(top, said, allow_backing=True)


def test_an_endless_chain_is_cut_off(tmp_path: Path) -> None:
    make_image(tmp_path, QCOW2, "0")
    for number in range(1, 70):
        overlay(tmp_path / f"{number}.qcow2", f"{number - 1}.qcow2")
    refuse(tmp_path / "69.qcow2", "more than 64 backing files")
    Image.open(tmp_path / "20.qcow2").close()


def test_a_data_file_of_a_qcow2_stays_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    source = raw_disk(tmp_path)
    for data_file in (folder / "data", tmp_path / "data"):
        image = folder / "machine.qcow2"
        options = f"data_file={data_file},data_file_raw=on"
        command = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-o", options]
        subprocess.run([*command, str(source), str(image)], check=True)
        if data_file.parent == folder:
            with Image.open(image) as opened, opened.serve() as socket_path:
                device = connect(socket_path)
                assert device.read(0, 1 << 20) == source.read_bytes()[: 1 << 20]
                device.close()
        else:
            refuse(image, "outside its own folder")
            Image.open(image, allow_backing=True).close()


# Headers


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        (QCOW2, [(4, b"\0\0\0\1")], "version 1"),
        (QCOW2, [(4, b"\0\0\0\4")], "version 4"),
        (QCOW2, [(20, b"\0\0\0\3")], "clusters of 2"),
        (QCOW2, [(20, b"\0\0\0\x40")], "clusters of 2"),
        (QCOW2, [(24, bytes(8))], "no size"),
        (QCOW2, [(32, b"\0\0\0\1")], "encrypted"),
        (QCOW2, [(32, b"\0\0\0\2")], "encrypted"),
        (QCOW2, [(36, b"\xff\xff\xff\xff")], "L1 table"),
        (QCOW2, [(40, b"\x7f" + b"\xff" * 7)], "L1 table"),
        (QCOW2, [(48, b"\xff" * 8)], "refcount table"),
        (QCOW2, [(56, b"\xff" * 4)], "refcount table"),
        (QCOW2, [(72, struct.pack(">Q", 2))], "marked it as corrupt"),
        (QCOW2, [(72, struct.pack(">Q", 4))], "does not name it"),
        (QCOW2, [(72, struct.pack(">Q", 1 << 40))], "unknown features"),
        (QCOW2, [(96, b"\0\0\0\x20")], "unknown features"),
        (QCOW2, [(100, b"\0\0\0\x70"), (112, b"\x12\x34\x56\x78\xff\xff\xff\xff")], "extensions"),
        (VHDX, [(0x10000, b"x"), (0x20000, b"x")], "neither of its two headers"),
        (VHDX, [(0x30000, b"x"), (0x40000, b"x")], "region table"),
        (VHDX, [(0x30008, b"\xff" * 4), (0x40008, b"\xff" * 4)], "region table"),
        (VHD, [(-452, b"\0\0\0\4"), (60, b"\0\0\0\4")], "differencing"),
        (VHD, [(60, b"\0\0\0\x09")], "not a type of VHD"),
        (VHD, [(48, bytes(8))], "disk of 0 bytes"),
        (VHD, [(16, b"\xff" * 8)], "dynamic header"),
        (VHD, [(512, b"xxxxxxxx")], "dynamic header is missing"),
        (VHD, [(512 + 28, b"\xff" * 4)], "can't be as long"),
        (VHD, [(512 + 28, b"\0\0\0\1")], "can't be right"),
        (VHD, [(512 + 32, b"\0\0\0\0")], "can't be right"),
        (VMDK, [(12, bytes(8))], "no size"),
        (VMDK, [(12, b"\xff" * 8)], "can't be|no whole"),
        (VMDK, [(20, bytes(8))], "can't be right"),
        (VMDK, [(44, bytes(4))], "can't be right"),
        (VMDK, [(56, b"\xff" * 8)], "truncated|missing"),
        (VMDK, [(512, b'RW 1 FLAT\n"x" 0\n')], "an invalid line"),
        (VDI, [(0x44, b"\xff")], "version"),
        (VDI, [(0x4C, b"\4")], "differencing"),
        (VDI, [(0x1B8, b"\1")], "differencing"),
        (VDI, [(0x170, bytes(8))], "can't hold 0"),
        (VDI, [(0x178, bytes(4))], "can't hold"),
        (VDI, [(0x180, b"\xff" * 4)], "block map"),
        (VDI, [(0x200, b"\xf0\xf0\xf0\x70")], "last block"),
    ],
)
def test_hostile_headers(
    tmp_path: Path, kind: Kind, changes: list[tuple[int, bytes]], said: str
) -> None:
    path = make_image(tmp_path, kind)
    patch(path, *changes)
    refuse(path, said)


def vhdx_with(tmp_path: Path, change: Callable[[bytearray], None]) -> Path:
    """Build a VHDX whose headers are valid and say something else."""
    path = make_image(tmp_path, VHDX)
    data = bytearray(path.read_bytes())
    change(data)
    for offset in (0x10000, 0x20000):
        data[offset + 4 : offset + 8] = bytes(4)
        struct.pack_into("<I", data, offset + 4, crc32c(data[offset : offset + 4096]))
    path.write_bytes(data)
    return path


def test_a_vhdx_that_was_not_closed_cleanly(tmp_path: Path) -> None:
    def change(data: bytearray) -> None:
        for offset in (0x10000, 0x20000):
            data[offset + 48 : offset + 64] = b"\1" * 16

    error = refuse(vhdx_with(tmp_path, change), "not closed cleanly")
    assert error.hint is not None
    assert "qemu-img check -r all" in error.hint


@pytest.mark.parametrize(
    ("item", "value", "said"),
    [
        ("caa16737-fa36-4d43-b3b6-33f0aa44e76b", struct.pack("<II", 32 << 20, 2), "differencing"),
        ("caa16737-fa36-4d43-b3b6-33f0aa44e76b", struct.pack("<II", 3, 0), "blocks of 3 bytes"),
        ("2fa54224-cd1b-4876-b211-5dbed83bf4b8", struct.pack("<Q", 1 << 63), "disk of"),
        ("2fa54224-cd1b-4876-b211-5dbed83bf4b8", struct.pack("<Q", 1 << 45), "too short|truncated"),
        ("8141bf1d-a96f-4709-ba47-f233a8faab5f", struct.pack("<I", 4096), "sectors of 4096"),
        ("8141bf1d-a96f-4709-ba47-f233a8faab5f", struct.pack("<I", 7), "in sectors of 7"),
    ],
)
def test_hostile_vhdx_metadata(tmp_path: Path, item: str, value: bytes, said: str) -> None:
    from uuid import UUID

    def change(data: bytearray) -> None:
        table = data.index(b"metadata")
        place = data.index(UUID(item).bytes_le, table)
        (offset,) = struct.unpack_from("<I", data, place + 16)
        data[table + offset : table + offset + len(value)] = value

    refuse(vhdx_with(tmp_path, change), said)


def test_crc32c() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of RFC 3720


# VMDK descriptors


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('RW 36864 FLAT "/etc/passwd" 0', "outside its own folder"),
        ('RW 36864 FLAT "../secret" 0', "outside its own folder"),
        ('RW 36864 FLAT "link" 0', "outside its own folder"),
        ('RW 36864 FLAT "nbd:localhost:1" 0', "not a plain file name"),
        ('RW 36864 FLAT "json:{}" 0', "not a plain file name"),
        ('RW 36864 FLAT "none" 0', "can't be found"),
        ('RW 36864 SPARSE "text"', "not an extent of a VMDK"),
        ('RW 36864 SPARSE "nested.vmdk"', "not an extent of a VMDK|no size"),
        ('RW 99999999 FLAT "text" 0', "truncated"),
        ('RW 0 FLAT "text" 0', "does not support its extent"),
        ('RDONLY 36864 FLAT "text" 0', "does not support its extent"),
        ('RW 36864 VMFSRDM "text"', "does not support its extent"),
        ("RW 36864 ZERO", "does not support its extent"),
        ('RW\n36864 FLAT "/etc/passwd" 0', "an invalid line"),
        ('RW 36864\nFLAT "/etc/passwd" 0', "an invalid line"),
        ('RW 36864 FLAT "/etc/passwd 0', "does not support its extent"),
        ('RW\v36864 FLAT "/etc/passwd" 0', "control characters"),
        ('x\rRW 36864 FLAT "/etc/passwd" 0', "control characters"),
        ('RW 0x9000 FLAT "/etc/passwd" 0', "an invalid line"),
        ('parentFileNameHint="/etc/passwd"\nRW 1 FLAT "text" 0', "outside its own folder"),
        ("", "names no extents"),
    ],
)
def test_hostile_vmdk_descriptors(tmp_path: Path, line: str, said: str) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(18 << 20))
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "text").write_text("no extent" * 100)
    nested = bytearray(make_image(tmp_path / "nested", VMDK).read_bytes())
    nested[12:20] = bytes(8)  # a capacity of 0 makes QEMU look for more extents in it
    (folder / "nested.vmdk").write_bytes(nested)
    path = folder / "machine.vmdk"
    path.write_bytes(
        b"# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"
        b'createType="monolithicFlat"\n\n' + line.encode() + b"\n"
    )
    refuse(path, said)


@pytest.mark.parametrize("kind", [SPLIT_VMDK, FLAT_VMDK], ids=lambda kind: kind.name)
def test_a_truncated_extent_of_a_vmdk(tmp_path: Path, kind: Kind) -> None:
    path = make_image(tmp_path, kind)
    extent = next(each for each in tmp_path.iterdir() if each != path)
    with extent.open("r+b") as file:
        file.truncate(extent.stat().st_size // 2 // 512 * 512)
    with pytest.raises(DiskError, match=f"{extent.name} is truncated"):
        Image.open(path)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_damage_to_a_header_is_an_error_or_harmless(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kind = data.draw(st.sampled_from([each for each in KINDS if each.extension != "raw"]))
    kept = tmp_path_factory.getbasetemp() / f"damage {kind.name}"
    if not kept.is_dir():
        make_image(kept, kind)
    victim = data.draw(st.sampled_from(sorted(kept.iterdir())))
    before = victim.read_bytes()
    regions = [0, 0x10000, 0x30000, 0x100000, 0x200000, max(0, len(before) - 512)]
    with victim.open("r+b") as file:
        for _ in range(data.draw(st.integers(1, 4))):
            file.seek(data.draw(st.sampled_from(regions)) + data.draw(st.integers(0, 600)))
            file.write(data.draw(st.binary(min_size=1, max_size=8)))
    try:
        Image.open(kept / f"machine.{kind.extension}").close()
    except DiskError:
        pass
    finally:
        victim.write_bytes(before)
