"""The firmware: what it starts from the disk."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.deploy import boot_code
from reseal.deploy.boot_files import NAMES_BY_ARCHITECTURE
from reseal.disk import Slice, VolumeRange
from reseal.drivers.signature import Executable
from reseal.errors import ImageError
from reseal.fat import FatVolume, NotFatError
from reseal.mark import Mark
from reseal.rehearsal import sources
from reseal.rehearsal.declaration import Fact, passes, stage, stops, unknown
from reseal.rehearsal.walk import UEFI, Walk

#: Type of an EFI system partition in an MBR (documented, UEFI specification).
_MBR_EFI = "ef"
EFI_SYSTEM = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
MANAGER = r"EFI\Microsoft\Boot\bootmgfw.efi"
_NO_DEVICE = "one of: the UEFI shell, the boot menu, No bootable device"
_NO_SYSTEM = (
    "one of: Missing operating system, An operating system wasn't found, No bootable device, "
    "A disk read error occurred"
)
_REPAIR = "reseal boot IMAGE --repair"
_FIRMWARE = "Microsoft, UEFI firmware"
_WINDOWS_8 = 9200
#: Boot managers have 1 to 3 MiB.
_MAX_MANAGER = 16 << 20
#: Bytes of an MBR before the disk signature, all code.
_CODE = 440
_SECTOR = 512
#: What mkntfs and mkfs.vfat write as boot code: it prints this text.
_NOT_BOOTABLE = (b"not a bootable disk", b"not bootable")
#: Where $Boot of Windows Vista and later says which program it loads; older ones load NTLDR (seen).
_NTLDR = "NTLDR".encode("utf-16-le")
#: The original name in the version resource of Microsoft's boot managers (seen).
_MICROSOFTS = tuple(one.encode("utf-16-le") for one in ("bootmgfw.efi", "bootmgr.efi"))


@stage(
    "firmware",
    "The firmware finds a boot manager",
    order=1,
    mark=Mark.DOCUMENTED,
    source=f"{sources.UEFI_SPEC}; {sources.BIOS_PARTITIONS}",
)
def firmware(walk: Walk) -> Iterator[Fact]:
    r"""UEFI starts `\EFI\Boot\boot{arch}.efi` of an EFI system partition; BIOS starts the code of the MBR.

    An entry for Windows in the firmware's memory (NVRAM) is not on the disk, so a new virtual machine has
    none.
    """
    if walk.disk is None or not (walk.partitioned or walk.ranges):
        yield unknown(
            "Partitions are not in a WIM or a folder: this depends on the disk that it is deployed to.",
            Mark.INFERRED,
            sources.THIS_IMAGE,
        )
        return
    if not walk.partitioned:
        yield unknown(
            "The image is a single volume without a partition table.",
            Mark.INFERRED,
            sources.THIS_IMAGE,
        )
        return
    yield from _uefi(walk) if walk.firmware == UEFI else _bios(walk)


# UEFI


# Complex: the partitions that firmware looks at, in its order.
def _uefi(walk: Walk) -> Iterator[Fact]:
    if walk.scheme is None:
        yield stops(
            "The disk has no readable partition table.",
            _NO_DEVICE,
            Mark.DOCUMENTED,
            sources.UEFI_PARTITIONS,
        )
        return
    if walk.scheme != "gpt" and (starts := _from_mbr(walk)):
        yield starts
        return
    if walk.scheme != "gpt":
        yield stops(
            "The disk has an MBR, and the machine has UEFI: Windows starts only from a GPT disk there.",
            "No bootable device",
            Mark.DOCUMENTED,
            sources.UEFI_PARTITIONS,
            cure="reseal deploy IMAGE DISK --firmware uefi, or a machine with BIOS",
        )
        return
    if fact := _sectors(walk):
        yield fact
        if fact.stops:
            return
    listed = [one for one in walk.ranges if one.type == EFI_SYSTEM]
    found = [(one, *_fallback(walk, one)) for one in listed]
    good = [one for one, name, _ in found if name]
    if good:
        yield from _starts(walk, good)
        return
    others = [one for one in walk.ranges if one not in listed and _fallback(walk, one)[0]]
    if others:
        yield _wrong_type(walk, others[0])
        return
    if not listed:
        yield stops(
            "The disk has no EFI system partition.",
            _NO_DEVICE,
            Mark.DOCUMENTED,
            sources.UEFI_PARTITIONS,
            cure="reseal deploy IMAGE DISK --firmware uefi",
        )
        return
    for one, _, reason in found:
        walk.system = walk.system or one
        yield stops(
            f"The EFI system partition ({one.number}) {reason}",
            _NO_DEVICE,
            Mark.DOCUMENTED,
            sources.UEFI_MEDIA,
            cure=_REPAIR,
        )


def _from_mbr(walk: Walk) -> Fact | None:
    """UEFI firmware starts a loader from an MBR, too, if a FAT volume there has one (documented)."""
    for one in walk.ranges:
        known = one.type == _MBR_EFI or (walk.machine is not None and walk.machine.any_fat)
        name = _fallback(walk, one)[0] if known else None
        if name:
            walk.system = one
            return passes(
                rf"The disk has an MBR; partition {one.number} has \EFI\Boot\{name}, which firmware starts.",
                Mark.DOCUMENTED,
                sources.UEFI_SPEC,
            )
    return None


def _sectors(walk: Walk) -> Fact | None:
    """A GPT counts in the sectors of the disk that it was made on."""
    assert walk.disk
    headers = (_SECTOR, walk.disk.size - _SECTOR)
    counted = 512 if any(walk.disk.read(one, 8) == b"EFI PART" for one in headers) else 4096
    if walk.machine is None:
        return (
            None
            if counted == 512
            else unknown(
                "The partition table counts in sectors of 4096 bytes: the machine has to attach the disk "
                "with such sectors.",
                Mark.DOCUMENTED,
                sources.UEFI_SPEC,
            )
        )
    if counted != walk.machine.sector_size:
        return stops(
            f"The partition table counts in sectors of {counted} bytes, but the machine has sectors of "
            f"{walk.machine.sector_size}.",
            _NO_DEVICE,
            Mark.DOCUMENTED,
            sources.UEFI_SPEC,
        )
    return None


def _starts(walk: Walk, good: list[VolumeRange]) -> Iterator[Fact]:
    walk.system = good[0]
    if len(good) > 1:
        numbers = ", ".join(str(one.number) for one in good)
        yield unknown(
            f"Several EFI system partitions have a loader ({numbers}); the firmware takes the one that it "
            "finds first.",
            Mark.REPORTED,
            sources.REPAIR_PARTITION,
        )
    name, _ = _fallback(walk, good[0])
    yield passes(
        rf"Partition {good[0].number} (EFI) has \EFI\Boot\{name}.",
        Mark.DOCUMENTED,
        sources.UEFI_MEDIA,
    )
    yield from _another_loader(walk, good[0], str(name))
    yield from _version(walk)


def _version(walk: Walk) -> Iterator[Fact]:
    """Do this Windows and this machine fit together?"""
    machine, build = walk.machine, walk.build if walk.opened else 0
    architecture = (walk.opened and walk.architecture) or "amd64"
    if machine and architecture not in machine.architectures:
        yield stops(
            f"This Windows is for {architecture}, but the firmware of {machine.name} starts loaders for "
            f"{' and '.join(machine.architectures)} only.",
            _NO_DEVICE,
            Mark.DOCUMENTED,
            _FIRMWARE,
        )
    elif 0 < build < _WINDOWS_8 and architecture == "x86":
        yield stops(
            "Windows 7 for x86 does not start from UEFI.",
            _NO_DEVICE,
            Mark.DOCUMENTED,
            _FIRMWARE,
            cure="reseal deploy IMAGE DISK --firmware bios",
        )
    elif machine and 0 < build < machine.first_build:
        yield stops(
            f"{machine.title} starts Windows from build {machine.first_build} on, and this is build {build}.",
            "a black screen, or the firmware's menu again",
            machine.mark,
            machine.source,
            cure="reseal deploy IMAGE DISK --firmware bios",
        )
    elif machine and 0 < build < _WINDOWS_8:
        yield unknown(
            "Windows 7 needs the CSM of the firmware (INT 10h), which many machines do not have.",
            Mark.DOCUMENTED,
            _FIRMWARE,
            symptom="without it, a black screen at Starting Windows",
            cure="reseal deploy IMAGE DISK --firmware bios",
        )


def _another_loader(walk: Walk, place: VolumeRange, name: str) -> Iterator[Fact]:
    """Is the fallback Windows' boot manager, or another program?"""
    with walk.volume(place) as volume:
        assert volume
        path = rf"EFI\Boot\{name}"
        fallback = volume.read(path, 0, _MAX_MANAGER)
        stat = volume.stat(MANAGER)
        manager = volume.read(MANAGER, 0, _MAX_MANAGER) if stat and not stat.is_directory else b""
    if manager and fallback != manager and not any(one in fallback for one in _MICROSOFTS):
        yield unknown(
            rf"\{path} differs from \{MANAGER} and does not say that it is Windows' boot manager: another "
            "loader starts, and what it starts is not in the image.",
            Mark.SEEN,
            sources.V2V,
            cure=_REPAIR,
        )


