import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from reseal import tree
from reseal.testing.volumes import WOF_XPRESS4K, File, Folder
from reseal.tree import TreeError
from tests.ntfs import oracle
from tests.ntfs.conftest import MIB, opened, writable
from tests.ntfs.index_blocks import first_entry, protected, unprotected
from tests.ntfs.judges import cat, judge, run
from tests.ntfs.streams import named_streams, remove_stream
from tests.ntfs.test_reading import JUNCTION, NOISE, TEXT, same_as_dissect

SIZES = [0, 1, 100, 700, 4096, 5000, 65536, 65537, 299_999, 300_000, 900_001]


def verify(path: Path) -> None:
    judge(path)
    with opened(path) as volume:
        same_as_dissect(path, volume)


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
def test_content_is_replaced_whatever_its_size_was_and_becomes(
    make: Callable[..., Path], *, compressed: bool
) -> None:
    noise = random.Random(2)
    source = (TEXT + NOISE) if compressed else noise.randbytes(max(SIZES))
    path = make({f"{size}.dat": File(source[:size], compressed=compressed) for size in SIZES})
    for _ in range(2):
        chosen = {size: noise.choice(SIZES) for size in SIZES}
        with writable(path) as volume:
            for size, new in chosen.items():
                volume.write(f"{size}.dat", source[-new:] if new else b"")
        verify(path)
        for size, new in chosen.items():
            assert cat(path, f"{size}.dat") == (source[-new:] if new else b"")
    with oracle.mounted(path) as ntfs:
        for size in SIZES:
            flags = oracle.describe(ntfs.mft.get(f"{size}.dat")).attributes
            assert bool(flags & tree.COMPRESSED) == compressed


