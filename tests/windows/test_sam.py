"""Keys and records of SAM, against impacket and against bytes of any kind."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.regf import Hive
from reseal.testing.memory import MemoryTree
from reseal.windows import Registry
from reseal.windows.sam import PasswordKey, SamError, User, boot_key, nt_hash, records
from reseal.windows.volumes import Volumes
from tests.windows import sam


def registry(system: bytes) -> Registry:
    files = MemoryTree({"Windows": {"System32": {"config": {"SYSTEM": system}}}})
    return Registry(Volumes(files), "Windows")


@pytest.mark.parametrize("machine", ["win10-1709", "win7sp1-x86-domain-joined"])
def test_the_boot_key_of_real_machines(corpus: Path, machine: str, tmp_path: Path) -> None:
    """As impacket reads it, from real SYSTEM hives."""
    from impacket.examples.secretsdump import LocalOperations

    folder = corpus / "machines" / machine
    logs = {path.suffix[1:]: path.read_bytes() for path in folder.glob("SYSTEM.LOG*")}
    data = Hive.open((folder / "SYSTEM").read_bytes(), logs).to_bytes()
    (tmp_path / "SYSTEM").write_bytes(data)
    theirs = LocalOperations(str(tmp_path / "SYSTEM")).getBootKey()
    assert boot_key(registry(data)) == theirs


def test_no_boot_key() -> None:
    from reseal.testing.machine import Machine, system_hive

    with pytest.raises(SamError, match="no boot key"):
        boot_key(registry(system_hive(Machine())))


def test_the_nt_hash_of_the_specification() -> None:
    """[MS-NLMP] 4.2.2.1.2."""
    assert nt_hash("Password").hex() == "a4f49c406510bdcab6824ee7c30fd852"


def test_a_key_shows_nothing() -> None:
    assert repr(PasswordKey(aes=True, key=b"secret")) == "PasswordKey(aes=True)"


@pytest.mark.parametrize("machine", list(sam.MACHINES))
def test_real_records_come_out_as_they_went_in(corpus: Path, machine: str) -> None:
    users = Hive.open(sam.sam(corpus, machine)).key(r"SAM\Domains\Account\Users")
    assert users
    for user in users.subkeys():
        value = user.value("V")
        if value:
            parsed = User.parse(value.data)
            again = User.parse(parsed.to_bytes())
            assert again == parsed
            # Windows leaves old bytes in the gaps between items; offsets and lengths are the same.
            assert parsed.to_bytes()[:204] == value.data[:204]
            assert len(parsed.to_bytes()) == len(value.data)


@given(st.binary(max_size=400))
def test_records_of_any_bytes(data: bytes) -> None:
    for read in (
        User.parse,
        records.account_flags,
        lambda data: records.with_group_member(data, 1001),
        lambda data: records.with_alias_member(data, b"\1\1" + bytes(10)),
        lambda data: PasswordKey.of(data, bytes(16)),
    ):
        with contextlib.suppress(SamError):
            read(data)