def _wrong_type(walk: Walk, place: VolumeRange) -> Fact:
    walk.system = place
    text = (
        f"The loader is on partition {place.number}, whose type is not EFI system partition "
        f"({EFI_SYSTEM})"
    )
    if walk.machine and walk.machine.any_fat:
        return passes(
            f"{text}; this firmware starts it from any FAT volume.", Mark.SEEN, walk.machine.source
        )
    if walk.machine:
        return stops(
            f"{text}; firmware looks on such partitions.",
            _NO_DEVICE,
            Mark.DOCUMENTED,
            f"{sources.UEFI_SPEC}; fwupd/fwupd#5908",
            cure="sgdisk --typecode=N:EF00",
        )
    return unknown(
        f"{text}: most firmware does not find it there, OVMF does.",
        Mark.REPORTED,
        "fwupd/fwupd#5908; OVMF (seen)",
        cure="sgdisk --typecode=N:EF00",
    )


def _fallback(walk: Walk, place: VolumeRange) -> tuple[str | None, str]:
    """Return the name of the loader that firmware finds on a partition, or None and the reason."""
    assert walk.disk
    architecture = (walk.opened and walk.architecture) or "amd64"
    name = NAMES_BY_ARCHITECTURE.get(architecture, "bootx64.efi")
    path = rf"EFI\Boot\{name}"
    try:
        volume = FatVolume.open(Slice(walk.disk, place.offset, place.size), name="the partition")
        stat = volume.stat(path)
        if stat is None or stat.is_directory:
            there = volume.stat(MANAGER)
            more = (
                ". Only a machine that still has its boot entry for Windows starts"
                if there and not there.is_directory
                else ""
            )
            return None, rf"has no \{path}{more}."
        found = Executable.read(volume.read(path, 0, 4096), stat.size)
    except NotFatError:
        return None, "is not formatted with FAT."
    except ImageError as error:
        return None, f"is damaged: {error.message}"
    if found is None:
        return None, rf"has a \{path} that is not a program."
    if found.architecture != architecture:
        machine = found.architecture or "another machine"
        return None, rf"has a \{path} for {machine}, not for {architecture}."
    return name, ""


