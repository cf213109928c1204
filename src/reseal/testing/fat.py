"""Build FAT volumes for tests and samples from plain Python data, with dosfstools and mtools."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from reseal.errors import EngineError

#: Content by name: bytes for a file, a mapping for a folder.
FatTree: TypeAlias = "Mapping[str, bytes | FatTree]"


def fat_volume(
    path: Path,
    size: int,
    tree: FatTree,
    *,
    bits: int = 32,
    cluster_sectors: int = 1,
    sector_size: int = 512,
) -> Path:
    """Create a FAT volume with files.

    Args:
        path: the file to create or replace.
        size: bytes of the volume.
        tree: its content.
        bits: 12, 16 or 32.
        cluster_sectors: sectors per cluster.
        sector_size: bytes of a sector.

    Raises:
        EngineError: mkfs.vfat or mtools is missing or fails.
    """
    with path.open("wb") as file:
        file.truncate(size)
    _run(
        "mkfs.vfat", "--invariant", "-F", str(bits), "-s", str(cluster_sectors),
        "-S", str(sector_size), "-n", "SYSTEM", str(path),
    )  # fmt: skip
    with TemporaryDirectory() as folder:
        _spread(Path(folder), tree)
        for entry in sorted(Path(folder).iterdir()):
            _run("mcopy", "-s", "-i", str(path), str(entry), "::/")
    return path


def _spread(folder: Path, tree: FatTree) -> None:
    for name, content in tree.items():
        if isinstance(content, Mapping):
            (folder / name).mkdir()
            _spread(folder / name, content)
        else:
            (folder / name).write_bytes(content)


def _run(*command: str) -> None:
    environment = os.environ | {"MTOOLS_SKIP_CHECK": "1", "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    except FileNotFoundError as error:
        msg = f"{command[0]} is not installed."
        raise EngineError(msg, hint="Install it: apt install dosfstools mtools.") from error
    except subprocess.CalledProcessError as error:
        msg = f"{command[0]} failed: {error.stderr.strip()}"
        raise EngineError(msg) from error
