"""Secure Boot: whose signature the boot manager has, and whether it is revoked."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from reseal.deploy.boot_files import AUTHORITIES, NAMES_BY_ARCHITECTURE
from reseal.drivers.signature import hashes
from reseal.errors import ImageError
from reseal.mark import Mark
from reseal.rehearsal import sources
from reseal.rehearsal.declaration import Fact, passes, stage, stops, unknown
from reseal.rehearsal.signature_lists import Lists
from reseal.rehearsal.walk import BIOS, Walk

if TYPE_CHECKING:
    from reseal.rehearsal.authenticode import Signature

_VIOLATION = "one of: Security Policy Violation, Secure Boot Violation, 0xc0430001"
_MAX_MANAGER = 16 << 20
_SIGNED = sources.UEFI_SPEC + ", Secure Boot"
_FAMILIES = "FOGProject/fos#182; ventoy/Ventoy#3639"
_REPAIR = "reseal boot IMAGE --repair"
#: Digests that firmware compares (documented, UEFI specification).
_DIGESTS = ("sha256", "sha1", "sha384", "sha512")
#: The start of the fixed part of a version resource (documented, VS_FIXEDFILEINFO).
_VERSION = b"\xbd\x04\xef\xfe"


@stage(
    "secure-boot",
    "Secure Boot accepts the boot manager",
    order=2,
    mark=Mark.REPORTED,
    source=_FAMILIES,
)
def secure_boot(walk: Walk) -> Iterator[Fact]:
    """Firmware with Secure Boot starts a boot manager only if it trusts the authority of its signature.

    Which authorities a machine trusts, and what it has revoked, is not in the image: a machine file or
    `--secure-boot` and `--dbx` say it.
    """
    if walk.firmware == BIOS or walk.secure_boot == "off":
        what = "BIOS has no Secure Boot." if walk.firmware == BIOS else "Secure Boot is off."
        yield passes(what, Mark.DOCUMENTED, sources.UEFI_SPEC)
        return
    if walk.disk is None or walk.system is None:
        where = " It is not in a WIM or a folder." if walk.disk is None else ""
        yield unknown(
            f"There is no boot manager to look at.{where}", Mark.INFERRED, sources.THIS_IMAGE
        )
        return
    name = NAMES_BY_ARCHITECTURE.get((walk.opened and walk.architecture) or "amd64", "bootx64.efi")
    path = rf"EFI\Boot\{name}"
    with walk.volume(walk.system) as volume:
        stat = volume.stat(path) if volume else None
        data = volume.read(path, 0, _MAX_MANAGER) if volume and stat else b""
    if not data:
        yield unknown("There is no boot manager to look at.", Mark.INFERRED, sources.THIS_IMAGE)
        return
    yield from _signed(walk, path, data)


def _signed(walk: Walk, path: str, data: bytes) -> Iterator[Fact]:
    # Loaded here, because the libraries take time.
    from reseal.rehearsal.authenticode import ChangedError, available, signatures  # noqa: PLC0415

    if not available():
        yield unknown(
            "The signature of the boot manager is not looked at: libraries are not installed.",
            Mark.SEEN,
            sources.THIS_IMAGE,
            cure="pip install 'reseal[secure-boot]'",
        )
        return
    try:
        found = signatures(data)
    except ChangedError as error:
        yield _refused(walk, f"The signature of {path} does not hold: {error.message}")
        return
    except ImageError as error:
        yield unknown(
            f"The signature of {path} can't be read: {error.message}",
            Mark.SEEN,
            sources.THIS_IMAGE,
        )
        return
    if walk.dbx and (reason := _revoked(walk.dbx, data, found)):
        yield stops(
            f"The firmware has revoked {path}: {reason}.",
            _VIOLATION,
            Mark.DOCUMENTED,
            _SIGNED,
            cure=f"{_REPAIR} --boot-files 2023",
        )
        return
    if walk.dbx and walk.dbx.versions:
        yield unknown(
            "The firmware sets minimum security versions (SVN) of boot managers, which are not looked at.",
            Mark.REPORTED,
            "cjee21/Check-UEFISecureBootVariables#45",
        )
    shown = ", ".join(name for one in found for name in one.issuers) or "no authority"
    what = f"{path}{_version(data)} is signed by {shown}"
    if walk.machine and walk.machine.db:
        yield _trusted(walk.machine.db, what, data, found)
    else:
        yield _by_name(walk, what, found)


def _refused(walk: Walk, text: str) -> Fact:
    if walk.secure_boot is None and walk.dbx is None and not (walk.machine and walk.machine.db):
        return unknown(
            f"{text} With Secure Boot on, it does not start.",
            Mark.DOCUMENTED,
            _SIGNED,
            cure=_REPAIR,
        )
    return stops(text, _VIOLATION, Mark.DOCUMENTED, _SIGNED, cure=_REPAIR)


def _revoked(dbx: Lists, data: bytes, found: list[Signature]) -> str | None:
    """Return why a boot manager is revoked, or None."""
    if not dbx.images.isdisjoint(hashes(data, _DIGESTS)):
        return "its digest is in the dbx"
    for one in found:
        if any(one.leads_to(certificate) for certificate in dbx.certificates):
            return f"a certificate of its chain is in the dbx ({', '.join(one.issuers)})"
        if not dbx.certificate_digests.isdisjoint(one.signed_digests()):
            return "the digest of a certificate of its chain is in the dbx"
    return None


def _trusted(db: Lists, what: str, data: bytes, found: list[Signature]) -> Fact:
    """Does the firmware's own list of certificates and digests accept the file?"""
    if any(one.leads_to(certificate) for one in found for certificate in db.certificates):
        return passes(f"{what}, and the firmware's db has a certificate of its chain.",
                      Mark.DOCUMENTED, _SIGNED)  # fmt: skip
    if not db.images.isdisjoint(hashes(data, _DIGESTS)):
        return passes(f"{what}, and its digest is in the firmware's db.", Mark.DOCUMENTED, _SIGNED)
    return stops(
        f"{what}, but no certificate in the firmware's db leads to it.",
        _VIOLATION,
        Mark.DOCUMENTED,
        _SIGNED,
    )


def _by_name(walk: Walk, what: str, found: list[Signature]) -> Fact:
    """Is it signed by the authority that the firmware trusts, going by its name?"""
    years = [year for one in found for year in one.years]
    if walk.secure_boot is None and years:
        return passes(
            f"{what}; which authorities the firmware trusts is not in the image.",
            Mark.REPORTED,
            _FAMILIES,
        )
    if walk.secure_boot is None:
        return unknown(
            f"{what}: with Secure Boot on, firmware that trusts Microsoft only does not start it.",
            Mark.REPORTED,
            _FAMILIES,
        )
    if walk.secure_boot in years:
        return passes(f"{what}.", Mark.REPORTED, _FAMILIES)
    return stops(
        f"{what}, but the firmware trusts {AUTHORITIES[walk.secure_boot]} only.",
        _VIOLATION,
        Mark.REPORTED,
        _FAMILIES,
        cure=f"{_REPAIR} --boot-files {walk.secure_boot}",
    )


def _version(data: bytes) -> str:
    """Return the version in the resources of a file, after a space; empty if it has none."""
    place = data.find(_VERSION)
    if place < 0 or place + 16 > len(data):
        return ""
    high, low = struct.unpack_from("<II", data, place + 8)
    return f" {high >> 16}.{high & 0xFFFF}.{low >> 16}.{low & 0xFFFF}"
