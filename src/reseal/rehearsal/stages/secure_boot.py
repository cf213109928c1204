"""Secure Boot: whose signature the boot manager has."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.deploy.boot_files import AUTHORITIES, NAMES_BY_ARCHITECTURE
from reseal.errors import ImageError
from reseal.mark import Mark
from reseal.rehearsal import sources
from reseal.rehearsal.declaration import Fact, passes, stage, stops, unknown
from reseal.rehearsal.walk import BIOS, Walk

_VIOLATION = "one of: Security Policy Violation, Secure Boot Violation, 0xc0430001"
_MAX_MANAGER = 16 << 20
_SIGNED = sources.UEFI_SPEC + ", Secure Boot"
_REPAIR = "reseal boot IMAGE --repair"


@stage(
    "secure-boot",
    "Secure Boot accepts the boot manager",
    order=2,
    mark=Mark.REPORTED,
    source="FOGProject/fos#182; ventoy/Ventoy#3639",
)
def secure_boot(walk: Walk) -> Iterator[Fact]:
    """Firmware with Secure Boot starts a boot manager only if it trusts the authority of its signature.

    Which authorities a machine trusts, and what it has revoked, is not in the image.
    """
    if walk.firmware == BIOS or walk.secure_boot == "off":
        what = "BIOS has no Secure Boot." if walk.firmware == BIOS else "Secure Boot is off."
        yield passes(what, Mark.DOCUMENTED, sources.UEFI_SPEC)
        return
    if walk.disk is None or walk.system is None:
        yield unknown("There is no boot manager to look at.", Mark.INFERRED, sources.THIS_IMAGE)
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
    from reseal.rehearsal.authenticode import ChangedError, issuers  # noqa: PLC0415  loads a library

    try:
        found = issuers(data)
    except ChangedError:
        text = f"{path} was changed after it was signed"
        if walk.secure_boot is None:
            yield unknown(
                f"{text}; with Secure Boot on it does not start.", Mark.DOCUMENTED, _SIGNED
            )
            return
        yield stops(f"{text}.", _VIOLATION, Mark.DOCUMENTED, _SIGNED, cure=_REPAIR)
        return
    except ImageError as error:
        yield unknown(
            f"The signature of {path} can't be read: {error.message}",
            Mark.SEEN,
            sources.THIS_IMAGE,
        )
        return
    if found is None:
        yield unknown(
            "Who signed the boot manager is not looked at: the library cryptography is not installed.",
            Mark.SEEN,
            sources.THIS_IMAGE,
            cure="pip install 'reseal[secure-boot]'",
        )
        return
    known = [year for year, name in AUTHORITIES.items() if name in found]
    shown = ", ".join(found) or "no authority"
    source = "FOGProject/fos#182; ventoy/Ventoy#3639"
    if walk.secure_boot is None:
        if not known:
            yield unknown(
                f"{path} is signed by {shown}: with Secure Boot on, firmware that trusts Microsoft only does "
                "not start it.",
                Mark.REPORTED,
                source,
            )
            return
        yield passes(
            f"{path} is signed by {shown}; which authorities the firmware trusts is not in the image.",
            Mark.REPORTED,
            source,
        )
    elif walk.secure_boot in known:
        yield passes(f"{path} is signed by {shown}.", Mark.REPORTED, source)
    else:
        yield stops(
            f"{path} is signed by {shown}, but the firmware trusts {AUTHORITIES[walk.secure_boot]} only.",
            _VIOLATION,
            Mark.REPORTED,
            source,
            cure=f"reseal boot IMAGE --repair --boot-files {walk.secure_boot}",
        )
