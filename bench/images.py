"""The images that the measurements use, built once and kept in a cache folder.

`real`: hives, logs, event logs and an action file that Windows wrote, in an NTFS volume. Most of the hives
are dirty. They come from the corpus of real artefacts that the tests use; its SOFTWARE hive is built.

`big`: what a large machine has: a sparse disk of 64 GB with 200,000 files in a thousand folders, 600
descriptors with the machine SID, a SOFTWARE hive of 113 MB, 100 event logs, three profiles, and the real
hives, which name network adapters.

The folder is `RESEAL_BENCH_CACHE`, or one in the user's cache folder. Delete it to build the images again.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reseal.disk.device import FileDevice, Slice
from reseal.disk.partitions import volumes
from reseal.ntfs import Volume
from reseal.regf import Hive
from reseal.testing import real as in_use
from reseal.testing.disks import BASIC_DATA, gpt_disk
from reseal.testing.hives import TIMESTAMP, large
from reseal.testing.machine import Machine, _merged, software_hive, tree
from reseal.testing.volumes import ntfs_volume, populate
from reseal.windows.sddl import descriptor
from tests.end_to_end import real_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reseal.regf import Key

CORPUS = Path(os.environ.get("RESEAL_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))
#: Change it with the images; a new number rebuilds them.
VERSION = 1
FILES, DESCRIPTORS, EVENT_LOGS = 200_000, 600, 100
_FOLDER = 200
_GIGABYTE = 1 << 30
BIG_SIZE = 64 * _GIGABYTE
_REAL_SIZE = 256 << 20
#: Bytes of the files in turn: resident ones, small ones, and some of several clusters.
_SIZES = (200, 700, 3000, 6000, 300, 12000, 1500, 500)


def cache() -> Path:
    """Return the folder that keeps the images."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("RESEAL_BENCH_CACHE") or Path(home) / "reseal-bench")
    folder = folder / f"v{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def real() -> Path:
    """Return the image of real hives, a sparse raw disk."""
    return _kept("real.raw", _make_real)


def big(files: int = FILES) -> Path:
    """Return the image of a large machine, a sparse raw disk; another number of files for comparison."""
    return _kept(f"big-{files}.raw", lambda path: _make_big(path, files))


def large_hive() -> Path:
    """Return a hive of 113 MB: the SOFTWARE hive of the large machine."""
    return _kept("SOFTWARE", lambda path: path.write_bytes(_software(_machine(3))))


@contextmanager
def overlay(image: Path) -> Iterator[Path]:
    """Give a thin overlay on an image, which stays as it is; it lies next to it."""
    path = image.with_name(f"overlay-{os.getpid()}-{image.stem}.qcow2")
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", image.name, "-F", "raw", str(path)]
    subprocess.run(command, check=True)
    try:
        yield path
    finally:
        # With what reseal leaves next to an image, such as the mark of a golden one.
        for left in path.parent.glob(f"*{path.name}*"):
            left.unlink()


def _kept(name: str, make: Callable[[Path], object]) -> Path:
    path = cache() / name
    if not path.exists():
        draft = path.with_suffix(".partial")
        make(draft)
        draft.rename(path)
    return path


def _machine(users: int) -> Machine:
    """Return a machine in use around the real hives, with the SID that these hold."""
    names = ("AndrewRathbun", "Alice", "Bob")[:users]
    return Machine(
        build=18363, product="Windows 10 Pro", version="1909", sid=real_machine.SID,
        computer_name=real_machine.COMPUTER_NAME, users=names,
    )  # fmt: skip


def _hives(model: Machine) -> dict[str, Any]:
    """Return the files of a machine: those of a machine in use, with the real ones over them."""
    used = in_use.used(model, second_volume=False)
    files = _merged(tree(used), real_machine.machine(CORPUS).files)
    people = CORPUS / "machines" / "win10-21h1" / "Users" / "AndrewRathbun"
    for user in model.users:
        home = real_machine._with_logs(people, "NTUSER.DAT")
        classes = real_machine._with_logs(people, "UsrClass.dat")
        local = {"AppData": {"Local": {"Microsoft": {"Windows": classes}}}}
        files = _merged(files, {"Users": {user: _merged(home, local)}})
    config = {"SOFTWARE": software_hive(used)}
    return _merged(files, {"Windows": {"System32": {"config": config}}})


def _make_real(path: Path) -> None:
    volume = path.with_suffix(".volume")
    ntfs_volume(volume, _REAL_SIZE)
    _fill(volume, _hives(_machine(1)))
    gpt_disk(path, [(volume, BASIC_DATA, "Basic data partition")])
    volume.unlink()


def _make_big(path: Path, files: int) -> None:
    model = _machine(3)
    content = _hives(model)
    event_log = (CORPUS / "evtx" / "win10-21h1-System.evtx").read_bytes()
    logs = {f"Microsoft-Windows-Bench-{number}.evtx": event_log for number in range(EVENT_LOGS)}
    config = {"SOFTWARE": large_hive().read_bytes()}
    content = _merged(
        content, {"Windows": {"System32": {"config": config, "winevt": {"Logs": logs}}}}
    )
    volume = path.with_suffix(".volume")
    ntfs_volume(volume, BIG_SIZE - (2 << 20))
    _fill(volume, content)
    gpt_disk(path, [(volume, BASIC_DATA, "Basic data partition")])
    volume.unlink()
    _many(path, files, model)


def _fill(volume: Path, content: dict[str, Any]) -> None:
    device = FileDevice(volume, read_only=False, scratch=True)
    opened = Volume.open(device, read_only=False, name="bench")
    populate(opened, content)
    opened.close()
    device.close()


def _many(path: Path, files: int, model: Machine) -> None:
    """Create many files, whose descriptors name accounts of the machine."""
    source = random.Random(7)
    pool = source.randbytes(1 << 20)
    owners = [
        descriptor(
            f"O:{model.sid}-{1000 + number}G:SYD:(A;;FA;;;{model.sid}-{1000 + number})(A;;FA;;;SY)"
        )
        for number in range(DESCRIPTORS)
    ]
    device = FileDevice(path, read_only=False, scratch=True)
    place = volumes(device)[0]
    part = Slice(device, place.offset, place.size)
    with Volume.open(part, read_only=False, name="bench") as volume:
        volume.make_directory("Data")
        for number in range(files):
            folder, name = divmod(number, _FOLDER)
            if not name:
                volume.make_directory(rf"Data\{folder}")
            start = source.randrange(len(pool) - max(_SIZES))
            data = pool[start : start + _SIZES[number % len(_SIZES)]]
            volume.create(rf"Data\{folder}\{name}.bin", data,
                          descriptor=owners[number % DESCRIPTORS])  # fmt: skip
    device.close()


def _software(model: Machine) -> bytes:
    """Return a hive of 113 MB that has the keys of the machine's SOFTWARE, too."""
    hive = Hive.open(large(428_000, 107_000_000), name="SOFTWARE")
    hive.timestamp = TIMESTAMP
    _copy(Hive.open(software_hive(in_use.used(model, second_volume=False))).root, hive.root)
    return hive.to_bytes()


def _copy(source: Key, target: Key) -> None:
    target.set_all([(one.name, one.type, one.data) for one in source.values()])
    for key in source.subkeys():
        _copy(key, target.create(key.name))


if __name__ == "__main__":
    print(real() if sys.argv[1:] == ["real"] else big(*map(int, sys.argv[2:])))
