"""Block devices for tests: files behind loop devices, which need root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

#: Why the tests that need loop devices are skipped.
MISSING = "root, losetup and loop devices are needed"


def available() -> bool:
    """Whether this system can attach loop devices."""
    return (
        os.geteuid() == 0
        and Path("/dev/loop-control").exists()
        and shutil.which("losetup") is not None
    )


def needed(function: object) -> object:
    """Mark a test that needs loop devices."""
    skipped = pytest.mark.skipif(not available(), reason=MISSING)
    return pytest.mark.root(skipped(function))


def attach(file: Path, sector: int = 512) -> Path:
    """Attach a file to a loop device, and return the device."""
    command = ["losetup", "--find", "--show", "--sector-size", str(sector), str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Path(done.stdout.strip())


def detach(device: Path) -> None:
    """Detach a loop device, as soon as nothing has it open."""
    subprocess.run(["losetup", "--detach", device], check=True)


@contextmanager
def attached(file: Path, sector: int = 512) -> Iterator[Path]:
    """Attach a file to a loop device while the context lasts."""
    device = attach(file, sector)
    try:
        yield device
    finally:
        detach(device)
