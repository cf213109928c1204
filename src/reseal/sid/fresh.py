r"""Whether the machine SID of a generalized image is one that reseal drew, and no machine's yet.

`SOFTWARE\reseal` `SidDigest` holds the SHA-256 of the SID and of `CloneTag`, the time at which the image was
generalized. A digest says it without another copy of the SID. It no longer fits when setupcl.exe has drawn
another SID, or when the image was booted and generalized again: then the SID is that of a machine.
"""

from __future__ import annotations

import hashlib

from reseal.mark import Mark
from reseal.regf import types
from reseal.session import Session
from reseal.windows import Registry, Sid, identity, setup

VALUE = "SidDigest"
_CLONE_TAG = "CloneTag"


def is_fresh(registry: Registry) -> bool:
    """Whether the machine SID is the one that reseal drew when it generalized this image."""
    sid = identity.machine_sid(registry)
    tag = registry.value(setup.SETUP, _CLONE_TAG)
    if sid is None or not tag:
        return False
    return registry.value(setup.MODE_MARK, VALUE) == _digest(sid, tag)


def mark_fresh(session: Session, sid: Sid) -> None:
    """Stage that reseal drew this SID for the image that it generalizes."""
    tag = session.registry.value(setup.SETUP, _CLONE_TAG)
    with session.acting("sid", Mark.INFERRED):
        session.set_value(setup.MODE_MARK, VALUE, types.REG_BINARY, _digest(sid, tag))


def _digest(sid: Sid, tag: object) -> bytes:
    return hashlib.sha256(f"{sid} {tag}".encode()).digest()
