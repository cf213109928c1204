"""Reading a BitLocker volume, compared with reading the same bytes unencrypted and with openssl speed.

The content is random, which does not affect decryption time. All times are CPU times, to exclude the disk
and other programs.
"""

from __future__ import annotations

import random
import resource
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import UUID

from reseal.bitlocker.ciphers import cipher
from reseal.bitlocker.conversion import UpTo
from reseal.bitlocker.header import Header
from reseal.bitlocker.metadata import METHODS, Metadata
from reseal.bitlocker.volume import OpenVolume
from reseal.disk import FileDevice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.disk import Device

SIZE = 256 << 20
#: Bytes per read, as in the cache below the file system.
READ = 256 << 10
_MEBIBYTE = 1 << 20
#: openssl's names of the ciphers; it does not have the diffuser.
_OPENSSL = {
    0x8002: "aes-128-cbc",
    0x8003: "aes-256-cbc",
    0x8004: "aes-128-xts",
    0x8005: "aes-256-xts",
}


def measure() -> Iterator[str]:
    """Yield the lines of the measurement."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "volume.raw"
        chance = random.Random(5)
        with file.open("wb") as target:
            for _ in range(SIZE // _MEBIBYTE):
                target.write(chance.randbytes(_MEBIBYTE))
        device = FileDevice(file)
        _read(device)  # warm the host's cache for all
        plain = _read(device)
        for method in (0x8004, 0x8005, 0x8002, 0x8003, 0x8000):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            seconds = _read(_opened(device, method))
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            yield f"{SIZE >> 20} MiB of a volume with {METHODS[method][0]}, {READ >> 10} KiB a read"
            remark = f"{_rate(seconds)}, {grown >> 10} MiB more memory"
            yield f"  reseal, decrypted                  {seconds:.3f} s  {remark}"
            yield f"  the same bytes plain (floor)       {plain:.3f} s  {_rate(plain)}"
            if method in _OPENSSL:
                peer = _openssl(_OPENSSL[method])
                yield f"  openssl speed, 512 bytes (peer)    {peer:.3f} s  {_rate(peer)}"


def _opened(device: Device, method: int) -> OpenVolume:
    """Open a device as an encrypted volume."""
    unit = 16 << 20
    metadata = Metadata(
        id=UUID(int=0),
        description="",
        created=None,
        method=method,
        state=4,
        next_state=4,
        watermark=SIZE,
        log_size=0,
        virtual=(unit, 8192),
        copies=(2 * unit, 3 * unit, 4 * unit),
        damaged_copies=0,
        protectors=(),
        volume_key=None,
        seal=None,
        block=b"",
    )
    key = random.Random(method).randbytes(METHODS[method][1])
    header = Header(512, metadata.copies, (), to_go=False)
    return OpenVolume(device, header, metadata, cipher(method, key, 512), UpTo(SIZE))


def _read(device: Device) -> float:
    start = time.process_time()
    for offset in range(0, SIZE, READ):
        device.read(offset, READ)
    return time.process_time() - start


def _rate(seconds: float) -> str:
    return f"{SIZE / _MEBIBYTE / seconds:.0f} MiB/s"


def _openssl(name: str) -> float:
    """Return the time in seconds that openssl needs for the same bytes, one sector at a time."""
    command = [
        "openssl",
        "speed",
        "-mr",
        "-seconds",
        "1",
        "-bytes",
        "512",
        "-evp",
        name,
        "-decrypt",
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # The last line is +F, number, name, and bytes a second.
    return SIZE / float(done.stdout.strip().splitlines()[-1].split(":")[-1])
