"""The record of a change: what a provider changed, and on which evidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TypeAlias

from reseal.mark import Mark
from reseal.regf import Key, types

#: The state before or after a change; None if absent.
State: TypeAlias = dict[str, object] | str | None

#: Binary data is shown up to this number of bytes, with its full length.
_SHOWN_BYTES = 64

#: Values that hold a password in plain text, in lower case (documented: Turn on automatic logon in
#: Windows; AltDefaultPassword: reported).
_SECRET_VALUES = frozenset({"defaultpassword", "altdefaultpassword"})


@dataclass(frozen=True, slots=True)
class Change:
    r"""One change of the image.

    Attributes:
        provider: the provider that made it.
        kind: `set_value`, `create_key`, `delete_value`, `delete_key`, `rename_key`, `replace_sid`,
            `replace_hive`, `write_file`, `delete_file`, `delete_tree`, `rename_file`, `move`,
            `make_directory`, `set_descriptor`, `discard_shadow_copies`, `patch_volume`, `wipe_free`,
            `replay_logs`, `set_boot_element`, `delete_boot_element`.
        target: a registry path, with `\\` before a value's name; a path on the volume; or a boot store
            with object and element.
        before: the state before.
        after: the state after.
        mark: the evidence for the change.
    """

    provider: str
    kind: str
    target: str
    before: State
    after: State
    mark: Mark

    def to_json(self) -> dict[str, object]:
        """The change as plain data."""
        return asdict(self)


def value_state(name: str, kind: int, data: bytes) -> State:
    """Convert a registry value to plain data; the content of a password value is hidden.

    Args:
        name: name of the value.
        kind: its type.
        data: its data as stored.
    """
    if name.casefold() in _SECRET_VALUES:
        return {"type": types.name(kind), "data": "(hidden)"}
    decoded = types.decode(kind, data)
    if isinstance(decoded, bytes):
        shown: object = decoded[:_SHOWN_BYTES].hex()
        if len(decoded) > _SHOWN_BYTES:
            return {"type": types.name(kind), "hex": shown, "length": len(decoded)}
        return {"type": types.name(kind), "hex": shown}
    return {"type": types.name(kind), "data": decoded}


def key_state(key: Key) -> State:
    """Return the numbers of subkeys and values in a key's tree."""
    keys = values = 0
    pending = [key]
    while pending:
        one = pending.pop()
        keys += 1
        values += sum(1 for _ in one.values())
        pending.extend(one.subkeys())
    return {"keys": keys, "values": values}
