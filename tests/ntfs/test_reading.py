import random
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reseal import tree
from reseal.ntfs import Volume
from reseal.testing.volumes import SAMPLE_TIME, WOF_XPRESS4K, File, Folder
from reseal.tree import EscapeError, TreeError
from tests.ntfs import oracle
from tests.ntfs.conftest import MIB, opened, writable
from tests.ntfs.judges import cat, run
from tests.ntfs.streams import named_streams

JUNCTION = (0xA0000003, struct.pack("<HHHH", 0, 4, 6, 4) + "C:\0\0\0".encode("utf-16-le"))
SYMLINK = (0xA000000C, struct.pack("<HHHHI", 0, 4, 4, 4, 1) + "C:C:".encode("utf-16-le"))

TEXT = b"".join(b"line %d of a file that compresses well\r\n" % number for number in range(20_000))
NOISE = random.Random(1).randbytes(300_000)


def same_as_dissect(path: Path, volume: Volume) -> int:
    expected = oracle.tree(path)
    found = dict(tree.walk(volume, ""))
    kept = 0xFFFF & ~(tree.DIRECTORY | tree.NORMAL)
    assert sorted(found) == sorted(expected)
    for name, entry in found.items():
        other = expected[name]
        itself = volume.stat(name)
        assert itself is not None
        # Windows itself lets the copy of the time in the folder's index lag a little.
        assert replace(itself, modified=entry.modified) == entry
        assert entry.is_directory == other.is_directory
        assert entry.attributes & kept == other.attributes & kept
        assert entry.reparse_tag == other.reparse_tag
        assert abs(itself.modified - other.modified) < 10
        if not entry.is_directory and not entry.reparse_tag:
            assert volume.read(name) == other.data
        assert named_streams(volume, name) == {
            key: len(data) for key, data in other.streams.items()
        }
        for stream, data in other.streams.items():
            assert volume.read(name, stream=stream) == data
    return len(found)