# BIOS


def _bios(walk: Walk) -> Iterator[Fact]:
    assert walk.disk
    sector = walk.disk.read(0, _SECTOR) if walk.disk.size >= _SECTOR else b""
    if sector[510:] != b"\x55\xaa":
        yield stops(
            "The first sector of the disk does not end with the signature 0x55AA.",
            "No bootable device",
            Mark.REPORTED,
            sources.REPAIR_PARTITION,
        )
        return
    if walk.scheme == "gpt":
        yield stops(
            "The disk has a GPT, and the machine has BIOS: Windows does not start from it there.",
            "No bootable device",
            Mark.DOCUMENTED,
            sources.BIOS_PARTITIONS,
            cure="reseal deploy IMAGE DISK --firmware bios, or a machine with UEFI",
        )
        return
    if not any(sector[:_CODE]):
        yield stops(
            "The MBR has no boot code.",
            "A black screen, or No bootable device",
            Mark.REPORTED,
            sources.REPAIR_PARTITION,
            cure=_REPAIR,
        )
        return
    own = sector[:_CODE] == boot_code.mbr().ljust(_CODE, b"\0")
    active = [one for one in walk.ranges if one.active]
    if not active:
        yield stops(
            "No partition is active.",
            _NO_SYSTEM,
            Mark.DOCUMENTED,
            sources.READ_ERROR,
            cure=_REPAIR,
        )
        return
    if len(active) > 1:
        numbers = ", ".join(str(one.number) for one in active)
        if not own:
            yield stops(
                f"Several partitions are active ({numbers}).",
                "Invalid partition table",
                Mark.REPORTED,
                sources.REPAIR_PARTITION,
                cure=_REPAIR,
            )
            return
        yield passes(
            f"Several partitions are active ({numbers}); the code in the MBR is reseal's, which starts the "
            "first.",
            Mark.SEEN,
            "reseal's boot code",
        )
    walk.system = active[0]
    yield from _boot_sector(walk, active[0])


