"""What providers know to identify a machine, those that do not run included: agents' keys and ids.

Providers look at a copy of the installation. What they would remove is what identifies the machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from reseal.errors import ResealError
from reseal.providers import Provider
from reseal.providers.identities import find, look
from reseal.providers.plugins import every
from reseal.regf import Key
from reseal.session import Change
from reseal.session.change import State
from reseal.tree import join
from reseal.windows import Installation

#: Shorter data, and a smaller number, is equal by chance, or a setting.
_SHORTEST, _SMALLEST = 8, 1000
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
    for one in look(installation, off):
        name = one.provider.id
        option = f"--disable {name}" if one.provider.default else f"--enable {name}"
        first = tuple(one.places[:_MAX_TARGETS])
        found.append(Kept(name, one.provider.title, len(one.places), first, option))
    return found


def identities(installation: Installation) -> list[dict[str, str]]:
    """Return what identifies the machine: provider, target and a digest of what is there."""
    return [
        {"provider": one.provider.id, "target": target, "digest": digest}
        for one in find(installation)
        for change in one.changes
        for target, digest in _digests(installation, change)
    ][:_MAX_ITEMS]


def options(installation: Installation) -> dict[str, str]:
    """What providers would remove: registry path or file in lower case, to the option that does it."""
    removed: dict[str, str] = {}
    for one in look(installation, every()):
        for change in one.changes:
            removed.setdefault(change.target.lower(), one.option)
    return removed


def _digests(installation: Installation, change: Change) -> Iterator[tuple[str, str]]:
    """Yield places and digests of what a change removes."""
    if change.kind in {"delete_value", "set_value"}:
        if change.before is not None and _is_telling(change.before):
            yield change.target, hashlib.sha256(str(change.before).encode()).hexdigest()
    elif change.kind == "delete_key":
        key = installation.registry.key(change.target)
        content = [] if key is None else [f"{path}: {data!r}" for path, data in _content(key)]
        if content:
            text = "\n".join(content[:_MAX_ITEMS])
            yield change.target, hashlib.sha256(text.encode()).hexdigest()
    elif change.kind in {"delete_file", "delete_tree"} or (
        change.kind == "write_file" and change.before is not None
    ):
        for path in _files(installation, change.target):
            try:
                data = installation.volumes.read(path, 0, _MAX_FILE)
            except ResealError:
                continue
            if len(data) >= _SHORTEST:
                yield path, hashlib.sha256(data).hexdigest()


def _is_telling(value: State) -> bool:
    """Whether the data of a value is none that another machine has by chance."""
    data = value.get("data", value.get("hex", "")) if isinstance(value, dict) else value
    return data >= _SMALLEST if isinstance(data, int) else len(str(data)) >= _SHORTEST


def _content(key: Key, path: str = "", depth: int = 4) -> Iterator[tuple[str, bytes]]:
    """Yield the values below a key, in an order of their own."""
    for value in sorted(key.values(), key=lambda one: one.name):
        yield rf"{path}\{value.name}", value.data
    for subkey in sorted(key.subkeys(), key=lambda one: one.name) if depth else ():
        yield from _content(subkey, rf"{path}\{subkey.name}", depth - 1)


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
