"""Authorities of the tests' own, signatures by sbsign, and firmware that trusts and revokes them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes as digests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from reseal.drivers.signature import hashes

OWNER = "0f3d9a5c-54f1-4d39-9a3c-6f0f3f3b8a11"
_OVMF = Path("/usr/share/OVMF")
#: OVMF that keeps its variables from programs, as Secure Boot needs, and its empty variables.
SECURE_OVMF = (_OVMF / "OVMF_CODE_4M.secboot.fd", _OVMF / "OVMF_VARS_4M.fd")
_FROM, _TO = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """Return the key of this name."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate(name: str, issuer: str) -> x509.Certificate:
    """Return the certificate of a name, signed by the key of an issuer."""
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer)]
    made = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1])
    made = made.public_key(key(name).public_key()).serial_number(x509.random_serial_number())
    made = made.not_valid_before(_FROM).not_valid_after(_TO)
    made = made.add_extension(x509.BasicConstraints(name == issuer, None), critical=True)
    return made.sign(key(issuer), digests.SHA256())


def _tool(*command: str | Path) -> None:
    if shutil.which(str(command[0])) is None:
        pytest.skip(
            f"{command[0]} is not installed (apt install sbsigntool)", allow_module_level=True
        )
    subprocess.run(command, check=True, capture_output=True)


@cache
def signed(data: bytes, authority: str) -> bytes:
    """Sign an executable with a certificate that an authority issued, as sbsign does."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        own, above = certificate("Boot manager", authority), certificate(authority, authority)
        (folder / "certificate").write_bytes(own.public_bytes(Encoding.PEM))
        (folder / "above").write_bytes(above.public_bytes(Encoding.PEM))
        (folder / "key").write_bytes(
            key("Boot manager").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        (folder / "in").write_bytes(data)
        _tool(
            *("sbsign", "--key", folder / "key", "--cert", folder / "certificate"),
            *("--addcert", folder / "above", "--output", folder / "out", folder / "in"),
        )
        return (folder / "out").read_bytes()


@dataclass(frozen=True)
class Firmware:
    """What a firmware with Secure Boot trusts and has revoked.

    Attributes:
        authorities: the authorities that it trusts.
        images: executables whose digests it trusts.
        revoked_authorities: the authorities that it has revoked.
        revoked_images: executables whose digests it has revoked.
    """

    authorities: tuple[str, ...] = ("Contoso CA",)
    images: tuple[bytes, ...] = ()
    revoked_authorities: tuple[str, ...] = ()
    revoked_images: tuple[bytes, ...] = ()

    def variables(self, folder: Path) -> Path:
        """Write the variables of OVMF with these keys, as virt-fw-vars does."""
        if not all(one.is_file() for one in SECURE_OVMF):
            pytest.skip("OVMF for Secure Boot is not installed (apt install ovmf)")
        made = folder / "secure.vars"
        command = [sys.executable, "-m", "virt.firmware.vars", "--input", str(SECURE_OVMF[1])]
        command += ["--output", str(made), "--secure-boot"]
        command += ["--set-pk", OWNER, str(_pem(folder, "Owner"))]
        command += ["--add-kek", OWNER, str(_pem(folder, "Owner"))]
        for option, names in (
            ("--add-db", self.authorities),
            ("--add-dbx-cert", self.revoked_authorities),
        ):
            for name in names:
                command += [option, OWNER, str(_pem(folder, name))]
        for option, images in (
            ("--add-db-hash", self.images),
            ("--add-dbx-hash", self.revoked_images),
        ):
            for image in images:
                command += [option, OWNER, hashes(image, ("sha256",))[0].hex()]
        subprocess.run(command, check=True, capture_output=True)
        return made

    def machine(self, folder: Path) -> Path:
        """Write the description of such a machine, with signature lists as sbsiglist makes them."""
        lists = {
            "db": _lists(folder, self.authorities, self.images),
            "dbx": _lists(folder, self.revoked_authorities, self.revoked_images),
        }
        text = 'title = "KVM with keys of its own"\nfirmware = ["uefi"]\nany_fat = true\n'
        for name, content in lists.items():
            if content:
                (folder / f"{name}.esl").write_bytes(content)
                text += f'{name} = "{name}.esl"\n'
        text += "[[devices]]\nwhat = \"the SATA controller\"\nids = ['PCI\\CC_010601']\n"
        (folder / "secure.toml").write_text(text)
        return folder / "secure.toml"


def _pem(folder: Path, name: str) -> Path:
    path = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:8]}.pem"
    path.write_bytes(certificate(name, name).public_bytes(Encoding.PEM))
    return path


def _lists(folder: Path, names: tuple[str, ...], images: tuple[bytes, ...]) -> bytes:
    contents = [("x509", certificate(one, one).public_bytes(Encoding.DER)) for one in names]
    contents += [("sha256", hashes(one, ("sha256",))[0]) for one in images]
    found = b""
    for kind, content in contents:
        (folder / "content").write_bytes(content)
        _tool(
            *("sbsiglist", "--owner", OWNER, "--type", kind),
            *("--output", folder / "list", folder / "content"),
        )
        found += (folder / "list").read_bytes()
    return found