@pytest.mark.parametrize("fixture", ["vss_volume", "windows_volume", "vhdx_volume"])
def test_volumes_made_by_windows_read_as_dissect_reads_them(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(fixture)
    with opened(path) as volume:
        if fixture == "vss_volume":
            # Hundreds of megabytes of shadow copies say nothing more.
            assert volume.read("password.txt") == cat(path, "password.txt")
            assert {entry.name for entry in volume.list("")} == {
                "System Volume Information",
                "another_file",
                "password.txt",
                "syslog.gz",
            }
        else:
            assert same_as_dissect(path, volume) > 0


def test_what_was_made_reads_as_dissect_reads_it(make: Callable[..., Path]) -> None:
    path = make(
        {
            "Windows": {
                "System32": {"config": {"SYSTEM": NOISE, "SAM": b"x" * 100}},
                "many": {f"file number {number}.dat": b"x" * number for number in range(500)},
            },
            "compressed.txt": File(TEXT, compressed=True),
            "streams.txt": File(b"main", streams={"one": b"1", "zwei": NOISE}),
            "wof.exe": File(
                hole=100_000,
                reparse=(0x80000017, WOF_XPRESS4K),
                streams={"WofCompressedData": b"z" * 5000},
            ),
            "junction": Folder(reparse=JUNCTION),
            "link.txt": File(reparse=SYMLINK),
            "hidden.txt": File(b"", attributes=tree.HIDDEN | tree.READONLY | tree.SYSTEM),
            "normal.txt": File(b"1", attributes=0),
            "empty": {},
        }
    )
    with opened(path) as volume:
        assert same_as_dissect(path, volume) == 514
        assert volume.read("compressed.txt") == TEXT == cat(path, "compressed.txt")
        assert volume.stat("hidden.txt") == tree.Stat("hidden.txt", False, 0, 7, 0, SAMPLE_TIME)
        normal = volume.stat("normal.txt")
        assert normal is not None
        assert normal.attributes == tree.NORMAL
    listed = run("ntfsls", "--path", "/Windows/many", path).stdout
    assert len(listed.splitlines()) == 500 + len([".", ".."])


def test_names_are_case_insensitive_and_keep_their_case(make: Callable[..., Path]) -> None:
    path = make({"Windows": {"ÄÖ long name.TXT": b"1"}})
    with opened(path) as volume:
        found = volume.stat("WINDOWS\\äö LONG name.txt")
        assert found is not None
        assert found.name == "ÄÖ long name.TXT"
        assert volume.read("windows\\äö long name.txt") == b"1"


def test_a_part_of_a_file_can_be_read(make: Callable[..., Path]) -> None:
    path = make({"noise": NOISE})
    with opened(path) as volume:
        assert volume.read("noise", 100, 50) == NOISE[100:150]
        assert volume.read("noise", len(NOISE) - 5) == NOISE[-5:]
        assert volume.read("noise", len(NOISE) - 5, 100) == NOISE[-5:]
        assert volume.read("noise", len(NOISE) + 5) == b""


def test_unpaired_surrogates_in_names_are_names_like_others(make: Callable[..., Path]) -> None:
    path = make({"\ud800x": b"1"})
    with opened(path) as volume:
        assert [entry.name for entry in volume.list("")] == ["\ud800x"]
        assert volume.read("\ud800X") == b"1"


def test_a_short_name_leads_to_the_file_and_is_not_listed(make: Callable[..., Path]) -> None:
    path = make({"A long name.txt": b"1"})
    with writable(path) as volume:
        root, reference = 5, volume._resolve("A long name.txt")
        assert reference is not None
        mount = volume._mount
        with mount.inode(root, "") as folder, mount.inode(reference, "") as inode:
            pointers = inode.release(), folder.release()
            assert not mount.call(
                mount.calls.ntfs_set_ntfs_dos_name, *pointers, b"ALONGN~1.TXT", 12, 0
            )
    with opened(path) as volume:
        assert [entry.name for entry in volume.list("")] == ["A long name.txt"]
        found = volume.stat("alongn~1.txt")
        assert found is not None
        assert found.name == "A long name.txt"
    with writable(path) as volume:
        volume.delete("alongn~1.txt")
        assert volume.list("") == []


def test_no_path_runs_through_a_link(make: Callable[..., Path]) -> None:
    path = make(
        {"junction": Folder({"inside": b"1"}, reparse=JUNCTION), "link.txt": File(reparse=SYMLINK)}
    )
    with writable(path) as volume:
        with pytest.raises(EscapeError, match=r"junction on .* is a link"):
            volume.list("junction")
        with pytest.raises(EscapeError):
            volume.read("junction\\inside")
        with pytest.raises(EscapeError):
            volume.stat("junction\\inside")
        with pytest.raises(EscapeError):
            volume.create("junction\\new", b"1")
        with pytest.raises(EscapeError):
            volume.rename("link.txt", "junction\\new")
        with pytest.raises(EscapeError):
            volume.read("link.txt")
        with pytest.raises(EscapeError):
            volume.write("link.txt", b"1")
        found = volume.stat("link.txt")
        assert found is not None
        assert found.reparse_tag == 0xA000000C
        assert volume.read_reparse("link.txt") == (
            struct.pack("<IHH", SYMLINK[0], 20, 0) + SYMLINK[1]
        )
        assert [name for name, _ in tree.walk(volume, "")] == ["junction", "link.txt"]


def test_compactos_data_is_not_mistaken_for_zeros(make: Callable[..., Path]) -> None:
    path = make({"wof.exe": File(hole=1000, reparse=(0x80000017, WOF_XPRESS4K))})
    with opened(path) as volume:
        assert volume.read_reparse("wof.exe") is not None
        with pytest.raises(TreeError, match="CompactOS"):
            volume.read("wof.exe")


def test_the_file_systems_own_files_are_not_there(make: Callable[..., Path]) -> None:
    path = make()
    with writable(path) as volume:
        assert volume.list("") == []
        for name in ("$MFT", "$Extend", "$Extend\\$Reparse", ".", ".."):
            assert volume.stat(name) is None
            with pytest.raises(TreeError, match="does not exist"):
                volume.read(name)
            with pytest.raises(TreeError):
                volume.delete(name)
        with pytest.raises(TreeError, match="already exists"):
            volume.create("$MFT", b"")


def test_what_is_not_there_is_none_or_an_error(make: Callable[..., Path]) -> None:
    path = make({"file": b"1", "folder": {}})
    with writable(path) as volume:
        for name in ("none", "none\\below", "file\\below", "folder\\none", "a\0b", "x" * 300):
            assert volume.stat(name) is None
            for verb in (volume.read, volume.list, volume.delete):
                with pytest.raises(TreeError, match="does not exist"):
                    verb(name)
            with pytest.raises(TreeError, match="does not exist"):
                volume.write(name, b"")
        with pytest.raises(TreeError, match="not a folder"):
            volume.list("file")
        with pytest.raises(TreeError, match="is a folder"):
            volume.read("folder")
        with pytest.raises(TreeError, match="no stream"):
            volume.read("file", stream="none")
        root = volume.stat("")
        assert root is not None
        assert (root.name, root.is_directory, root.size) == ("", True, 0)


def test_an_encrypted_file_is_an_error_to_read_and_can_be_deleted(
    make: Callable[..., Path],
) -> None:
    path = make({"secret.txt": b"x" * 5000})
    with writable(path) as volume:
        raw = volume.read_raw(volume.boot.mft, MIB)
        # The $DATA attribute of the file's record, and its attributes: both say encrypted.
        name = raw.index("secret.txt".encode("utf-16-le"))
        record = name - name % 1024
        data = raw.index(b"\x80\0\0\0", record)
        information = raw.index(b"\x10\0\0\0", record)
        flags = struct.pack("<H", 0x4000)
        volume.write_raw(volume.boot.mft + data + 12, flags)
        volume.write_raw(volume.boot.mft + information + 24 + 32, struct.pack("<I", 0x4020))
    with writable(path) as volume:
        with pytest.raises(TreeError, match="encrypted"):
            volume.read("secret.txt")
        with pytest.raises(TreeError, match="encrypted"):
            volume.write("secret.txt", b"1")
        volume.delete("secret.txt")
        assert volume.list("") == []
