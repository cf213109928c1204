"""What EFS encrypted is found in the $MFT, wherever it hides."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from dissect.ntfs import NTFS
from dissect.ntfs.c_ntfs import ATTRIBUTE_TYPE_CODE

from reseal.ntfs import EncryptedFiles, encrypted, encrypted_files
from reseal.testing.volumes import File, Folder
from reseal.tree import ENCRYPTED, TreeError
from tests.ntfs.conftest import opened, writable
from tests.ntfs.judges import judge, run

SECRETS = {
    "Users": {
        "Alice": {
            "letter.txt": b"plain",
            "secret.txt": File(b"x" * 700, encrypted=True),
            "Private": Folder({"inside.txt": File(b"y", encrypted=True)}, encrypted=True),
            "Ünïcode 秘密.txt": File(b"", encrypted=True),
        },
    },
    "many": {f"{number}.txt": b"z" for number in range(2000)},
}
PATHS = [
    r"Users\Alice\Private",
    r"Users\Alice\Private\inside.txt",
    r"Users\Alice\secret.txt",
    "Users\\Alice\\Ünïcode 秘密.txt",
]


def by_dissect(path: Path) -> list[str]:
    """Every path with the bit, as dissect.ntfs reads the records one by one."""
    found = []
    with path.open("rb") as file:
        volume = NTFS(file)
        for record in volume.mft.segments():
            if (
                not record.header.Flags & 1
                or record.header.BaseFileRecordSegment.SegmentNumberLowPart
            ):
                continue
            information = record.attributes.get(ATTRIBUTE_TYPE_CODE.STANDARD_INFORMATION)
            if information and information[0].attribute.file_attributes & ENCRYPTED:
                found += record.full_paths()
    return sorted(found, key=str.lower)


def test_files_and_folders_are_found_and_named_as_dissect_names_them(
    make: Callable[..., Path],
) -> None:
    path = make(SECRETS)
    with opened(path) as volume:
        assert encrypted_files(volume) == EncryptedFiles(4, PATHS)
    assert by_dissect(path) == PATHS
    shown = run("ntfsinfo", "-F", "/Users/Alice/secret.txt", path).stdout
    assert "ENCRYPTED" in shown
    judge(path)


@pytest.mark.parametrize("sizes", [(512, 512), (4096, 4096), (512, 65536)])
def test_records_and_clusters_of_every_size(
    make: Callable[..., Path], sizes: tuple[int, int]
) -> None:
    sector, cluster = sizes
    path = make(SECRETS, size=32 << 20, sector_size=sector, cluster_size=cluster)
    with opened(path) as volume:
        assert encrypted_files(volume).paths == PATHS == by_dissect(path)


def test_a_volume_without_any_has_none(
    make: Callable[..., Path], vss_volume: Path, windows_volume: Path, vhdx_volume: Path
) -> None:
    for path in (make({"plain.txt": b"x"}), vss_volume, windows_volume, vhdx_volume):
        with opened(path) as volume:
            assert encrypted_files(volume) == EncryptedFiles(0, by_dissect(path))


def test_a_deleted_file_does_not_count_and_one_with_two_names_counts_twice(
    make: Callable[..., Path],
) -> None:
    path = make({"a.txt": File(b"a", encrypted=True), "b.txt": File(b"b", encrypted=True), "c": {}})
    with writable(path) as volume:
        volume.delete("a.txt")
        mount = volume._mount
        folder, reference = volume._resolve("c"), volume._resolve("b.txt")
        assert folder
        assert reference
        mount.link(folder, reference, "again.txt", r"c\again.txt")
    with opened(path) as volume:
        assert encrypted_files(volume) == EncryptedFiles(1, ["b.txt", r"c\again.txt"])


def _record(path: Path, name: str) -> int:
    """Where a file's record lies in the volume."""
    with path.open("rb") as file:
        volume = NTFS(file)
        run_list = volume.mft.get(0).attributes.DATA[0].dataruns()
        cluster = run_list[0][0] * volume.cluster_size
        return int(cluster + volume.mft.get(name).segment * volume._record_size)


def test_folders_that_hold_each_other_end_in_the_number_of_the_record(
    make: Callable[..., Path],
) -> None:
    path = make({"one": {"two": {"secret.txt": File(b"x", encrypted=True)}}})
    with opened(path) as volume:
        one, two = (volume._resolve(name) for name in ("one", r"one\two"))
    assert one
    assert two
    place = _record(path, "one")
    with path.open("r+b") as file:
        file.seek(place)
        record = bytearray(file.read(1024))
        root = struct.pack("<Q", 5 | 5 << 48)
        assert record.count(root) == 1
        file.seek(place + record.index(root))
        file.write(struct.pack("<Q", two))
    with opened(path) as volume:
        [found] = encrypted_files(volume).paths
        assert found.startswith("(file record ")


@pytest.mark.parametrize(("name", "limit"), [("MAX_PATHS", 2), ("MAX_CHARACTERS", 20)])
def test_all_are_counted_and_the_first_of_too_many_are_named(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    monkeypatch.setattr(encrypted, name, limit)
    with opened(make(SECRETS)) as volume:
        found = encrypted_files(volume)
    assert found.count == 4
    assert 0 < len(found.paths) < 4
    assert set(found.paths) < set(PATHS)


def test_a_path_that_is_longer_than_windows_takes_leads_nowhere(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encrypted, "MAX_PATH", 4)
    with opened(make(SECRETS)) as volume:
        found = encrypted_files(volume)
    assert found.count == 4
    assert all(path.startswith("(file record ") for path in found.paths)


def test_an_absurd_mft_is_refused(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encrypted, "MAX_MFT", 4096)
    with opened(make()) as volume, pytest.raises(TreeError, match="implausible size"):
        encrypted_files(volume)


def test_bytes_that_only_look_like_the_bit_do_not_count() -> None:
    """The bit counts in a base record in use, in its first attribute, and nowhere else."""

    def record(**changes: int) -> bytes:
        facts = {"flags": 1, "first": 0x38, "base": 0, "kind": 0x10, "form": 0} | changes
        raw = bytearray(1024)
        raw[:4] = b"FILE" if "signature" not in changes else b"BAAD"
        struct.pack_into("<HH", raw, 0x14, facts["first"], facts["flags"])
        struct.pack_into("<Q", raw, 0x20, facts["base"])
        at = facts["first"]
        if at < 900:
            struct.pack_into("<IIB", raw, at, facts["kind"], 0x60, facts["form"])
            struct.pack_into("<I", raw, at + 0x38, ENCRYPTED)
        return bytes(raw)

    good = record()
    older = record(first=0x30)
    bad = [
        record(flags=0),
        record(base=40),
        record(kind=0x30),
        record(form=1),
        record(signature=0),
        record(first=0xFFFF),
        record(first=0x138),
        bytes(1024),
        b"\xff" * 1024,
    ]
    part = b"".join([good, *bad, older, good[:300]])
    assert sorted(encrypted._with_bit(b"".join(bad), 1024)) == []
    assert sorted(encrypted._with_bit(part, 1024)) == [0, len(bad) + 1]
