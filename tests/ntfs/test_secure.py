"""The patch of $Secure, judged by ntfssecaudit, libntfs-3g and dissect.ntfs."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from reseal.disk.device import FileDevice
from reseal.ntfs import DirtyVolumeError, Volume, VolumeError, secure
from reseal.ntfs.raw import RawVolume
from reseal.ntfs.view_index import ViewIndex
from reseal.windows.sid import Sid
from tests.ntfs import oracle
from tests.ntfs.conftest import opened, writable
from tests.ntfs.judges import audit, judge, run
from tests.ntfs.sddl import descriptor

OLD = Sid.parse("S-1-5-21-1004336348-1177238915-682003330")
NEW = Sid.parse("S-1-5-21-3704336348-2177238915-982003330")


def numbers(sid: Sid) -> bytes:
    """The bytes of a machine SID that also stand in the SIDs of its accounts."""
    return sid.to_bytes()[8:]


def sddl(number: int) -> bytes:
    """One of many distinct descriptors, every third without the machine's SID."""
    if number % 3 == 2:
        return descriptor(f"O:S-1-5-80-7-8-9-{number}G:SYD:(A;;FA;;;SY)")
    return descriptor(f"O:{OLD}-{number}G:SYD:(A;;FA;;;{OLD}-513)(A;;FA;;;SY)")


def fill(volume: Volume, count: int, first: int = 0) -> dict[str, bytes]:
    """Make files with distinct descriptors."""
    volume.make_directory("files")
    made = {rf"files\{number}": sddl(number) for number in range(first, first + count)}
    for path, data in made.items():
        volume.create(path, descriptor=data)
    return made


def replace(path: Path, old: bytes = numbers(OLD), new: bytes = numbers(NEW)) -> secure.Patch:
    device = FileDevice(path, read_only=False)
    try:
        patch = secure.replacing(device, old, new, path.name)
        patch.apply(device)
    finally:
        device.close()
    return patch


def stored(path: Path) -> dict[int, bytes]:
    device = FileDevice(path)
    try:
        return secure.descriptors(device, path.name)
    finally:
        device.close()


