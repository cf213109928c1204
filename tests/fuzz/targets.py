"""What is fuzzed: every parser of ours that reads what an image, or somebody who sent it, may hold.

A target takes any bytes. It ends in a result or a ResealError, in bounded time and memory; whatever
else happens is a defect.
"""

from __future__ import annotations

import contextlib
import json
import random
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from reseal.answerfile import AnswerFile, check, show
from reseal.bcd import Store
from reseal.bcd.devices import Boot
from reseal.bcd.listing import listing, to_json
from reseal.disk import formats
from reseal.disk.journal import Journal
from reseal.disk.partitions import volumes
from reseal.disk.sidecar import journal_path
from reseal.errors import ResealError
from reseal.fat import FatVolume
from reseal.folder import Folder
from reseal.ntfs import secure, slack
from reseal.ntfs.raw import RawVolume
from reseal.proof.identity import MachineIdentity
from reseal.regf import Hive
from reseal.sysprep import action_file
from reseal.testing.boot import boot_store
from reseal.testing.disks import BASIC_DATA, gpt_disk, mbr_disk
from reseal.testing.fat import fat_volume
from reseal.testing.machine import Machine, sam_hive
from reseal.testing.machine import action_file as sample_plan
from reseal.testing.volumes import ntfs_volume, populate
from reseal.wim import wof
from reseal.windows.sam.keys import PasswordKey
from reseal.windows.sam.records import User, new_fixed, with_alias_member, with_group_member
from tests.fuzz import more
from tests.fuzz.machine import machine
from tests.fuzz.memory import Memory
from tests.fuzz.mutation import edits
from tests.ntfs.conftest import writable

MIB = 1 << 20


@dataclass(frozen=True)
class Target:
    """A parser under test.

    Attributes:
        seeds: returns inputs to begin with.
        run: takes one input.
        budget: inputs in a run of the tests.
        of: the modules that parse.
        workers: whether each input is read in a process of its own.
        lines: whether inputs are lines of JSON, of which most stay so.
    """

    seeds: Callable[[], list[bytes]]
    run: Callable[[bytes], None]
    budget: int = 1000
    of: tuple[str, ...] = ()
    workers: bool = False
    lines: bool = False


def _edit_seeds() -> list[bytes]:
    return [bytes([n * 37 % 256, n, 0, n % 16, n * 11 % 256]) * (1 + n % 3) for n in range(24)]


