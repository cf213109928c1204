"""What providers that do not run by default know to identify a machine: agents' keys and ids.

Each provider is run on a session whose changes are thrown away. What it would delete is what identifies the
machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from reseal.errors import ResealError
from reseal.providers.plugins import every
from reseal.session import Change, Session
from reseal.windows import Installation

#: Shorter data is equal by chance, or a setting.
_SHORTEST = 8
_MAX_FILE = 1 << 20
_MAX_ITEMS = 2000


def identities(installation: Installation) -> list[dict[str, str]]:
    """Return what providers would remove: provider, target and a digest of what is there.

    Providers stage their changes in memory, where the hives of this installation are changed; nothing is
    written.
    """
    found: list[dict[str, str]] = []
    for one in every():
        if one.default:
            continue
        session = Session(installation)
        try:
            one(session)
        except ResealError:
            continue  # what can't be read can't be compared
        for change in session.changes:
            found += [
                {"provider": one.id, "target": change.target, "digest": digest}
                for digest in _digests(installation, change)
            ]
    return found[:_MAX_ITEMS]


def _digests(installation: Installation, change: Change) -> Iterator[str]:
    if change.kind == "delete_value" and isinstance(change.before, dict):
        text = str(change.before)
        if len(text) >= _SHORTEST:
            yield hashlib.sha256(text.encode()).hexdigest()
    elif change.kind == "delete_file":
        try:
            data = installation.tree.read(change.target, 0, _MAX_FILE)
        except ResealError:
            return
        if len(data) >= _SHORTEST:
            yield hashlib.sha256(data).hexdigest()