def expect(path: Path, made: dict[str, bytes]) -> None:
    """Let others say what descriptors the files have."""
    audit(path)
    with opened(path) as volume, oracle.mounted(path) as ntfs:
        # Of thousands a part: dissect takes milliseconds for each.
        for name, before in list(made.items())[:: max(1, len(made) // 60)]:
            wanted = before.replace(numbers(OLD), numbers(NEW))
            assert volume.descriptor(name) == wanted
            number = ntfs.mft.get(name).attributes[0x10][0].security_id
            owner = Sid.from_bytes(wanted[struct.unpack_from("<I", wanted, 4)[0] :])
            assert str(ntfs.secure.lookup(number).owner) == str(owner)
    assert set(stored(path).values()) >= {
        one.replace(numbers(OLD), numbers(NEW)) for one in made.values()
    }
    assert numbers(OLD) not in b"".join(stored(path).values())


@pytest.mark.parametrize("count", [1, 5, 50, 5000])
def test_every_descriptor_gets_the_new_sid(make: Callable[..., Path], count: int) -> None:
    path = make(size=64 << 20)
    with writable(path) as volume:
        made = fill(volume, count)
    before = path.read_bytes()
    patch = replace(path)
    assert patch.changed == sum(numbers(OLD) in one for one in made.values())
    assert patch.loose == 0
    expect(path, made)
    judge(path)
    # Back again: nothing but update sequence numbers may differ.
    replace(path, numbers(NEW), numbers(OLD))
    audit(path)
    after = path.read_bytes()
    different = [
        at for at in range(0, len(before), 512) if before[at : at + 512] != after[at : at + 512]
    ]
    assert all(after[at : at + 4] in {b"FILE", b"INDX"} or before[at + 510] != after[at + 510]
               for at in different)  # fmt: skip


@pytest.mark.parametrize(
    ("cluster", "sector"),
    [(512, 512), (1024, 512), (2048, 512), (8192, 512), (16384, 512), (65536, 512), (4096, 4096),
     (65536, 4096)],
)  # fmt: skip
@pytest.mark.parametrize("count", [2, 120])
def test_of_every_geometry(
    make: Callable[..., Path], cluster: int, sector: int, count: int
) -> None:
    path = make(size=48 << 20, cluster_size=cluster, sector_size=sector)
    with writable(path) as volume:
        made = fill(volume, count)
    replace(path)
    expect(path, made)
    with writable(path) as volume:
        volume.create("another", descriptor=sddl(5000))
        volume.create(
            "known", descriptor=next(iter(made.values())).replace(numbers(OLD), numbers(NEW))
        )
    judge(path)


def test_large_descriptors_and_several_blocks(make: Callable[..., Path]) -> None:
    path = make(size=32 << 20)
    made: dict[str, bytes] = {}
    with writable(path) as volume:
        for number in range(40):
            entries = "".join(f"(A;;FA;;;{OLD}-{number * 1000 + one})" for one in range(1500))
            name = f"file{number}"
            made[name] = descriptor(f"O:{OLD}-{number}G:SYD:{entries}")
            volume.create(name, descriptor=made[name])
    assert len(next(iter(made.values()))) > 12 * 4096
    replace(path)
    expect(path, made)


def test_descriptors_that_are_equal_after_the_change(make: Callable[..., Path]) -> None:
    path = make()
    made = {"old": descriptor(f"O:{OLD}-1G:SYD:(A;;FA;;;SY)")}
    made["new"] = made["old"].replace(numbers(OLD), numbers(NEW))
    with writable(path) as volume:
        for name, data in made.items():
            volume.create(name, descriptor=data)
    replace(path)
    expect(path, made)
    with writable(path) as volume:
        volume.create("third", descriptor=made["new"])
    judge(path)


def test_other_sids_stay(make: Callable[..., Path]) -> None:
    constant = Sid.parse("S-1-5-21-2702878673-795188819-444038987")
    kept = descriptor(f"O:{constant}-5G:SYD:(A;;FA;;;S-1-5-21-1-2-3)")
    path = make()
    with writable(path) as volume:
        made = fill(volume, 4)
        volume.create("kept", descriptor=kept)
    before = path.read_bytes()
    assert replace(path, numbers(Sid.parse("S-1-5-21-4-5-6"))).writes == ()
    assert path.read_bytes() == before
    replace(path)
    expect(path, made)
    with opened(path) as volume:
        assert volume.descriptor("kept") == kept


def residence(path: Path) -> tuple[bool, bool]:
    """Whether $SII and $SDH lie wholly in the file record, as ntfsinfo sees it."""
    shown = run("ntfsinfo", "-v", "-i", "9", path).stdout
    parts = shown.split("Dumping attribute ")
    blocks = [part for part in parts if part.startswith("$INDEX_ALLOCATION")]
    return (
        not any("$SII" in part for part in blocks),
        not any("$SDH" in part for part in blocks),
    )


@pytest.mark.parametrize(
    ("count", "resident"), [(0, (True, True)), (2, (True, False)), (5, (False, False))]
)
def test_indexes_in_the_file_record_and_outside(
    make: Callable[..., Path], count: int, resident: tuple[bool, bool]
) -> None:
    # Descriptors that mkntfs made are the only ones in the first.
    path = make()
    with writable(path) as volume:
        made = fill(volume, count)
    assert residence(path) == resident
    old, new = bytes.fromhex("2000000020020000"), bytes.fromhex("2000000021020000")
    before = stored(path)
    replace(path)
    expect(path, made)
    replace(path, numbers(NEW), numbers(OLD))
    assert replace(path, old, new).changed
    audit(path)
    assert stored(path) == {number: one.replace(old, new) for number, one in before.items()}


def test_numbers_outside_of_the_record_and_hashes_in_it(make: Callable[..., Path]) -> None:
    """The fourth combination, which no engine at hand makes: `$SDH` is moved in by hand."""
    path = make()
    with writable(path) as volume:
        made = fill(volume, 5)
    _move_in(path)
    assert residence(path) == (False, True)
    audit(path)
    replace(path)
    expect(path, made)


def _move_in(path: Path) -> None:
    """Put all entries of $SDH into the root of the index, and take its blocks away."""
    whole = bytearray(path.read_bytes())
    at = whole.index(b"$\0S\0I\0I\0") & ~1023
    record = bytearray(whole[at : at + 1024])
    fixups = record[50:54]
    record[510:512], record[1022:1024] = fixups[:2], fixups[2:]
    device = FileDevice(path)
    raw = RawVolume(device, "volume")
    slots = ViewIndex(raw, 9, "$SDH", "<II", 20).slots
    device.close()
    entries = b"".join(
        struct.pack("<HHIHHHH", 24, 20, 0, 48, 8, 0, 0)
        + struct.pack("<II", *slot.key)
        + slot.data
        + b"I\0I\0"
        for slot in slots
    ) + struct.pack("<HHIHHHH", 0, 0, 0, 16, 0, 2, 0)
    name = "$SDH".encode("utf-16-le")
    attributes: list[bytes] = []
    position = struct.unpack_from("<H", record, 20)[0]
    while record[position : position + 4] != b"\xff\xff\xff\xff":
        length = struct.unpack_from("<I", record, position + 4)[0]
        one = bytes(record[position : position + length])
        position += length
        kind, where = struct.unpack_from("<I", one)[0], struct.unpack_from("<H", one, 10)[0]
        if kind == 0x30:
            continue  # makes room; nobody looks for the name of $Secure in it
        if kind >= 0x90 and one[where : where + 8] == name:
            if kind != 0x90:
                continue
            root = bytearray(one[:48])
            header = struct.pack("<IIII", 16, 16 + len(entries), 16 + len(entries), 0)
            root += header + entries
            struct.pack_into("<I", root, 4, len(root))
            struct.pack_into("<I", root, 16, 16 + 16 + len(entries))
            one = bytes(root)
        attributes.append(one)
    body = b"".join(attributes) + b"\xff\xff\xff\xff" + bytes(4)
    start = struct.unpack_from("<H", record, 20)[0]
    assert start + len(body) <= 1022
    record[start:] = body + bytes(1024 - start - len(body))
    struct.pack_into("<I", record, 24, start + len(body))
    record[52:54], record[50:52] = record[1022:1024], record[510:512]
    record[510:512] = record[1022:1024] = record[48:50]
    whole[at : at + 1024] = record
    path.write_bytes(whole)


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["vss_volume", "windows_volume", "vhdx_volume"])
def test_volumes_that_windows_made(name: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(name)
    before = stored(path)
    sids = {
        bytes(one[at : at + 16])
        for one in before.values()
        for at in range(len(one) - 16)
        if one[at - 8 : at - 7] == b"\1" and one[at : at + 4] == b"\x15\0\0\0" and one[at - 1] == 5
    }
    old = next(iter(sids), b"")
    new = numbers(NEW)
    if not old:
        # No machine SID stands in it: let the well-known SID of Administrators change and back.
        old, new = bytes.fromhex("2000000020020000"), bytes.fromhex("2000000021020000")
    patch = replace(path, old, new)
    assert patch.changed
    audit(path)
    after = stored(path)
    assert after == {number: one.replace(old, new) for number, one in before.items()}
    replace(path, new, old)
    audit(path)
    assert stored(path) == before


def test_only_a_clean_volume_is_patched(make: Callable[..., Path]) -> None:
    path = make()
    with writable(path) as volume:
        volume.set_dirty(dirty=True)
    with opened(path) as volume, pytest.raises(DirtyVolumeError):
        secure.require_clean(volume.state, "volume")


def test_a_damaged_secure_is_an_error(make: Callable[..., Path]) -> None:
    path = make()
    with writable(path) as volume:
        fill(volume, 60)
    whole = path.read_bytes()
    places = [at for at in range(0, len(whole), 512) if whole[at : at + 4] == b"INDX"]
    places = places[:4]
    places.append(whole.index(b"$\0S\0I\0I\0") & ~1023)
    failures = 0
    for place in places:
        for offset in range(0, 512, 23):
            damaged = bytearray(whole)
            damaged[place + offset] ^= 0xFF
            path.write_bytes(damaged)
            try:
                replace(path)
            except VolumeError:
                failures += 1
    assert failures
