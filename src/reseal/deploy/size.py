"""The size of a disk, as typed by a user."""

from __future__ import annotations

import re

from reseal.errors import UsageError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"([0-9]{1,20})([KMGT]?)(?:I?B)?", re.IGNORECASE)
_ALIGNMENT = 1 << 20
#: The largest size of a VHDX, and so of a Hyper-V disk (documented: 64 TB).
_LARGEST = 64 << 40


def parse_size(text: str) -> int:
    """Return the bytes of `64G`, `512M` or `68719476736`, rounded down to 1 MiB.

    Raises:
        UsageError: it is not a size, or not a possible size of a disk.
    """
    found = _SIZE.fullmatch(text.strip())
    size = int(found[1]) * _UNITS[found[2].upper()] if found else 0
    if not _ALIGNMENT <= size <= _LARGEST:
        msg = f"{text!a} is not a valid disk size."
        raise UsageError(msg, "Write for example 64G, 65536M or 68719476736; 64T is the maximum.")
    return size // _ALIGNMENT * _ALIGNMENT
