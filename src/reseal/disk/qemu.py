"""How a disk is described to QEMU: every file with its driver, nothing left to guess."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from reseal.disk.block import is_block

# What QEMU says when another process has the image open (block/file-posix.c).
_LOCKED = re.compile(r'Failed to get (shared )?"[a-z ]+" lock')


def file_node(path: Path) -> dict[str, Any]:
    """Describe a plain file or a block device, whose name is then never taken for anything else."""
    driver = "host_device" if is_block(path) else "file"
    return {"driver": driver, "filename": str(path), "discard": "unmap"}


def json_name(blockdev: dict[str, Any]) -> str:
    """Describe a disk to QEMU's tools, which take JSON where a file name is expected."""
    return "json:" + json.dumps(blockdev)


def is_lock_failure(message: str) -> bool:
    """Tell whether a message of QEMU's says that another process uses the image."""
    return _LOCKED.search(message) is not None
