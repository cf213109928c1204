"""`reseal sid --new` on volumes that differ only in the number of files, and a change file by file.

All files share a few descriptors that contain the machine SID. The change file by file uses libntfs-3g in one
process: open the file, read its descriptor, write the new one. A program on a mounted volume would do the
same, with the additional cost of the mount.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reseal.disk.device import FileDevice, Slice
from reseal.disk.partitions import volumes
from reseal.ntfs import Volume
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.ntfs.sddl import descriptor

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW, MANY = 10_000, 200_000
RUNS = 5
_FOLDER = 1000
_SIZE = 512 << 20


def measure(few: int = FEW, many: int = MANY) -> Iterator[str]:
    """Yield the lines of the table."""
    machine = Machine()
    shared = [
        descriptor(f"O:{machine.sid}-1001G:SYD:(A;;FA;;;{machine.sid}-{rid})(A;;FA;;;SY)")
        for rid in (500, 1001, 1002)
    ]
    with TemporaryDirectory() as folder:
        small, large = Path(folder) / "few.raw", Path(folder) / "many.raw"
        windows(small, machine, size=_SIZE)
        _fill(small, range(few), shared)
        shutil.copyfile(small, large)
        _fill(large, range(few, many), shared)
        taken: dict[Path, list[float]] = {small: [], large: []}
        for _ in range(RUNS):
            for image, times in taken.items():
                times.append(_sid(image))
        alone = {image: _file_by_file(image, str(machine.sid)) for image in (small, large)}
    yield f"sid --new, sample image, {RUNS} runs each in turns, whole processes"
    medians = {image: statistics.median(times) for image, times in taken.items()}
    for image, count in ((small, few), (large, many)):
        yield f"  {count:>7} files            {medians[image]:7.3f} s"
    yield f"  ratio                    {medians[large] / medians[small]:7.2f}"
    for image, (count, seconds) in alone.items():
        yield (
            f"  file by file, {count:>7}    {seconds:7.3f} s, descriptors alone; "
            f"{seconds / medians[image]:.0f} times as long"
        )


def _fill(image: Path, numbers: range, shared: list[bytes]) -> None:
    device = FileDevice(image, read_only=False)
    with _volume(device) as volume:
        for number in numbers:
            folder, name = divmod(number, _FOLDER)
            if not name:
                volume.make_directory(f"files {folder}")
            path = f"files {folder}\\{name}"
            volume.create(path, b"", descriptor=shared[number % len(shared)])
    device.close()


def _volume(device: FileDevice) -> Volume:
    place = volumes(device)[0]
    return Volume.open(Slice(device, place.offset, place.size), read_only=False, name="sample")


def _sid(image: Path) -> float:
    """Change the SID in a thin overlay over an image; return the time in seconds."""
    reseal = str(Path(sys.executable).with_name("reseal"))
    over = image.with_suffix(".qcow2")
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", image.name, "-F", "raw", over], check=True
    )
    start = time.perf_counter()
    subprocess.run(
        [reseal, "sid", str(over), "--new", "--yes", "--quiet"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    taken = time.perf_counter() - start
    over.unlink()
    return taken


def _file_by_file(image: Path, sid: str) -> tuple[int, float]:
    """Change the descriptor of each file; return the number of files and the time in seconds."""
    numbers = [int(part) for part in sid.split("-")[4:]]
    old = b"".join(number.to_bytes(4, "little") for number in numbers)
    new = old[:-4] + (numbers[-1] ^ 1).to_bytes(4, "little")
    device = FileDevice(image, read_only=False)
    count = 0
    start = time.perf_counter()
    with _volume(device) as volume:
        for folder in volume.list(""):
            if not folder.name.startswith("files "):
                continue
            for entry in volume.list(folder.name):
                path = f"{folder.name}\\{entry.name}"
                volume.set_descriptor(path, volume.descriptor(path).replace(old, new))
                count += 1
    taken = time.perf_counter() - start
    device.close()
    return count, taken


if __name__ == "__main__":
    for line in measure(*map(int, sys.argv[1:])):
        print(line)