@pytest.mark.parametrize("left", [0, 1, 5000, 70_000])
def test_nothing_of_the_old_content_is_left_where_a_file_was_cut(
    make: Callable[..., Path], left: int
) -> None:
    mark = b"content that was cut off"
    path = make({"file": File(mark * 40_000), "more": File(b"x", streams={"s": mark * 9000})})
    assert mark in path.read_bytes()
    with writable(path) as volume:
        volume.write("file", b"n" * left)
        volume.write("more", b"n" * left, stream="s")
    verify(path)
    assert mark not in path.read_bytes()
    assert cat(path, "file") == b"n" * left


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        *(("compressed", change) for change in ("shorter", "longer", "patched")),
        *(("CompactOS", change) for change in ("shorter", "longer")),
    ],
)
def test_nothing_of_a_compressed_file_is_left_where_it_was(
    make: Callable[..., Path], kind: str, change: str
) -> None:
    # Noise, which no compression shortens, is stored as it is. Whole blocks of 64 KiB, since the library
    # writes the last one twice, and leaves what it first wrote in free clusters.
    mark, noise = b"S-1-5-21-1004336348", random.Random(4)
    data = b"".join(mark + noise.randbytes(65536 - len(mark)) for _ in range(3))
    packed = File(
        hole=len(data),
        reparse=(0x80000017, WOF_XPRESS4K),
        streams={"WofCompressedData": data[: len(data) // 2]},
    )
    spec = packed if kind == "CompactOS" else File(data, compressed=True)
    path = make({"file": spec, "other": b"other"})
    assert mark in path.read_bytes()
    new = data.replace(mark, b"S-1-5-21-0000000000")
    new = new[:30_000] if change == "shorter" else new + new if change == "longer" else new
    with writable(path) as volume:
        if change == "patched":
            volume.patch("file", 0, new)
        else:
            volume.write("file", new)
    verify(path)
    assert mark not in path.read_bytes()
    assert cat(path, "file") == new


def test_writing_keeps_the_file_itself(make: Callable[..., Path]) -> None:
    path = make({"file": File(b"old", attributes=tree.HIDDEN, streams={"more": b"kept"})})
    with writable(path) as volume:
        reference, descriptor = volume._resolve("file"), volume.descriptor("file")
        volume.write("file", NOISE)
        volume.write("file", b"new", stream="added")
    with opened(path) as volume:
        assert volume._resolve("file") == reference
        assert volume.descriptor("file") == descriptor
        assert volume.read("file") == NOISE
        assert named_streams(volume, "file") == {"more": 4, "added": 3}
        found = volume.stat("file")
        assert found is not None
        # As in Windows, what was written is to be archived, and is as old as the write.
        assert found.attributes == tree.HIDDEN | tree.ARCHIVE
        assert found.modified > volume.stat("").modified - 10**9  # type: ignore[union-attr]
    verify(path)


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
def test_a_part_is_patched(make: Callable[..., Path], *, compressed: bool) -> None:
    path = make({"file": File(TEXT, compressed=compressed), "small": b"12345"})
    expected, small = bytearray(TEXT), bytearray(b"12345")
    with writable(path) as volume:
        for offset, data in [(0, b"start"), (70_000, NOISE[:5000]), (len(TEXT) - 2, b"beyond")]:
            volume.patch("file", offset, data)
            expected[offset : offset + len(data)] = data
        volume.patch("small", 2, b"xx")
        volume.patch("small", 5000, b"end")
        small = small[:2] + b"xx5" + bytes(4995) + b"end"
    assert cat(path, "file") == expected
    assert cat(path, "small") == small
    verify(path)


def test_a_patch_over_a_gap_leaves_no_hole(make: Callable[..., Path]) -> None:
    path = make({"file": NOISE[:10_000]})
    with writable(path) as volume:
        volume.patch("file", 200_000, b"end")
        found = volume.stat("file")
        assert found is not None
        assert found.attributes == tree.ARCHIVE
    assert cat(path, "file") == NOISE[:10_000] + bytes(190_000) + b"end"
    verify(path)


def test_a_sparse_file_is_rewritten(make: Callable[..., Path]) -> None:
    path = make({"sparse": File(hole=1_000_000), "patched": File(hole=1_000_000)})
    with writable(path) as volume:
        assert volume.read("sparse") == bytes(1_000_000)
        volume.write("sparse", NOISE)
        volume.patch("patched", 500_000, b"island")
    assert cat(path, "sparse") == NOISE
    assert cat(path, "patched") == bytes(500_000) + b"island" + bytes(499_994)
    verify(path)


def test_a_compactos_file_becomes_an_ordinary_one(make: Callable[..., Path]) -> None:
    wof = File(
        hole=100_000,
        reparse=(0x80000017, WOF_XPRESS4K),
        streams={"WofCompressedData": NOISE, "Zone.Identifier": b"kept"},
    )
    path = make({"wof.exe": wof, "other.exe": wof})
    with writable(path) as volume:
        volume.write("wof.exe", b"MZ" + NOISE)
        with pytest.raises(TreeError, match="CompactOS"):
            volume.patch("other.exe", 0, b"MZ")
    with opened(path) as volume:
        found = volume.stat("wof.exe")
        assert found is not None
        assert (found.reparse_tag, found.attributes) == (0, tree.ARCHIVE)
        assert volume.read_reparse("wof.exe") is None
        assert named_streams(volume, "wof.exe") == {"Zone.Identifier": 4}
    assert cat(path, "wof.exe") == b"MZ" + NOISE
    verify(path)
    # The volume's own index of reparse points knows of the other file alone.
    index = run("ntfsinfo", "--verbose", "--file", "$Extend/$Reparse", path).stdout
    assert index.count("Key reparse tag:\t 0x80000017") == 1


def test_many_files_are_created_and_deleted(make: Callable[..., Path]) -> None:
    path = make({"folder": {}})
    names = [f"folder\\a rather long file name, number {number}.dll" for number in range(600)]
    random.Random(3).shuffle(names)
    with writable(path) as volume:
        for name in names:
            volume.create(name, name.encode())
        assert volume.created == 600
    verify(path)
    with writable(path) as volume:
        for name in names[:300]:
            volume.delete(name.upper())
        with pytest.raises(TreeError, match="not empty"):
            volume.delete("folder")
        assert volume.deleted == 300
    verify(path)
    with writable(path) as volume:
        assert {f"folder\\{entry.name}" for entry in volume.list("folder")} == set(names[300:])
        for name in names[300:]:
            volume.delete(name)
        volume.delete("folder")
        assert volume.list("") == []
    verify(path)


def test_new_files_have_the_attributes_that_windows_sets(make: Callable[..., Path]) -> None:
    path = make()
    with writable(path) as volume:
        volume.create("State.ini", b"1")
        volume.create("A longer name.ini", b"1")
        volume.make_directory("folder")
    with oracle.mounted(path) as ntfs:
        for name, attributes, namespaces in [
            ("State.ini", tree.ARCHIVE, [3]),
            ("A longer name.ini", tree.ARCHIVE, [0]),
            ("folder", 0, [3]),
        ]:
            record = ntfs.mft.get(name)
            found = record.attributes[0x10][0]
            assert int(found.file_attributes) & ~0x10000000 == attributes
            assert found.security_id >= 0x100
            assert [int(entry.flags) for entry in record.attributes[0x30]] == namespaces
    verify(path)


def test_read_only_files_links_and_empty_folders_are_deleted(make: Callable[..., Path]) -> None:
    path = make(
        {
            "ro.txt": File(b"1", attributes=7),
            "junction": Folder(reparse=JUNCTION),
            "folder": {"inside": {}},
        }
    )
    with writable(path) as volume:
        volume.delete("ro.txt")
        volume.delete("junction")
        with pytest.raises(TreeError, match=r"folder on .* is not empty"):
            volume.delete("folder")
        volume.delete("folder\\inside")
        volume.delete("folder")
        with pytest.raises(TreeError):
            volume.delete("")
        assert volume.list("") == []
        assert volume.deleted == 4
    verify(path)


def test_a_folder_that_windows_emptied_is_deleted(make: Callable[..., Path]) -> None:
    path = make({"dir": {f"a long enough file name {number}": b"" for number in range(12)}})
    raw = bytearray(path.read_bytes())
    # Windows keeps the index block of a folder whose files are all gone.
    name = raw.rindex("a long".encode("utf-16-le"))
    start = raw.rindex(b"INDX", 0, name)
    block = unprotected(raw[start : start + 4096])
    first = first_entry(block)
    struct.pack_into("<QHHHH", block, first, 0, 16, 0, 2, 0)
    struct.pack_into("<I", block, 28, first - 24 + 16)
    raw[start : start + 4096] = protected(block)
    path.write_bytes(raw)
    with writable(path) as volume:
        assert volume.list("dir") == []
        volume.delete("dir")
        assert (volume.created, volume.deleted) == (0, 1)
        assert volume.list("") == []


def test_deleting_one_of_two_hard_links_keeps_the_file(make: Callable[..., Path]) -> None:
    path = make({"one": NOISE, "folder": {}})
    with writable(path) as volume:
        reference, folder = volume._resolve("one"), volume._resolve("folder")
        assert reference is not None
        assert folder is not None
        volume._mount.link(folder, reference, "two names", "folder\\two names")
    verify(path)
    with writable(path) as volume:
        volume.write("one", b"changed")
        assert volume.read("folder\\two names") == b"changed"
        volume.delete("one")
        assert volume.read("folder\\two names") == b"changed"
    verify(path)


def test_entries_are_renamed_and_moved(make: Callable[..., Path]) -> None:
    path = make({"a": {"file.txt": NOISE, "sub": {"deep": b"1"}}, "b": {}})
    with writable(path) as volume:
        volume.rename("a\\file.txt", "b\\A new and longer name.txt")
        volume.rename("a\\sub", "b\\moved folder")
        volume.rename("b\\moved folder", "b\\MOVED folder")
        assert [entry.name for entry in volume.list("a")] == []
        for old, new in [
            ("b", "b\\below\\itself"),
            ("b", "b\\itself"),
            ("b", "a"),
            ("b", "B\\MOVED folder\\c"),
            ("none", "c"),
            ("a", "none\\c"),
            ("", "c"),
            ("a", ""),
            ("a", "a:b"),
        ]:
            with pytest.raises(TreeError):
                volume.rename(old, new)
    with opened(path) as volume:
        assert volume.read("b\\a NEW and longer name.txt") == NOISE
        assert volume.read("b\\moved folder\\deep") == b"1"
        assert "MOVED folder" in {entry.name for entry in volume.list("b")}
    verify(path)


@pytest.mark.parametrize(
    "name", ["a:b", "a/b", "a?", "a*b", "con", "NUL.txt", "end.", "end ", "x" * 256]
)
def test_names_that_windows_does_not_take_are_refused(make: Callable[..., Path], name: str) -> None:
    path = make()
    with writable(path) as volume:
        with pytest.raises(TreeError, match="Windows does not accept this name"):
            volume.create(name)
        assert volume.list("") == []


def test_attributes_are_set_and_others_kept(make: Callable[..., Path]) -> None:
    path = make({"file": File(TEXT, compressed=True), "folder": {}})
    with writable(path) as volume:
        volume.set_attributes("file", tree.HIDDEN | tree.READONLY | tree.ENCRYPTED)
        volume.set_attributes("folder", tree.HIDDEN)
    with opened(path) as volume:
        found = {entry.name: entry.attributes for entry in volume.list("")}
    assert found == {
        "file": tree.HIDDEN | tree.READONLY | tree.COMPRESSED,
        "folder": tree.HIDDEN | tree.DIRECTORY,
    }
    verify(path)


def test_streams_are_removed(make: Callable[..., Path]) -> None:
    path = make({"file": File(b"1", streams={"one": NOISE, "two": b"2"})})
    with writable(path) as volume:
        remove_stream(volume, "file", "one")
        for stream in ("one", ""):
            with pytest.raises(TreeError, match="has no stream"):
                remove_stream(volume, "file", stream)
    with opened(path) as volume:
        assert named_streams(volume, "file") == {"two": 1}
        assert volume.read("file") == b"1"
    verify(path)


def test_a_full_volume_is_an_error_that_says_so(make: Callable[..., Path]) -> None:
    path = make({"file": b"1"})
    with writable(path) as volume:
        with pytest.raises(TreeError, match="no space is left"):
            volume.write("file", bytes(20 * MIB))
        with pytest.raises(TreeError, match="no space is left"):
            volume.create("new", bytes(20 * MIB))
        assert volume.stat("new") is None
    judge(path)


def test_nothing_is_written_to_a_volume_that_is_open_read_only(make: Callable[..., Path]) -> None:
    path = make({"file": b"1"})
    before = path.read_bytes()
    with opened(path) as volume:
        verbs: list[Callable[[], None]] = [
            lambda: volume.write("file", b"2"),
            lambda: volume.patch("file", 0, b"2"),
            lambda: volume.create("new"),
            lambda: volume.make_directory("new"),
            lambda: volume.delete("file"),
            lambda: volume.rename("file", "new"),
            lambda: volume.set_attributes("file", 1),
            lambda: volume.set_dirty(dirty=True),
            lambda: volume.write_raw(0, b"x"),
        ]
        for verb in verbs:
            with pytest.raises(TreeError, match="read-only"):
                verb()
    assert path.read_bytes() == before


def test_opening_for_writing_and_closing_changes_nothing(windows_volume: Path) -> None:
    before = windows_volume.read_bytes()
    with writable(windows_volume) as volume:
        volume.list("")
        assert volume.bytes_written == 0
    assert windows_volume.read_bytes() == before


@pytest.mark.parametrize("fixture", ["vss_volume", "windows_volume", "vhdx_volume"])
def test_volumes_made_by_windows_are_written(fixture: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(fixture)
    judge(path)
    with writable(path) as volume:
        files = [
            name
            for name, entry in tree.walk(volume, "")
            if not entry.is_directory and entry.size < MIB
        ]
        for name in files:
            volume.write(name, NOISE[:20_000])
        volume.make_directory("new folder")
        for number in range(50):
            volume.create(f"new folder\\file {number}", NOISE[: number * 20])
        volume.delete("new folder\\file 7")
    judge(path)
    for name in files:
        assert cat(path, name) == NOISE[:20_000]
    if fixture != "vss_volume":
        with opened(path) as volume:
            same_as_dissect(path, volume)


def test_the_same_volumes_come_out_of_the_same_builder(tmp_path: Path) -> None:
    from reseal.testing.volumes import ntfs_volume

    for name in ("a", "b"):
        ntfs_volume(tmp_path / name, 16 * MIB, label="same", cluster_size=8192)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("cluster_size", "sector_size"), [(512, 512), (1024, 512), (65536, 512), (4096, 4096)]
)
def test_other_geometries(make: Callable[..., Path], cluster_size: int, sector_size: int) -> None:
    names = {f"file number {number}.dat": NOISE[: number * 50] for number in range(100)}
    path = make(
        {"folder": names}, size=64 * MIB, cluster_size=cluster_size, sector_size=sector_size
    )
    with writable(path) as volume:
        assert volume.boot.cluster_size == cluster_size
        assert volume.boot.sector_size == sector_size
        for name in names:
            volume.write(f"folder\\{name}", NOISE[:10_000])
    with opened(path) as volume:
        assert {volume.read(f"folder\\{name}") for name in names} == {NOISE[:10_000]}
    judge(path)