@cache
def _made(make: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made"
        make(path)
        return path.read_bytes()


# Disks


def _gpt(path: Path) -> None:
    gpt_disk(path, [(MIB, BASIC_DATA, "one"), (MIB, BASIC_DATA, "two")])


def _mbr(path: Path) -> None:
    mbr_disk(path, [(MIB, 7), (2 * MIB, 5)])
    with path.open("r+b") as disk:  # a logical partition in the extended one
        disk.seek(2 * MIB + 446)
        disk.write(struct.pack("<8sII", b"\0\0\0\0\x07\0\0\0", 63, 1000))
        disk.write(struct.pack("<8sII", b"\0\0\0\0\x05\0\0\0", 2000, 1000))
        disk.seek(2 * MIB + 510)
        disk.write(b"\x55\xaa")


def partitions(data: bytes) -> None:
    """Partition tables, with and without a checksum that fits."""
    if not data:
        return
    kind, rest = data[0], data[1:]
    base = _made(_mbr if kind & 1 else _gpt)
    end = len(base)
    places = (
        [0, 446, 462, 478, 2 * MIB, 2 * MIB + 446, 2 * MIB + 462]
        if kind & 1
        else [0, 440, 512, 512 + 72, 1024, 1024 + 128, end - 512, end - 440]
    )
    disk = bytearray(edits(base, places, rest))
    if kind & 2:
        for start in (512, end - 512):
            (size,) = struct.unpack_from("<I", disk, start + 12)
            disk[start + 16 : start + 20] = bytes(4)
            struct.pack_into(
                "<I", disk, start + 16, zlib.crc32(disk[start : start + min(size, 512)])
            )
    for one in volumes(Memory(bytes(disk))):
        one.unsupported  # noqa: B018  it judges the rest of what was read


@cache
def _heads() -> dict[str, bytes]:
    heads = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, suffix, options in (
            ("qcow2", "qcow2", ()), ("qcow2", "old.qcow2", ("-o", "compat=0.10")),
            ("vhdx", "vhdx", ()), ("vpc", "vhd", ()), ("vmdk", "vmdk", ()), ("vdi", "vdi", ()),
            ("vmdk", "flat.vmdk", ("-o", "subformat=monolithicFlat")),
        ):  # fmt: skip
            path = Path(folder) / f"disk.{suffix}"
            subprocess.run(
                ["qemu-img", "create", "-q", "-f", name, *options, path, "2M"], check=True
            )
            heads[suffix] = path.read_bytes()
    return heads


def containers(data: bytes) -> None:
    """The headers of disk images, each of which names other files and sizes."""
    if not data:
        return
    names = sorted(_heads())
    suffix = names[data[0] % len(names)]
    base = _heads()[suffix]
    places = [
        place
        for place in (0, 64, 0x154, 512, 1024, 1 << 16, 2 << 16, 3 << 16, 4 << 16, MIB, 2 * MIB, 3 * MIB)
        if place < len(base)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"disk.{suffix}"
        path.write_bytes(edits(base, places, data[1:]))
        with contextlib.suppress(ResealError):
            header = formats.read_header(path)
            formats.require_whole(path, header.format)


# File systems


@cache
def _ntfs() -> tuple[bytes, list[int]]:
    def make(path: Path) -> None:
        ntfs_volume(path, 4 * MIB)
        with writable(path) as volume:
            populate(volume, {"Windows": {f"file {n}": b"x" * n for n in range(40)}})

    content = _made(make)
    places = [0, 32]
    for signature in (b"FILE", b"INDX"):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            if start % 512 == 0:
                places += [start, start + 512]
    # Most of them near $Secure (record 9) and $MFT, which nobody but reseal reads.
    return content, places + [places[2], *places[18:22]] * 12


def ntfs(data: bytes) -> None:
    """What reads NTFS without libntfs-3g: records, attributes, indexes, $Secure, slack."""
    content, places = _ntfs()
    device = Memory(edits(content, places, data))
    with contextlib.suppress(ResealError):
        secure.descriptors(device, "disk")
    with contextlib.suppress(ResealError):
        secure.replacing(device, b"\1\5\0\0\0\0\0\5", b"\1\5\0\0\0\0\0\6", "disk").apply(device)
    with contextlib.suppress(ResealError):
        for _ in slack.wipes(RawVolume(device, "disk"), range(64)):
            pass


def _fat(path: Path) -> None:
    folder = {"BCD": b"regf" * 3000}
    tree: dict[str, Any] = {
        "EFI": {"Microsoft": {"Boot": folder}, "a long name.configuration": b"x"}
    }
    fat_volume(path, 2 * MIB, tree, bits=12)


def fat(data: bytes) -> None:
    """FAT: boot sector, tables, directories; read and written."""
    base = _made(_fat)
    root = base.find(b"EFI        ")
    places = [0, 11, 36, 512, 512, root - 32, root, base.find(b"MICROS"), base.find(b"BCD     ")]
    with contextlib.suppress(ResealError):
        volume = FatVolume.open(
            Memory(edits(base, [max(0, one) for one in places], data)), read_only=False
        )
        path = r"EFI\Microsoft\Boot\BCD"
        for verb in (
            lambda: volume.stat(path),
            lambda: volume.read(path),
            lambda: volume.read(r"EFI\a long name.configuration"),
            lambda: volume.write(path, b"new" * 5000),
            lambda: volume.patch(path, 100, b"patched"),
        ):
            with contextlib.suppress(ResealError):
                verb()


# Structures


def bcd(data: bytes) -> None:
    """Boot stores: every element decoded and shown."""
    content = bytearray(data)
    if len(content) >= 512:
        words = struct.unpack_from("<127I", content)
        checksum = 0
        for word in words:
            checksum ^= word
        struct.pack_into("<I", content, 508, {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(checksum, checksum))
    with contextlib.suppress(ResealError):
        store = Store(Hive.open(bytes(content), name="BCD"))
        json.dumps(to_json(store))
        list(listing(store, everything=True))


def plan(data: bytes) -> None:
    """Action files."""
    with contextlib.suppress(ResealError):
        action_file.parse(data, "Generalize.xml")


def answers(data: bytes) -> None:
    """Answer files."""
    with contextlib.suppress(ResealError):
        document = AnswerFile(data)
        check(document)
        show(document)


def identity(data: bytes) -> None:
    """Identity files, which somebody may have sent along."""
    with contextlib.suppress(ResealError, ValueError):
        value = json.loads(data)
        with contextlib.suppress(ResealError):
            MachineIdentity.from_json(value, "identity.json")


def sam(data: bytes) -> None:
    """The records of local accounts and groups."""
    jobs: tuple[Callable[[], object], ...] = (
        lambda: User.parse(data).described("full", "comment").to_bytes(),
        lambda: User.parse(data).key_number,
        lambda: User.parse(data).new("name", b"\1" * 12, b"\2" * 12, (b"", b"")),
        lambda: PasswordKey.of(data, b"k" * 16),
        lambda: new_fixed(data, 1001, 0x210, 5),
        lambda: with_group_member(data, 1001),
        lambda: with_alias_member(data, b"\1" * 28),
    )
    for job in jobs:
        with contextlib.suppress(ResealError):
            job()


def compressed(data: bytes) -> None:
    """The chunks of a file that Windows keeps compressed."""
    if len(data) < 24:
        return
    reparse, size = data[:16], int.from_bytes(data[16:20], "little") % (1 << 22)
    with contextlib.suppress(ResealError):
        wof.decompress(reparse, data[20:], size)


def journal(data: bytes) -> None:
    """The note beside an image, which may have come with it."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "disk.qcow2"
        journal_path(image).write_bytes(data)
        with contextlib.suppress(ResealError):
            Journal.read(image)


def undo(data: bytes) -> None:
    """The undo log beside a folder, which may have come with it. Nothing outside changes."""
    with tempfile.TemporaryDirectory() as place:
        base = Path(place)
        folder, log = base / "inner" / "windows", base / "inner" / ".windows.reseal-journal"
        (folder / "a").mkdir(parents=True)
        (folder / "a" / "file").write_text("old")
        (base / "outside").write_text("outside")
        log.mkdir()
        (log / "log").write_bytes(data)
        (log / "1.data").write_text("from the journal")
        with contextlib.suppress(ResealError):
            Folder.recover(folder)
        assert (base / "outside").read_text() == "outside"
        assert {one.name for one in base.iterdir()} == {"inner", "outside"}


def _undo_seeds() -> list[bytes]:
    times = {"mode": 0o644, "accessed": 1, "modified": 2}
    lines: list[dict[str, Any]] = [
        {"op": "file", "names": ["a", "file"], "copy": "1.data", **times},
        {"op": "folder", "names": ["a"], **times},
        {"op": "created", "names": ["a", "new"], "folder": False},
        {"op": "moved", "names": ["a", "gone"], "to": ["a", "file"]},
        {"op": "attributes", "names": ["a"], "attributes": 32},
        {"op": "file", "names": ["..", "..", "outside"], "copy": "1.data", **times},
        {"op": "file", "names": ["a/../../../outside"], "copy": "../../../outside", **times},
        {"op": "moved", "names": ["b"], "to": ["..", "..", "outside"]},
        {"op": "created", "names": ["..", "..", "outside"], "folder": False},
    ]
    return [json.dumps(line).encode() + b"\n" for line in lines]


def _wof_seeds() -> list[bytes]:
    heads = [struct.pack("<4I", 1, 2, 1, algorithm) for algorithm in range(4)]
    return [
        head + struct.pack("<I", 9000) + struct.pack("<2I", 20, 40) + b"x" * 80 for head in heads
    ]


def _sam_seeds() -> list[bytes]:
    values = [
        value.data
        for key in _keys(Hive.open(sam_hive(Machine())))
        for value in key.values()
        if value.name in {"V", "F", "C"}
    ]
    domain = bytes(0x68) + struct.pack("<II", 1, 56) + bytes(100)
    modern = bytes(0x68) + struct.pack("<IIII", 2, 64, 32, 32) + bytes(100)
    record = bytes(0xCC) + bytes(80)
    return [*values, domain, modern, record]


def _keys(hive: Hive) -> list[Any]:
    found = [hive.root]
    for key in found:
        found += key.subkeys()
    return found


def _answer_seeds() -> list[bytes]:
    from tests.answerfile.samples import OFFLINE
    from tests.answerfile.test_processed import TEXT

    return [OFFLINE.encode(), TEXT.encode()]


JOURNAL = {"version": 1, "format": "raw", "size": 1, "file_size": 1, "modified": 1}


def _kinds() -> list[bytes]:
    return [bytes([number]) + one for number, one in enumerate(_edit_seeds())]


TARGETS = {
    "partitions": Target(
        _kinds, partitions, 150, of=("reseal.disk.partitions", "reseal.disk.tables")
    ),
    "containers": Target(_kinds, containers, 200, of=("reseal.disk.formats",)),
    "ntfs": Target(
        _edit_seeds,
        ntfs,
        400,
        of=(
            "reseal.ntfs.raw",
            "reseal.ntfs.records",
            "reseal.ntfs.secure",
            "reseal.ntfs.view_index",
            "reseal.ntfs.slack",
        ),
    ),
    "fat": Target(_edit_seeds, fat, of=("reseal.fat",)),
    "bcd": Target(
        lambda: [boot_store(Boot(), Boot(), uefi=uefi) for uefi in (True, False)],
        bcd,
        of=("reseal.bcd.store", "reseal.bcd.devices", "reseal.bcd.values", "reseal.bcd.listing"),
    ),
    "plan": Target(
        lambda: [sample_plan(22631), sample_plan(10240)], plan, of=("reseal.sysprep.action_file",)
    ),
    "answers": Target(
        _answer_seeds,
        answers,
        of=(
            "reseal.answerfile.document",
            "reseal.answerfile.check",
            "reseal.answerfile.wellformed",
        ),
    ),
    "identity": Target(
        lambda: [json.dumps(MachineIdentity().to_json()).encode()],
        identity,
        of=("reseal.proof.identity",),
        lines=True,
    ),
    "sam": Target(_sam_seeds, sam, of=("reseal.windows.sam.records", "reseal.windows.sam.keys")),
    "wof": Target(_wof_seeds, compressed, of=("reseal.wim.wof",)),
    "machine": Target(
        lambda: [random.Random(n).randbytes(6 * (1 + n % 12)) for n in range(64)],
        machine,
        100,
        of=("reseal.windows.registry", "reseal.windows.installation"),
    ),
    "journal": Target(
        lambda: [json.dumps(JOURNAL | {"samples": [[0, "a", "b"]]}).encode()],
        journal,
        of=("reseal.disk.journal",),
        lines=True,
    ),
    "undo": Target(_undo_seeds, undo, 300, of=("reseal.folder.journal",), lines=True),
    "recipes": Target(more.recipe_seeds, more.recipes, of=("reseal.customize.recipe",)),
    "tables": Target(
        more.table_seeds, more.tables, of=("reseal.clone.table", "reseal.clone.csv_cells")
    ),
    "bitlocker": Target(
        _edit_seeds,
        more.bitlocker,
        300,
        of=(
            "reseal.bitlocker.metadata",
            "reseal.bitlocker.entries",
            "reseal.bitlocker.header",
            "reseal.bitlocker.unlock",
        ),
    ),
    "wim": Target(
        more.wim_seeds,
        more.wim,
        40,
        of=("reseal.wim.file", "reseal.wim.metadata", "reseal.wim.tree"),
        workers=True,
    ),
}
