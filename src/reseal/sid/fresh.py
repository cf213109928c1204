r"""Whether the machine SID of an image is one that reseal drew, and no machine's yet.

`SOFTWARE\reseal` `SidDigest` holds the SHA-256 of the SID as text. A digest says it without another copy
of the SID, and no longer fits when setupcl.exe has drawn another one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.regf import types
from reseal.windows import identity
from reseal.windows.setup import MODE_MARK

if TYPE_CHECKING:
    from reseal.session import Session
    from reseal.windows import Registry, Sid

VALUE = "SidDigest"


def is_fresh(registry: Registry) -> bool:
    """Whether the machine SID is the one that reseal drew for this image."""
    sid = identity.machine_sid(registry)
    return sid is not None and registry.value(MODE_MARK, VALUE) == _digest(sid)


def mark_fresh(session: Session, sid: Sid) -> None:
    """Stage that this SID was drawn by reseal."""
    with session.acting("sid", Mark.INFERRED):
        session.set_value(MODE_MARK, VALUE, types.REG_BINARY, _digest(sid))


def _digest(sid: Sid) -> bytes:
    return hashlib.sha256(str(sid).encode()).digest()
