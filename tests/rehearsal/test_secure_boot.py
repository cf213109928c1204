"""Who signed a boot manager, with keys and certificates of the tests' own."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes as digests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

from reseal.drivers.signature import hashes, signature_of
from reseal.rehearsal.authenticode import SignatureError, issuers
from reseal.testing.firmware import efi_manager
from tests.rehearsal.layouts import _gpt, _part
from tests.rehearsal.samples import Record, stage, walk_disk

YEARS = {"2011": "Microsoft Windows Production PCA 2011", "2023": "Windows UEFI CA 2023"}
#: Offset of the directory entry of the certificates in the stand-in.
_ENTRY = 64 + 24 + 112 + 8 * 4
_FROM, _TO = datetime(2026, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _certificate(issuer: str) -> x509.Certificate:
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in ("Boot", issuer)]
    made = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1])
    made = made.public_key(_key().public_key()).serial_number(7)
    made = made.not_valid_before(_FROM).not_valid_after(_TO)
    return made.sign(_key(), digests.SHA256())


def signed(data: bytes, issuer: str) -> bytes:
    """Sign an executable, as an authority of this name would."""
    data = data.ljust(-(-len(data) // 8) * 8, b"\0")
    builder = pkcs7.PKCS7SignatureBuilder().set_data(hashes(data)[0])
    builder = builder.add_signer(_certificate(issuer), _key(), digests.SHA256())
    message = builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    record = struct.pack("<IHH", len(message) + 8, 0x200, 2) + message
    made = bytearray(data + record)
    struct.pack_into("<II", made, _ENTRY, len(data), len(record))
    return bytes(made)


def rehearsed(folder: Path, loader: bytes, **request: str) -> Record:
    """Rehearse Secure Boot with this loader."""
    _gpt(_part(files={"bootx64.efi": loader}))(folder / "disk")
    return stage(walk_disk(folder / "disk", firmware="uefi", **request), "secure-boot")


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("trusted", YEARS)
def test_firmware_starts_only_what_its_authority_signed(
    tmp_path: Path, year: str, trusted: str
) -> None:
    found = rehearsed(tmp_path, signed(efi_manager("x"), YEARS[year]), secure_boot=trusted)
    if year == trusted:
        assert found["result"] == "passes"
    else:
        assert found["result"] == "would stop"
        assert "Security Policy Violation" in found["symptom"]
        assert f"--boot-files {trusted}" in found["cure"]
    assert YEARS[year] in found["said"]


def test_an_unsigned_loader_stops_where_secure_boot_is_on(tmp_path: Path) -> None:
    assert rehearsed(tmp_path, efi_manager("x"), secure_boot="2023")["result"] == "would stop"


def test_without_a_choice_the_authority_is_named(tmp_path: Path) -> None:
    found = rehearsed(tmp_path, signed(efi_manager("x"), YEARS["2023"]))
    assert found["result"] == "passes"
    assert "Windows UEFI CA 2023" in found["said"]
    assert rehearsed(tmp_path, signed(efi_manager("x"), "Contoso"))["result"] == "can't be told"


def test_secure_boot_off_passes_anything(tmp_path: Path) -> None:
    assert rehearsed(tmp_path, efi_manager("x"), secure_boot="off")["result"] == "passes"


def test_a_file_that_was_changed_after_it_was_signed(tmp_path: Path) -> None:
    data = bytearray(signed(efi_manager("x"), YEARS["2011"]))
    data[0x230] ^= 1
    with pytest.raises(SignatureError, match="changed after"):
        issuers(bytes(data))
    found = rehearsed(tmp_path, bytes(data), secure_boot="2011")
    assert found["result"] == "would stop"
    assert "changed" in found["said"]


@pytest.mark.parametrize("cut", [1, 8, 40, 400])
def test_a_damaged_signature(cut: int) -> None:
    data = bytearray(signed(efi_manager("x"), YEARS["2011"]))
    place = signature_of(bytes(data))
    assert place
    data[place[0] + cut : place[0] + cut + 40] = bytes(40)
    try:
        found = issuers(bytes(data))
    except SignatureError:
        return
    assert found is not None
