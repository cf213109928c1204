r"""Which of two boot managers a disk gets: that of `Boot\EFI` or that of `Boot\EFI_EX`.

Windows is changing the authority that signs its boot manager for Secure Boot, from Microsoft Windows
Production PCA 2011 to Windows UEFI CA 2023. A serviced image holds a boot manager of each. Firmware that
trusts only one authority refuses the other's (reported: FOGProject/fos#182, ventoy/Ventoy#3639), and what a
machine trusts is in its firmware, not in the image. A new disk gets the one that its Windows started with so
far:

1. the one on the system partition of the source, or of the disk to repair, recognized by its content, or by
   the name of the authority in its signature;
2. the one that Windows says it starts with: `WindowsUEFICA2023Capable` is 2, or `UEFICA2023Status` is
   `Updated` (documented: Microsoft, KB5068202, Registry key updates for Secure Boot);
3. that of `Boot\EFI`, which bcdboot takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reseal.deploy.boot_files import AUTHORITIES, UEFI_MANAGER, manager_2023
from reseal.deploy.layout import EFI_SYSTEM
from reseal.disk import Device, Slice, VolumeRange
from reseal.drivers.signature import signature_of
from reseal.errors import ImageError
from reseal.fat import FatVolume
from reseal.windows import Installation, content

SERVICING = r"HKLM\SYSTEM\CurrentControlSet\Control\SecureBoot\Servicing"
_PLACES = {
    "2011": r"the one in Boot\EFI, usually signed by the authority of 2011",
    "2023": r"the one in Boot\EFI_EX, signed by the authority of 2023",
}
_MANAGERS = (
    r"EFI\Microsoft\Boot\bootmgfw.efi",
    r"EFI\Boot\bootx64.efi",
    r"EFI\Boot\bootaa64.efi",
    r"EFI\Boot\bootia32.efi",
)
_MAX_MANAGER = 16 << 20
_SYSTEM_PARTITION = "the system partition has this one so far"


@dataclass(frozen=True, slots=True)
class Choice:
    """The boot manager that a disk gets.

    Attributes:
        family: `2011` or `2023`.
        why: the reason; None if the user chose it.
        other: whether the image has the other one, too.
        missing: whether the reason speaks for 2023, but the image has no such boot manager.
    """

    family: str
    why: str | None
    other: bool
    missing: bool = False

    @property
    def notes(self) -> Iterator[str]:
        """What the user must know about it."""
        if self.why is None:
            return
        if self.missing:
            yield (
                f"The boot manager is {_PLACES['2011']}, although {self.why}: this image has no "
                f"{_PLACES['2023']}. {_refusal('2023')}. A current update of Windows adds the other one."
            )
        elif self.other:
            other = "2011" if self.family == "2023" else "2023"
            yield (
                f"The boot manager is {_PLACES[self.family]}: {self.why}. {_refusal(other)}; --boot-files "
                f"{other} uses the other one."
            )


def _refusal(family: str) -> str:
    return f"With Secure Boot, firmware that trusts only {AUTHORITIES[family]} does not start it"


def choose(installation: Installation, *, asked: str | None, found: str | None) -> Choice:
    """Choose the boot manager of a disk that UEFI starts.

    Args:
        installation: the Windows installation.
        asked: the family that the user chose; None for no choice.
        found: the family of the boot manager that has started it so far; None if that is unknown.
    """
    has_2023 = manager_2023(installation) is not None
    if asked is not None:
        return Choice(asked, None, other=has_2023)
    if found is not None:
        wanted, why = found, _SYSTEM_PARTITION
    elif reason := _servicing(installation):
        wanted, why = "2023", reason
    else:
        wanted, why = "2011", "nothing says that this Windows started with the other one"
    if wanted == "2023" and not has_2023:
        return Choice("2011", why, other=False, missing=True)
    return Choice(wanted, why, other=has_2023)


def of_disk(device: Device, ranges: list[VolumeRange], installation: Installation) -> str | None:
    """Return the family of the boot manager on a disk's EFI system partition; None if that is unknown.

    Args:
        device: the disk.
        ranges: its partitions.
        installation: the Windows that it starts.
    """
    for one in ranges:
        if one.type == EFI_SYSTEM:
            data = _manager(Slice(device, one.offset, one.size))
            if data:
                return _family(installation, data)
    return None


def _manager(part: Device) -> bytes:
    try:
        volume = FatVolume.open(part, name="system")
        for path in _MANAGERS:
            stat = volume.stat(path)
            if stat and not stat.is_directory and stat.size <= _MAX_MANAGER:
                return volume.read(path)
    except ImageError:
        pass
    return b""


def _family(installation: Installation, data: bytes) -> str | None:
    """Tell a boot manager by its content, which the image's own has; or by its signature."""
    tree = installation.tree
    for family, path in (
        ("2011", installation.path(UEFI_MANAGER)),
        ("2023", manager_2023(installation)),
    ):
        stat = tree.stat(path) if path else None
        if path and stat and stat.size == len(data) and content.read(tree, path) == data:
            return family
    place = signature_of(data)
    signature = data[place[0] : sum(place)] if place else b""
    return next((one for one, name in AUTHORITIES.items() if name.encode() in signature), None)


def _servicing(installation: Installation) -> str | None:
    """Return what this Windows says about a boot manager of 2023; None if it does not start with one."""
    registry = installation.registry
    if registry.value(SERVICING, "WindowsUEFICA2023Capable") == 2:
        return "Windows says that it starts with one of 2023 (WindowsUEFICA2023Capable is 2)"
    status = registry.value(SERVICING, "UEFICA2023Status")
    if isinstance(status, str) and status.strip().casefold() == "updated":
        return "Windows says that the machine was updated to 2023 (UEFICA2023Status is Updated)"
    return None
