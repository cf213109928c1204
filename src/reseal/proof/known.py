"""What providers know to identify a machine, those that do not run included: agents' keys and ids.

Each provider is run on a session whose changes are thrown away. What it would remove is what identifies the
machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from reseal.errors import ResealError
from reseal.providers import Provider
from reseal.providers.plugins import every
from reseal.session import Change, Session
from reseal.tree import join
from reseal.windows import Installation

#: Shorter data is equal by chance, or a setting.
_SHORTEST = 8
_MAX_FILE = 1 << 20
_MAX_ITEMS = 2000
#: Targets that are listed for each provider.
_MAX_TARGETS = 20


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays in an image because a provider does not run.

    Attributes:
        provider: its id.
        title: what it would do.
        places: how many places it would change.
        targets: the first of them.
        option: the option of generalize with which it runs.
    """

    provider: str
    title: str
    places: int
    targets: tuple[str, ...]
    option: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """What stays, and how it is removed."""
        more = f" and {self.places - 1} more" if self.places > 1 else ""
        how = (
            f"{self.option} removes it"
            if self.option.startswith("--enable")
            else f"without {self.option} it is removed"
        )
        return (
            f"The provider {self.provider} is off, so what identifies this machine stays in "
            f"{self.targets[0]}{more}; {how}."
        )


def kept(installation: Installation, chosen: Collection[Provider] | None = None) -> list[Kept]:
    """Return what providers that don't run would change.

    Args:
        installation: the Windows, which stays as it is.
        chosen: the providers that run; None for those that run by default.
    """
    off = [one for one in every() if not (one.default if chosen is None else one in chosen)]
    found = []
    for one, changes in look(installation, off):
        targets = list(dict.fromkeys(change.target for change in changes))
        if targets:
            option = f"--disable {one.id}" if one.default else f"--enable {one.id}"
            first = tuple(targets[:_MAX_TARGETS])
            found.append(Kept(one.id, one.title, len(targets), first, option))
    return found


def look(
    installation: Installation, providers: Iterable[Provider]
) -> Iterator[tuple[Provider, list[Change]]]:
    """Yield what each of some providers would change; nothing is changed."""
    copy = installation.copy()
    for one in providers:
        session = Session(copy)
        try:
            one(session)
        except ResealError:
            continue  # what can't be read can't be removed either
        yield one, session.changes


def identities(installation: Installation) -> list[dict[str, str]]:
    """Return what providers that are off would remove: provider, target and a digest of what is there."""
    off = [one for one in every() if not one.default]
    return [
        {"provider": one.id, "target": target, "digest": digest}
        for one, changes in look(installation, off)
        for change in changes
        for target, digest in _digests(installation, change)
    ][:_MAX_ITEMS]


def options(installation: Installation) -> dict[str, str]:
    """What providers would remove: registry path or file in lower case, to the option that does it."""
    removed: dict[str, str] = {}
    for one, changes in look(installation, every()):
        option = "generalize" if one.default else f"generalize --enable {one.id}"
        for change in changes:
            removed.setdefault(change.target.lower(), option)
    return removed


def _digests(installation: Installation, change: Change) -> Iterator[tuple[str, str]]:
    """Yield places and digests of what a change removes."""
    if change.kind == "delete_value" and isinstance(change.before, dict):
        text = str(change.before)
        if len(text) >= _SHORTEST:
            yield change.target, hashlib.sha256(text.encode()).hexdigest()
    elif change.kind in {"delete_file", "delete_tree"}:
        for path in _files(installation, change.target):
            try:
                data = installation.volumes.read(path, 0, _MAX_FILE)
            except ResealError:
                continue
            if len(data) >= _SHORTEST:
                yield path, hashlib.sha256(data).hexdigest()


def _files(installation: Installation, path: str) -> Iterator[str]:
    """Yield a file, or the first files below a folder; links are left out."""
    pending, count = [path], 0
    while pending and count < _MAX_ITEMS:
        current = pending.pop()
        try:
            stat = installation.volumes.stat(current)
            if stat is None or stat.reparse_tag:
                continue
            if stat.is_directory:
                pending += [join(current, one.name) for one in installation.volumes.list(current)]
            else:
                yield current
        except ResealError:
            continue
        count += 1
