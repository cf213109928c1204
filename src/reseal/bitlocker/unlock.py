"""Derive the sector key from a user's key.

A protector holds the volume's master key, wrapped with AES-CCM. The master key wraps the sector key in
the same way. Passwords and recovery keys are stretched first by 2^20 rounds of SHA-256. Sources:
documented by libbde; Kornblum, "Implementing BitLocker Drive Encryption for Forensic Analysis" (2009).
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

from Cryptodome.Cipher import AES

from reseal.bitlocker.entries import Entry, Type
from reseal.bitlocker.errors import LockedError, MetadataError
from reseal.bitlocker.metadata import CLEAR, PASSWORD, RECOVERY, STARTUP_KEY, Metadata, Protector
from reseal.sandbox import heartbeat, hide_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reseal.bitlocker.keys import Key

#: The kind of protector that takes each kind of key.
_TAKES = {"recovery": RECOVERY, "password": PASSWORD, "bek": STARTUP_KEY}
_ROUNDS = 1 << 20
#: Trying a protector takes about a second; Windows itself allows fewer of a kind.
_MOST_TRIED = 32

_NONCE, _MAC = 12, 16
_KEY_HEAD = struct.Struct("<HHHHHH")  # size, role, type, version, method, flags


def volume_key(
    copies: tuple[Metadata, ...], keys: Iterable[Key], name: str
) -> tuple[Metadata, bytes]:
    """Unlock a volume with its clear key, or with the first key that fits.

    Args:
        copies: the valid copies of its metadata.
        keys: the user's keys.
        name: the volume's name in messages.

    Returns:
        The first copy whose seal is intact, and the sector key.

    Raises:
        LockedError: no key fits, or none was given and the volume has no clear key.
        MetadataError: a key fits, but the data that it opens is damaged in every copy.
    """
    hide_memory()
    keys = tuple(keys)
    opened = False
    stopped: dict[str, None] = {}  # the keys that were not tried on all protectors, in order
    stretched: dict[bytes, bytes] = {}  # stretch once for all copies of a protector
    for copy in copies:
        for master in _master_keys(copy, keys, stretched, stopped):
            opened = True
            key = _sector_key(copy, master)
            if key is not None:
                return copy, key
    if opened:
        raise MetadataError(
            f"A key opens {name}, but the BitLocker metadata that it protects is damaged in every copy. "
            "Nothing was changed.",
            "Repair the volume with repair-bde in Windows, with this key.",
        )
    if stopped:
        raise LockedError(
            f"{name} is encrypted with BitLocker, and {', '.join(stopped)} fits none of the first "
            f"{_MOST_TRIED} protectors of its kind; reseal tries no more. Nothing was changed.",
            "Give another kind of key.",
        )
    raise _locked(copies[0], keys, name)


def _master_keys(
    copy: Metadata,
    keys: tuple[Key, ...],
    stretched: dict[bytes, bytes],
    stopped: dict[str, None],
) -> Iterator[bytes]:
    """Yield the master key from each protector that these keys open; add to `stopped`."""
    for one in copy.protectors:
        if one.kind == CLEAR:
            clear = _find(one, Type.KEY)
            if clear and (master := _from(one, clear.key)):
                yield master
    for key in keys:
        tried = 0
        for one in copy.protectors:
            if one.kind != _TAKES[key.kind] or key.id not in {None, one.id}:
                continue
            tried += 1
            if tried > _MOST_TRIED:
                stopped[key.source] = None
                break
            wrapping = key.secret if key.kind == "bek" else _stretch(one, key.secret, stretched)
            if wrapping and (master := _from(one, wrapping)):
                yield master


def _find(protector: Protector, kind: Type) -> Entry | None:
    """Return the first entry of a type in a protector; None also if the protector is damaged."""
    try:
        return protector.entry.find(kind)
    except MetadataError:
        return None


def _stretch(protector: Protector, secret: bytes, stretched: dict[bytes, bytes]) -> bytes | None:
    """Derive a key from a hash, slowly on purpose."""
    entry = _find(protector, Type.STRETCH_KEY)
    if entry is None or len(entry.salt) != 16:
        return None
    constant = secret + entry.salt
    if constant not in stretched:
        heartbeat()
        sha256, last = hashlib.sha256, bytes(32)
        for number in range(_ROUNDS):
            last = sha256(last + constant + number.to_bytes(8, "little")).digest()
        stretched[constant] = last
    return stretched[constant]


def _from(protector: Protector, wrapping: bytes) -> bytes | None:
    """Return the master key in a protector; None if the key doesn't fit."""
    wrapped = _find(protector, Type.WRAPPED_KEY)
    inside = _unwrap(wrapped, wrapping) if wrapped else None
    return inside[_KEY_HEAD.size :] if inside and len(inside) == _KEY_HEAD.size + 32 else None


def _sector_key(copy: Metadata, master: bytes) -> bytes | None:
    """Return the sector key; None if this copy of the metadata was changed."""
    if copy.seal:
        sealed = _unwrap(copy.seal, master)
        if sealed is None or sealed[-32:] != hashlib.sha256(copy.block).digest():
            return None
    inside = _unwrap(copy.volume_key, master) if copy.volume_key else None
    return inside[_KEY_HEAD.size :] if inside and len(inside) > _KEY_HEAD.size else None


def _unwrap(wrapped: Entry, key: bytes) -> bytes | None:
    """Decrypt and authenticate an entry with AES-CCM; None if the key doesn't fit."""
    nonce, mac = wrapped.data[:_NONCE], wrapped.data[_NONCE : _NONCE + _MAC]
    coded = wrapped.data[_NONCE + _MAC :]
    if len(key) != 32 or len(mac) != _MAC or not coded:
        return None
    try:
        return AES.new(key, AES.MODE_CCM, nonce=nonce, mac_len=_MAC).decrypt_and_verify(coded, mac)
    except ValueError:
        return None


def _locked(copy: Metadata, keys: tuple[Key, ...], name: str) -> LockedError:
    kinds = {one.kind for one in copy.protectors}
    usable = [option for option, kind in _TAKES.items() if kind in kinds]
    given = ", ".join(one.source for one in keys)
    tried = f"{given} doesn't open it" if keys else "no key was given"
    offers = f"it can be opened with: {copy.offers}" if copy.protectors else "it has no protector"
    msg = f"{name} is encrypted with BitLocker, and {tried}; {offers}. Nothing was changed."
    if usable:
        return LockedError(msg, f"Give {_either(f'--key {one}:FILE' for one in usable)}.")
    if not kinds:
        return LockedError(msg, "Copy the image again from its source.")
    return LockedError(
        msg,
        "reseal can't use these. Add a recovery key in Windows (manage-bde -protectors -add C: "
        "-recoverypassword), or turn BitLocker off there (manage-bde -off C:).",
    )


def _either(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
