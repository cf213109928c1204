"""Who signed a boot manager, and what a firmware trusts and has revoked, with keys of the tests' own."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from reseal.deploy.boot_files import AUTHORITIES
from reseal.drivers.signature import hashes, signature_of
from reseal.errors import UsageError
from reseal.rehearsal import signature_lists
from reseal.rehearsal.authenticode import ChangedError, SignatureError, signatures
from reseal.testing.firmware import efi_manager
from tests.rehearsal.layouts import _gpt, _part
from tests.rehearsal.samples import Record, stage, walk_disk
from tests.rehearsal.signing import OWNER, _lists, certificate, signed

LOADER = efi_manager("x")


def rehearsed(folder: Path, loader: bytes, **request: object) -> Record:
    """Rehearse Secure Boot with this loader."""
    _gpt(_part(files={"bootx64.efi": loader}))(folder / "disk")
    return stage(walk_disk(folder / "disk", firmware="uefi", **request), "secure-boot")


@pytest.mark.parametrize("year", AUTHORITIES)
@pytest.mark.parametrize("trusted", AUTHORITIES)
def test_firmware_starts_only_what_its_authority_signed(
    tmp_path: Path, year: str, trusted: str
) -> None:
    found = rehearsed(tmp_path, signed(LOADER, AUTHORITIES[year]), secure_boot=trusted)
    if year == trusted:
        assert found["result"] == "passes"
    else:
        assert found["result"] == "would stop"
        assert "Security Policy Violation" in found["symptom"]
        assert f"--boot-files {trusted}" in found["cure"]
    assert AUTHORITIES[year] in found["said"]


def test_an_unsigned_loader_stops_where_secure_boot_is_on(tmp_path: Path) -> None:
    assert rehearsed(tmp_path, LOADER, secure_boot="2023")["result"] == "would stop"


def test_without_a_choice_the_authority_is_named(tmp_path: Path) -> None:
    found = rehearsed(tmp_path, signed(LOADER, AUTHORITIES["2023"]))
    assert found["result"] == "passes"
    assert "Windows UEFI CA 2023" in found["said"]
    assert rehearsed(tmp_path, signed(LOADER, "Contoso CA"))["result"] == "can't be told"


def test_secure_boot_off_passes_anything(tmp_path: Path) -> None:
    assert rehearsed(tmp_path, LOADER, secure_boot="off")["result"] == "passes"


def test_the_version_of_the_boot_manager_is_shown(tmp_path: Path) -> None:
    version = b"\xbd\x04\xef\xfe" + struct.pack("<III", 0x10000, 10 << 16, 20348 << 16 | 1)
    found = rehearsed(tmp_path, signed(LOADER + version.ljust(32, b"\0"), AUTHORITIES["2011"]))
    assert "bootx64.efi 10.0.20348.1 is signed by" in found["said"]


# The signature


def test_a_file_that_was_changed_after_it_was_signed(tmp_path: Path) -> None:
    data = bytearray(signed(LOADER, AUTHORITIES["2011"]))
    data[0x230] ^= 1
    with pytest.raises(ChangedError, match="changed after"):
        signatures(bytes(data))
    found = rehearsed(tmp_path, bytes(data), secure_boot="2011")
    assert found["result"] == "would stop"
    assert "changed" in found["said"]
    assert rehearsed(tmp_path, bytes(data))["result"] == "can't be told"


def test_a_certificate_that_only_lies_in_the_signature_is_no_authority() -> None:
    (found,) = signatures(signed(LOADER, "Contoso CA"))
    assert found.issuers == ["Contoso CA"]
    names = [one.subject.rfc4514_string() for one in found.certificates]
    assert names == ["CN=Boot manager", "CN=Contoso CA"]
    assert not found.leads_to(_der("Windows UEFI CA 2023"))
    assert found.leads_to(_der("Contoso CA"))


def test_the_signature_has_to_fit_the_signer() -> None:
    data = signed(LOADER, AUTHORITIES["2011"])
    place = signature_of(data)
    assert place
    # The signed digest of the signer is at the end of the message.
    damaged = bytearray(data)
    damaged[place[0] + struct.unpack_from("<I", data, place[0])[0] - 20] ^= 1
    with pytest.raises(ChangedError, match="does not fit"):
        signatures(bytes(damaged))


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_signature(seed: int) -> None:
    chosen = random.Random(seed)
    whole = signed(LOADER, AUTHORITIES["2011"])
    place = signature_of(whole)
    assert place
    for _ in range(25):
        data = bytearray(whole)
        start = place[0] + chosen.randrange(place[1])
        data[start : start + chosen.randrange(1, 40)] = chosen.randbytes(chosen.randrange(1, 40))
        try:
            found = signatures(bytes(data))
        except SignatureError:
            continue
        assert len(found) <= 1


# Signature lists


def _der(name: str) -> bytes:
    return certificate(name, name).public_bytes(Encoding.DER)


def test_lists_of_other_people_are_read(tmp_path: Path) -> None:
    """Sbsiglist made the lists."""
    found = signature_lists.parse(_lists(tmp_path, ("A", "B"), (LOADER,)))
    assert found.certificates == (_der("A"), _der("B"))
    assert found.images == {hashes(LOADER, ("sha256",))[0]}
    assert not found.versions


def test_the_header_of_an_update_is_left_out(tmp_path: Path) -> None:
    lists = _lists(tmp_path, ("A",), ())
    header = bytes(16) + struct.pack("<IHH", 40, 0x200, 0x0EF1) + bytes(32)
    assert signature_lists.parse(header + lists).certificates == (_der("A"),)


def test_a_certificate_is_a_list_of_one() -> None:
    pem = certificate("A", "A").public_bytes(Encoding.PEM)
    assert signature_lists.parse(pem).certificates == (_der("A"),)
    assert signature_lists.parse(_der("A")).certificates == (_der("A"),)


@pytest.mark.parametrize("cut", [0, 1, 20, 27, 40, 300])
def test_lists_that_are_none(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "dbx"
    path.write_bytes(_lists(tmp_path, ("A",), ())[:cut])
    with pytest.raises(UsageError, match="no signature lists"):
        signature_lists.read(path)
    with pytest.raises(UsageError, match="can't be read"):
        signature_lists.read(tmp_path / "none")


def test_a_dbx_revokes_what_the_families_trust(tmp_path: Path) -> None:
    loader = signed(LOADER, AUTHORITIES["2011"])
    dbx = tmp_path / "dbx"
    for names, images in (((AUTHORITIES["2011"],), ()), ((), (loader,))):
        dbx.write_bytes(_lists(tmp_path, names, images))
        found = rehearsed(tmp_path, loader, secure_boot="2011", dbx=dbx)
        assert found["result"] == "would stop"
        assert "revoked" in found["said"]
        assert "--boot-files 2023" in found["cure"]
    dbx.write_bytes(_lists(tmp_path, ("Another",), ()))
    assert rehearsed(tmp_path, loader, secure_boot="2011", dbx=dbx)["result"] == "passes"


def test_a_dbx_revokes_by_the_digest_of_a_certificate(tmp_path: Path) -> None:
    loader = signed(LOADER, AUTHORITIES["2011"])
    (found,) = signatures(loader)
    digest = next(one for one in found.signed_digests() if len(one) == 32)
    content = _list("3bd2a492-96c0-4079-b420-fcf98ef103ed", OWNER, digest + bytes(16))
    (tmp_path / "dbx").write_bytes(content)
    said = rehearsed(tmp_path, loader, secure_boot="2011", dbx=tmp_path / "dbx")["said"]
    assert "the digest of a certificate" in said


def test_minimum_versions_of_boot_managers_are_unclear(tmp_path: Path) -> None:
    owner = "9d132b6c-59d5-4388-ab1c-185cfcb2eb92"
    content = _list("c1c41626-504c-4092-aca9-41f936934328", owner, bytes(32))
    (tmp_path / "dbx").write_bytes(content)
    loader = signed(LOADER, AUTHORITIES["2023"])
    found = rehearsed(tmp_path, loader, secure_boot="2023", dbx=tmp_path / "dbx")
    assert found["result"] == "can't be told"
    assert "SVN" in found["said"]


def _list(kind: str, owner: str, content: bytes) -> bytes:
    head = struct.pack("<III", 28 + 16 + len(content), 0, 16 + len(content))
    return UUID(kind).bytes_le + head + UUID(owner).bytes_le + content
