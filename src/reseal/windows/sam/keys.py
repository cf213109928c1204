r"""The keys that SAM encrypts passwords with.

| what | how | mark, source |
|---|---|---|
| boot key (SYSKEY) | class names of `Control\Lsa\{JD, Skew1, GBG, Data}`, eight hexadecimal digits each, joined and shuffled | reported: Dolan-Gavitt, "SysKey and the SAM"; impacket |
| password key, RC4 form (until Windows 10 1511) | `SAM\Domains\Account!F` at 104: 1, size, salt (16 bytes), key (16) and checksum (16) under RC4 with the MD5 of the salt and the boot key | reported: the same; seen: a real hive of 8.1 |
| password key, AES form (Windows 10 1607 and later) | at 104: 2, size, size of checksum and data, salt, data: AES-128-CBC under the boot key, with PKCS #7 padding | reported: impacket, mimikatz; seen: a real hive of 21H1 |
| NT hash | MD4 of the password in UTF-16LE | documented: [MS-NLMP] 3.3.1 |
| its first layer | DES with two keys derived from the RID | documented: [MS-SAMR] 2.2.11.1.1 to 2.2.11.1.3 |
| its second layer, RC4 form | key number, 1, RC4 with the MD5 of password key, RID and a constant | reported: the same; seen |
| its second layer, AES form | key number, 2, offset of the data (16), salt, AES-128-CBC with PKCS #7 padding | reported: impacket, mimikatz; seen |

The checksum after the key in the AES form is unknown and ignored. The padding shows whether the boot key
was right.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from Cryptodome.Cipher import AES, ARC4, DES
from Cryptodome.Hash import MD4

from reseal.windows.registry import Registry
from reseal.windows.sam.errors import SamError

LSA = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa"
_PARTS = ("JD", "Skew1", "GBG", "Data")
_SHUFFLE = (8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14, 10, 15, 7)

_KEY_OFFSET = 104
_RC4, _AES = 1, 2
_SIZE = 16
#: Constants of the RC4 form (reported).
_DIGITS = b"0123456789012345678901234567890123456789\0"
_QWERTY = b"!@#$%^&*()qwertyUIOPAzxcvbnmQQQQQQQQQQQQ)(*@&%\0"
_NT = b"NTPASSWORD\0"


def boot_key(registry: Registry) -> bytes:
    """Return the boot key, which is stored in four class names of the SYSTEM hive.

    Raises:
        SamError: the boot key is missing or damaged.
    """
    digits = ""
    for name in _PARTS:
        key = registry.key(rf"{LSA}\{name}")
        digits += (key.class_name or "")[:8] if key else ""
    try:
        joined = bytes.fromhex(digits)
    except ValueError:
        joined = b""
    if len(joined) != _SIZE:
        msg = rf"The SYSTEM hive has no boot key in {LSA}, which is needed to store a password."
        raise SamError(msg, "Restore the SYSTEM hive from a backup; nothing was changed.")
    return bytes(joined[place] for place in _SHUFFLE)


def nt_hash(password: str) -> bytes:
    """Return the NT hash of a password."""
    return MD4.new(password.encode("utf-16-le", "surrogatepass")).digest()  # noqa: S303  what Windows stores


@dataclass(frozen=True, slots=True)
class PasswordKey:
    """The key of one account domain.

    Attributes:
        aes: whether hashes are stored in the AES form, rather than the RC4 form.
        key: the key, which is never shown.
    """

    aes: bool
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, domain: bytes, boot: bytes) -> PasswordKey:
        """Decrypt the key in the value F of the account domain.

        Args:
            domain: the value F.
            boot: the boot key.

        Raises:
            SamError: the value is damaged, or the boot key is wrong.
        """
        if len(domain) < _KEY_OFFSET + 8:
            msg = r"The value F of SAM\Domains\Account has no key."
            raise SamError(msg, "Restore the SAM hive from a backup; nothing was changed.")
        form, size = struct.unpack_from("<II", domain, _KEY_OFFSET)
        record = domain[_KEY_OFFSET : _KEY_OFFSET + size]
        key = None
        if form == _RC4 and len(record) >= 56:
            key = _open_rc4(record, boot)
        elif form == _AES and len(record) >= 32:
            key = _open_aes(record, boot)
        if key is None:
            msg = "The boot key of the SYSTEM hive does not decrypt the SAM hive."
            raise SamError(
                msg,
                "Use hives of the same machine, without a startup password or startup floppy disk "
                "(syskey); nothing was changed.",
            )
        return cls(form == _AES, key)

    def stored(self, number: int, rid: int, password: str, random: Callable[[int], bytes]) -> bytes:
        """Return the stored entry of a password's NT hash for an account's record.

        Args:
            number: the key number in entries of this domain.
            rid: RID of the account.
            password: the password in plain text.
            random: returns the given number of random bytes.
        """
        inner = _under_rid(nt_hash(password), rid)
        if self.aes:
            salt = random(_SIZE)
            data = AES.new(self.key, AES.MODE_CBC, salt).encrypt(inner + bytes([_SIZE]) * _SIZE)
            return struct.pack("<HHI", number, _AES, _SIZE) + salt + data
        key = _md5(self.key, struct.pack("<I", rid), _NT)
        return struct.pack("<HH", number, _RC4) + ARC4.new(key).encrypt(inner)

    def none(self, number: int, random: Callable[[int], bytes]) -> bytes:
        """Return the stored entry of an absent hash. Arguments as for `stored`."""
        if self.aes:
            return struct.pack("<HHI", number, _AES, 0) + random(_SIZE)
        return struct.pack("<HH", number, _RC4)


def _open_rc4(record: bytes, boot: bytes) -> bytes | None:
    salt, sealed = record[8:24], record[24:56]
    opened = ARC4.new(_md5(salt, _QWERTY, boot, _DIGITS)).decrypt(sealed)
    key, checksum = opened[:_SIZE], opened[_SIZE:]
    return key if hmac.compare_digest(checksum, _md5(key, _DIGITS, key, _QWERTY)) else None


def _open_aes(record: bytes, boot: bytes) -> bytes | None:
    (length,) = struct.unpack_from("<I", record, 12)
    salt, sealed = record[16:32], record[32 : 32 + length]
    if length != 2 * _SIZE or len(sealed) != length:
        return None
    opened = AES.new(boot, AES.MODE_CBC, salt).decrypt(sealed)
    return opened[:_SIZE] if opened[_SIZE:] == bytes([_SIZE]) * _SIZE else None


def _md5(*parts: bytes) -> bytes:
    return hashlib.md5(b"".join(parts), usedforsecurity=False).digest()


def _under_rid(data: bytes, rid: int) -> bytes:
    """Encrypt 16 bytes under the two DES keys of a RID."""
    four = struct.pack("<I", rid)
    halves = (four * 2)[:7], (four[3:] + four * 2)[:7]
    return b"".join(
        DES.new(_spread(half), DES.MODE_ECB).encrypt(data[at : at + 8])  # noqa: S304  as Windows
        for half, at in zip(halves, (0, 8), strict=True)
    )


def _spread(seven: bytes) -> bytes:
    """Spread 56 bits over 8 bytes; the lowest bit of each is parity, which DES ignores."""
    number = int.from_bytes(seven, "big")
    return bytes((number >> shift & 0x7F) << 1 for shift in range(49, -1, -7))
