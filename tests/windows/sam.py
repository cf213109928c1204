"""Real SAM hives under a boot key of the tests' own, and impacket as their reader.

The corpus holds no SYSTEM hive that belongs to one of its SAM hives, so nobody has the boot keys of
those machines. A boot key is therefore put into a built SYSTEM hive, and the domain's password key, in the
form that the real hive has (RC4 or AES), is sealed anew under it; all else in SAM stays as Windows wrote
it. The hashes of the machine's own accounts thereby become garbage; those that reseal stores do not.
The sealing here is done with impacket's own primitives, not with reseal's.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from Cryptodome.Cipher import AES, ARC4

from reseal.regf import Hive, types
from reseal.session import Session
from reseal.testing.machine import Machine, system_hive, tree
from reseal.testing.memory import MemoryTree
from reseal.windows import Installation
from tests.builders import CLEAN

BOOT_KEY = bytes(range(16, 32))
PASSWORD_KEY = bytes(range(100, 116))
MACHINES = {"win81-domain-joined": 1, "win10-21h1": 2}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

_SHUFFLE = [8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14, 10, 15, 7]
_SALT = bytes(range(200, 216))
_QWERTY = b"!@#$%^&*()qwertyUIOPAzxcvbnmQQQQQQQQQQQQ)(*@&%\0"
_DIGITS = b"0123456789012345678901234567890123456789\0"


def system(machine: Machine | None = None, boot_key: bytes = BOOT_KEY) -> bytes:
    """The SYSTEM hive of a sample, with a boot key in the class names of Lsa."""
    hive = Hive.open(system_hive(machine or Machine()))
    scattered = bytearray(16)
    for place, byte in zip(_SHUFFLE, boot_key, strict=True):
        scattered[place] = byte
    for index, name in enumerate(("JD", "Skew1", "GBG", "Data")):
        key = hive.root.create(rf"ControlSet001\Control\Lsa\{name}")
        key.set_class_name(scattered[4 * index : 4 * index + 4].hex())
    return hive.to_bytes()


def sealed(domain: bytes) -> bytes:
    """The value F of a domain, with the password key sealed under the boot key, in the same form."""
    form = domain[104]
    if form == 1:
        key = hashlib.md5(_SALT + _QWERTY + BOOT_KEY + _DIGITS).digest()
        check = hashlib.md5(PASSWORD_KEY + _DIGITS + PASSWORD_KEY + _QWERTY).digest()
        record = struct.pack("<II", 1, 56) + _SALT
        record += ARC4.new(key).encrypt(PASSWORD_KEY + check) + bytes(8)
    else:
        data = AES.new(BOOT_KEY, AES.MODE_CBC, _SALT).encrypt(PASSWORD_KEY + b"\x10" * 16)
        record = struct.pack("<IIII", 2, 112, 48, 32) + _SALT + data + bytes(48)
    return domain[:104] + record + domain[104 + len(record) :]


def sam(corpus: Path, machine: str) -> bytes:
    """A real SAM hive, its logs replayed, under the tests' boot key."""
    folder = corpus / "machines" / machine
    logs = {
        path.suffix[1:]: path.read_bytes()
        for path in folder.glob("SAM.LOG*")
        if path.stat().st_size
    }
    hive = Hive.open((folder / "SAM").read_bytes(), logs)
    account = hive.key(r"SAM\Domains\Account")
    assert account
    value = account.value("F")
    assert value
    assert value.data[104] == MACHINES[machine]
    account.set("F", types.REG_BINARY, sealed(value.data))
    return hive.to_bytes()


def config(corpus: Path, machine: str) -> dict[str, Any]:
    """SAM and SYSTEM for `Machine.files`."""
    hives = {"SAM": sam(corpus, machine), "SYSTEM": system()}
    return {"Windows": {"System32": {"config": hives}}}


def image(corpus: Path, machine: str, **options: Any) -> Session:
    """A session on a sample machine with a real SAM hive."""
    memory = MemoryTree(tree(Machine(files=config(corpus, machine))))
    installation = Installation(memory, "Windows", volume=1)
    return Session(installation, volume_state=CLEAN, now=lambda: NOW, **options)


def dumped(sam_file: bytes, system_file: bytes, folder: Path) -> dict[str, tuple[int, str, str]]:
    """What impacket reads of a SAM hive: name to RID, LM hash, NT hash."""
    from impacket.examples.secretsdump import LocalOperations, SAMHashes

    (folder / "SAM").write_bytes(sam_file)
    (folder / "SYSTEM").write_bytes(system_file)
    lines: list[str] = []
    with contextlib.redirect_stdout(io.StringIO()):
        boot_key = LocalOperations(str(folder / "SYSTEM")).getBootKey()
        hashes = SAMHashes(
            str(folder / "SAM"), boot_key, isRemote=False, perSecretCallback=lines.append
        )
        hashes.dump()
        hashes.finish()
    found = {}
    for line in lines:
        name, rid, lm, nt, *_ = line.split(":")
        found[name] = int(rid), lm, nt
    return found
