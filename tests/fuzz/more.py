"""Targets that are files on this computer: recipes, tables of fleets, WIM files; and BitLocker's metadata."""

from __future__ import annotations

import contextlib
import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from reseal.bitlocker import OpenVolume, keys, metadata
from reseal.clone import table
from reseal.customize import recipe
from reseal.customize.steps import STEPS
from reseal.disk import FileDevice
from reseal.errors import ResealError
from reseal.ntfs import Volume
from reseal.testing.volumes import ntfs_volume, populate
from reseal.wim import capture_volume, open_wim
from reseal.wim.metadata import image_facts
from reseal.wim.tree import WimTree
from reseal.worker import run_worker
from tests.bitlocker import encryptor
from tests.bitlocker.encryptor import BLOCK, Made, Places
from tests.fuzz.memory import Memory
from tests.fuzz.mutation import edits

MIB = 1 << 20


def _file(suffix: str, data: bytes, job: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        path.write_bytes(data)
        with contextlib.suppress(ResealError):
            job(path)


# Recipes and tables


def recipes(data: bytes) -> None:
    """Recipes of `customize`."""
    _file(".toml", data, recipe.load)


def recipe_seeds() -> list[bytes]:
    """Every step's example, alone and all together."""
    steps = [f"[[step]]\n{one.id} = {recipe.example(one)}\n".encode() for one in STEPS.values()]
    return [*steps, b"\n".join(steps)]


def tables(data: bytes) -> None:
    """Tables of fleets: the first byte says of which kind."""
    if data:
        _file((".csv", ".json", ".toml")[data[0] % 3], data[1:], table.load)


def table_seeds() -> list[bytes]:
    """A fleet in each form."""
    return [
        b'\0name,sid,note\nPC-1,new,"a ""quoted"" one"\r\nPC-2,pending,\n',
        b'\1[{"name": "PC-1", "dns": ["10.0.0.1", "10.0.0.2"], "n": 4}, {"name": "PC-2"}]',
        b'\1{"machines": [{"name": "PC-1"}]}',
        b'\2[[machine]]\nname = "PC-1"\ndns = ["10.0.0.1"]\n\n[[machine]]\nname = "PC-2"\n',
    ]


# BitLocker


@cache
def _encrypted() -> tuple[bytes, Places]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "volume"
        ntfs_volume(path, 8 * MIB)
        places = encryptor.make_room(path)
        made = Made()
        protectors = [encryptor.clear(), encryptor.recovery()]
        return bytes(encryptor.encrypt(path.read_bytes(), made, places, protectors)), places


def bitlocker(data: bytes) -> None:
    """BitLocker's header and metadata, with checksums that fit for every other input."""
    if not data:
        return
    volume, places = _encrypted()
    where = [0, 160, 176, *places.metadata, *(one + 64 for one in places.metadata)]
    where += [one + 112 + 40 * entry for one in places.metadata for entry in range(8)]
    spoiled = bytearray(edits(volume, where, data[1:]))
    if data[0] & 1:
        # The same in all copies, or the next one is taken.
        first = spoiled[places.metadata[0] : places.metadata[0] + BLOCK]
        size = struct.unpack_from("<H", first, 8)[0] * 16
        if 64 <= size <= len(first) - 8:
            struct.pack_into("<I", first, size + 4, zlib.crc32(first[:size]))
        for one in places.metadata:
            spoiled[one : one + BLOCK] = first
    device = Memory(bytes(spoiled))
    # A recovery key takes a second of hashing.
    given = (keys.recovery_key(encryptor.RECOVERY),) if data[0] == 3 else ()
    with contextlib.suppress(ResealError):
        _, copies = metadata.read(device, "disk")
        for copy in copies:
            copy.to_json()
    with contextlib.suppress(ResealError):
        metadata.offers(device)
    with contextlib.suppress(ResealError):
        opened = OpenVolume.open(device, given, "disk")
        opened.read(0, 4096)
        opened.read(opened.size - 512, 512)


# WIM


@cache
def _wim() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        volume, path = Path(folder) / "volume", Path(folder) / "image.wim"
        ntfs_volume(volume, 8 * MIB)
        device = FileDevice(volume, read_only=False)
        with Volume.open(device, read_only=False, name="sample") as opened:
            populate(opened, {"Windows": {"System32": {"config": {"SYSTEM": b"regf" * 99}}}})
        capture_volume(device, path, name="Sample", compression="xpress")
        device.close()
        return path.read_bytes()


def wim_seeds() -> list[bytes]:
    """A WIM as a whole."""
    return [_wim()]


def wim(data: bytes) -> None:
    """WIM files: libwim reads them in a worker, so a crash of it is an error, too."""

    def look(path: Path) -> None:
        def work(_: object) -> dict[str, object]:
            facts = image_facts(path, None)
            with open_wim(path) as opened:
                tree = WimTree(opened, facts.index)
                with contextlib.closing(tree):
                    for name in ("", r"Windows\System32\config"):
                        for one in tree.list(name):
                            tree.stat(f"{name}\\{one.name}".lstrip("\\"))
                    tree.read(r"Windows\System32\config\SYSTEM")
            return asdict(facts)

        run_worker(work, subject="the WIM")

    _file(".wim", data, look)