def _boot_sector(walk: Walk, place: VolumeRange) -> Iterator[Fact]:
    """The first sectors of the active partition, and bootmgr on it."""
    assert walk.disk
    code = walk.disk.read(place.offset, min(boot_code.BOOT_SIZE, place.size))
    what = f"The boot sector of the active partition ({place.number})"
    if code[510:512] != b"\x55\xaa":
        yield stops(
            f"{what} does not end with the signature 0x55AA.",
            _NO_SYSTEM,
            Mark.REPORTED,
            sources.REPAIR_PARTITION,
            cure=_REPAIR,
        )
        return
    if any(one in code for one in _NOT_BOOTABLE) or not any(code[90:510]):
        yield stops(
            f"{what} has no boot code of Windows.",
            _NO_SYSTEM,
            Mark.REPORTED,
            sources.REPAIR_PARTITION,
            cure=_REPAIR,
        )
        return
    hidden = int.from_bytes(code[28:32], "little")
    first = place.on_disk // _SECTOR
    if hidden != first:
        yield stops(
            f"{what} says that {hidden} sectors are before it (HiddenSectors), but {first} are.",
            "A disk read error occurred",
            Mark.REPORTED,
            sources.REPAIR_PARTITION,
            cure=_REPAIR,
        )
        return
    with walk.volume(place) as volume:
        stat = volume.stat("bootmgr") if volume else None
    if stat is None or stat.is_directory or not stat.size:
        yield stops(
            f"The active partition ({place.number}) has no bootmgr.",
            "BOOTMGR is missing",
            Mark.DOCUMENTED,
            "Microsoft, Windows boot issues troubleshooting",
            cure=_REPAIR,
        )
        return
    if boot_code.starts_bootmgr(code):
        yield passes(
            f"Partition {place.number} (active) has boot code and bootmgr.",
            Mark.REPORTED,
            sources.REPAIR_PARTITION,
        )
    elif _NTLDR in code or b"NTLDR" in code:
        yield stops(
            f"{what} loads NTLDR, the loader of Windows XP.",
            "NTLDR is missing",
            Mark.REPORTED,
            sources.REPAIR_PARTITION,
            cure=_REPAIR,
        )
    else:
        yield unknown(
            f"{what} has code that reseal does not know.", Mark.INFERRED, sources.THIS_IMAGE
        )
