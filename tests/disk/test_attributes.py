"""A file that takes the place of another keeps what that one carried, and thin bases are protected."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

import pytest

from reseal.disk import DiskError, Image, Transaction, golden
from reseal.disk.attributes import require_one_name
from reseal.disk.shrink import shrink
from reseal.disk.sidecar import golden_path
from reseal.hostfile import keep_attributes
from tests.disk.images import KINDS, Kind, changed, content, make_image, some_writes, write

#: An access list (acl(5), linux/posix_acl_xattr.h): the owner, the user 4242, group, mask, others.
ACCESS_LIST = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in (
        (1, 6, 0xFFFFFFFF),
        (2, 4, 4242),
        (4, 0, 0xFFFFFFFF),
        (16, 4, 0xFFFFFFFF),
        (32, 0, 0xFFFFFFFF),
    )
)


def attribute(path: Path, name: str, value: bytes) -> None:
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        pytest.skip(f"this file system keeps no {name}: {error.strerror}")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o664, 0o2660])
def test_a_mode_stays(tmp_path: Path, mode: int) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.touch()
    old.chmod(mode)
    with new.open("wb") as file:
        keep_attributes(old, file.fileno())
    assert stat.S_IMODE(new.stat().st_mode) == mode


@pytest.mark.parametrize(
    ("name", "value"),
    [("user.note", b"kept"), ("user.empty", b""), ("system.posix_acl_access", ACCESS_LIST)],
)
def test_attributes_and_access_lists_stay(tmp_path: Path, name: str, value: bytes) -> None:
    path = make_image(tmp_path, KINDS[0])
    attribute(path, name, value)
    path.chmod(0o640)
    with Image.open(path) as image:
        before = os.getxattr(path, name)
        shrink(image)
    assert os.getxattr(path, name) == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("owner", [(1234, 4321), (0, 4321), (1234, 0)])
def test_an_owner_and_a_group_stay(tmp_path: Path, owner: tuple[int, int]) -> None:
    path = make_image(tmp_path, KINDS[0])
    os.chown(path, *owner)
    path.chmod(0o660)
    with Image.open(path) as image:
        shrink(image)
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (*owner, 0o660)


def test_a_group_that_can_not_be_given_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.touch()
    old.chmod(0o664)
    found = old.stat()
    real = os.fstat

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refused)
    with new.open("wb") as file:

        def of_another_group(number: int) -> os.stat_result:
            status = list(real(number))
            status[5] = found.st_gid + 1
            return os.stat_result(status)

        monkeypatch.setattr(os, "fstat", of_another_group)
        keep_attributes(old, file.fileno())
    assert stat.S_IMODE(new.stat().st_mode) == 0o604


def test_a_file_with_several_names_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    require_one_name(path, path)
    path.touch()
    require_one_name(path, path)
    (tmp_path / "name").hardlink_to(path)
    with pytest.raises(DiskError, match="several names"):
        require_one_name(path, Path("shown"))


# Bases of thin images


def thin(path: Path, output: Path, *, allow_backing: bool = False) -> None:
    with (
        Image.open(path, allow_backing=allow_backing) as image,
        Transaction.begin(image, output=output, thin=True) as transaction,
    ):
        write(image, transaction, some_writes())
        transaction.commit()


@pytest.mark.parametrize(
    "kind", [KINDS[0], KINDS[2], KINDS[10], KINDS[12]], ids=lambda kind: kind.name
)
def test_the_base_of_a_thin_image_is_golden(tmp_path: Path, kind: Kind) -> None:
    path = make_image(tmp_path, kind, "base")
    before = content(path)
    thin(path, tmp_path / "thin.qcow2")
    assert golden_path(path).exists()
    assert not path.stat().st_mode & 0o222
    path.chmod(0o644)  # as a user who insists would
    with Image.open(path) as image, pytest.raises(DiskError, match="golden image of thin clones"):
        Transaction.begin(image)
    thin(path, tmp_path / "second.qcow2")
    assert content(tmp_path / "thin.qcow2") == changed(before, some_writes())
    assert (tmp_path / "second.qcow2").stat().st_mode & stat.S_IWUSR


def test_all_images_below_a_thin_one_are_golden(tmp_path: Path) -> None:
    path = make_image(tmp_path, KINDS[0], "base")
    (tmp_path / "machines").mkdir()
    middle, top = tmp_path / "middle.qcow2", tmp_path / "machines" / "top.qcow2"
    thin(path, middle)
    golden_path(path).unlink()
    thin(middle, top)
    for below in (path, middle):
        assert golden_path(below).exists()
        assert "machines" in golden.folders_of(below)
    with Image.open(top, allow_backing=True) as image:
        Transaction.begin(image).__exit__()


@pytest.mark.parametrize("what", ["fifo", "folder", "device"])
def test_a_golden_mark_that_is_no_file(tmp_path: Path, what: str) -> None:
    path = make_image(tmp_path, KINDS[0])
    mark = golden_path(path)
    if what == "fifo":
        os.mkfifo(mark)
    elif what == "folder":
        mark.mkdir()
    else:
        mark.symlink_to("/dev/zero")
    with Image.open(path) as image, pytest.raises(DiskError, match="its mark is damaged"):
        Transaction.begin(image)


def test_a_digest_knows_an_image_again(tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(os.urandom(3 << 20))
    first = golden.digest([path])
    assert golden.digest([path]) == first
    for offset in (0, 1 << 20, (3 << 20) - 1):
        with path.open("r+b") as file:
            file.seek(offset)
            was = file.read(1)
            file.seek(offset)
            file.write(bytes([was[0] ^ 1]))
        assert golden.digest([path]) != first
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(was)
    assert golden.digest([path]) == first
    os.truncate(path, (3 << 20) + 1)
    assert golden.digest([path]) != first
