"""Disks and images in windowsPE."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reseal.answerfile.components import SETUP
from reseal.answerfile.document import Setting
from reseal.answerfile.findings import Context, Level, Problem, has_value, repeated, rule
from reseal.answerfile.secrets import shown
from reseal.mark import Mark

_DISK = "DiskConfiguration/Disk"
_LETTER = f"{_DISK}/ModifyPartitions/ModifyPartition/Letter"
_IMAGE = "ImageInstall/OSImage"


@rule(
    "partition-size",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, CreatePartition Size: Setup ends with an error",
)
def partition_size(context: Context) -> Iterator[Problem]:
    """A new partition has a size or fills the disk, not both."""
    for item in context.at(SETUP, f"{_DISK}/CreatePartitions/CreatePartition"):
        extends = item.text_of("Extend").casefold() == "true"
        size = item.child("Size")
        if extends and size is not None:
            yield Problem(
                size.position,
                "this partition has a Size and Extend is true",
                "Windows Setup makes no such partition and stops",
                "delete one of the two",
            )
        elif not extends and (size is None or not size.text):
            yield Problem(
                item.position,
                "this partition has no Size and does not extend",
                "Windows Setup does not know how large to make it",
                "add <Size> in MB, or <Extend>true</Extend>",
            )
        elif size is not None and has_value(size) and not _is_size(size.text):
            yield Problem.of_value(
                size,
                "it is a number of MB, from 1",
                f"write {_in_megabytes(size.text) or 'for example 500'}",
            )


#: A size as people write it, with a unit.
_WITH_UNIT = re.compile(r"(?i)(\d{1,9})\s*(MB?|MiB|GB?|GiB|TB?|TiB)")
_MEGABYTES = {"m": 1, "g": 1 << 10, "t": 1 << 20}


def _is_size(text: str) -> bool:
    return text.isdecimal() and text.strip("0") != ""


def _in_megabytes(text: str) -> str:
    """Return a size with a unit as a number of MB; empty where it is none."""
    match = _WITH_UNIT.fullmatch(text)
    size = int(match.group(1)) * _MEGABYTES[match.group(2)[0].lower()] if match else 0
    return str(size) if size else ""


@rule(
    "install-target",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, InstallToAvailablePartition: it fails",
)
def install_target(context: Context) -> Iterator[Problem]:
    """Windows is installed to a named partition or to the first that is free, not both."""
    for image in context.at(SETUP, _IMAGE):
        available = image.child("InstallToAvailablePartition")
        if available is not None and available.text == "true" and image.child("InstallTo"):
            yield Problem(
                available.value_position,
                "InstallToAvailablePartition is true, and InstallTo is set",
                "the installation fails when both are set",
                "delete one of the two",
            )


@rule(
    "install-partition",
    Level.ERROR,
    mark=Mark.INFERRED,
    source="a wiped disk has the partitions of CreatePartitions and no others",
)
def install_partition(context: Context) -> Iterator[Problem]:
    """The partition to install to is one that the file creates, if it wipes that disk."""
    disks = {
        (disk.component, disk.text_of("DiskID")): disk
        for disk in context.at(SETUP, _DISK)
        if disk.text_of("WillWipeDisk") == "true" and disk.child("CreatePartitions")
    }
    for image in context.at(SETUP, _IMAGE):
        number = image.child("InstallTo/PartitionID")
        disk = disks.get((image.component, image.text_of("InstallTo/DiskID")))
        made = disk.child("CreatePartitions") if disk else None
        if number is None or made is None or not number.text.isdecimal():
            continue
        # Setup numbers no extended partition (documented in an example of CreatePartition).
        count = sum(item.text_of("Type") != "Extended" for item in made.children)
        if not 1 <= int(number.text[:6]) <= count:
            yield Problem(
                number.value_position,
                f"Windows is to be installed to partition {number.text[:6]}",
                f"the disk is wiped and gets {count} partition{'' if count == 1 else 's'}",
                "write the number of one of them",
            )


#: Partitions that hold no Windows (documented: UEFI/GPT-based hard drive partitions).
_NO_WINDOWS = {"EFI": "the firmware starts from it", "MSR": "Windows reserves it for itself"}


def _made(disk: Setting) -> list[Setting]:
    """Return the partitions that a disk gets, in the order in which Setup makes and numbers them."""
    made = disk.child("CreatePartitions")
    items = [item for item in made.children if item.action != "remove"] if made else []
    return sorted(items, key=_order)


def _numbered(disk: Setting) -> dict[str, Setting]:
    """Return the new partitions of a wiped disk by their numbers; an extended one has none."""
    if disk.text_of("WillWipeDisk").casefold() != "true":
        return {}
    counted = [item for item in _made(disk) if item.text_of("Type").casefold() != "extended"]
    return {str(number): item for number, item in enumerate(counted, 1)}


def _order(item: Setting) -> int:
    text = item.text_of("Order")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _disks(context: Context) -> dict[tuple[object, str], Setting]:
    return {(disk.component, disk.text_of("DiskID")): disk for disk in context.at(SETUP, _DISK)}


@rule(
    "install-partition-type",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="UEFI/GPT-based hard drive partitions",
)
def install_partition_type(context: Context) -> Iterator[Problem]:
    """Windows is installed to a primary partition, not to the EFI system partition or the MSR."""
    disks = _disks(context)
    numbered: dict[Setting, dict[str, Setting]] = {}
    for image in context.at(SETUP, _IMAGE):
        number = image.child("InstallTo/PartitionID")
        disk = disks.get((image.component, image.text_of("InstallTo/DiskID")))
        if number is None or disk is None:
            continue
        if disk not in numbered:
            numbered[disk] = _numbered(disk)
        target = numbered[disk].get(number.text)
        kind = target.text_of("Type").upper() if target else ""
        if kind in _NO_WINDOWS:
            yield Problem(
                number.value_position,
                f"Windows is to be installed to partition {number.text}, which is of the type {kind}",
                f"{_NO_WINDOWS[kind]}, and it is too small",
                "write the number of the Primary partition for Windows",
            )


@rule(
    "install-disk",
    Level.WARNING,
    mark=Mark.INFERRED,
    source="laying out one disk and installing to another is probably a mistake",
)
def install_disk(context: Context) -> Iterator[Problem]:
    """The disk to install to is one that DiskConfiguration describes, if it describes any."""
    disks = _disks(context)
    described = {component for component, _ in disks}
    # A disk without a number, or with a variable for one, may be the one that is meant.
    described -= {disk.component for disk in context.at(SETUP, _DISK) if not _has_number(disk)}
    for image in context.at(SETUP, _IMAGE):
        number = image.child("InstallTo/DiskID")
        if number is None or not number.text.isdecimal() or image.component not in described:
            continue
        if (image.component, number.text) not in disks:
            yield Problem(
                number.value_position,
                f"Windows is to be installed to disk {number.text[:6]}, which is not described here",
                "DiskConfiguration describes another one",
                "write the number of a disk that DiskConfiguration describes",
            )


def _has_number(disk: Setting) -> bool:
    number = disk.child("DiskID")
    return number is not None and has_value(number)


@rule(
    "modified-partition",
    Level.ERROR,
    mark=Mark.INFERRED,
    source="a wiped disk has the partitions of CreatePartitions and no others",
)
def modified_partition(context: Context) -> Iterator[Problem]:
    """A partition to modify is one that the file creates, if it wipes that disk."""
    for disk in context.at(SETUP, _DISK):
        modified = disk.child("ModifyPartitions")
        numbered = _numbered(disk) if modified else {}
        for item in modified.children if modified and numbered else ():
            number = item.child("PartitionID")
            if number is None or not number.text.isdecimal():
                continue
            if (number.text.lstrip("0") or "0") not in numbered:
                count = len(numbered)
                yield Problem(
                    number.value_position,
                    f"partition {number.text[:6]} is to be modified",
                    f"the disk is wiped and gets {count} partition{'' if count == 1 else 's'}",
                    "write the number of one of them",
                )


@rule(
    "duplicate-letter",
    Level.ERROR,
    mark=Mark.INFERRED,
    source="a drive letter leads to one volume",
)
def duplicate_letter(context: Context) -> Iterator[Problem]:
    """A drive letter goes to one partition."""
    letters = context.values_at(SETUP, _LETTER)
    for letter, first in repeated(letters, lambda letter: (letter.component, letter.text.upper())):
        yield Problem(
            letter.value_position,
            f"another partition has the drive letter {letter.text[:2].upper()}",
            f"it gets it on line {first.position.line}",
            "give one of the two another letter",
        )


@rule(
    "partition-extend",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, CreatePartition Extend. Logical partitions lie "
    "in the extended one before them",
)
def partition_extend(context: Context) -> Iterator[Problem]:
    """The last partition of a disk extends, and no other."""
    for disk in context.at(SETUP, _DISK):
        made = _made(disk)
        for number, item in enumerate(made):
            if item.text_of("Extend").casefold() != "true":
                continue
            after = made[number + 1 :]
            if item.text_of("Type").casefold() == "extended":
                after = [one for one in after if one.text_of("Type").casefold() != "logical"]
            if after:
                extend = item.child("Extend")
                assert extend is not None
                yield Problem(
                    extend.value_position,
                    "this partition extends, and another one comes after it",
                    "it takes the rest of the disk, so the other has no space",
                    "give it a Size, and let the last partition extend",
                )


@rule(
    "partition-format",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="UEFI/GPT-based hard drive partitions",
)
def partition_format(context: Context) -> Iterator[Problem]:
    """The EFI system partition is formatted with FAT32, and the MSR not at all."""
    for disk in context.at(SETUP, _DISK):
        modified = disk.child("ModifyPartitions")
        numbered = _numbered(disk) if modified else {}
        for item in modified.children if modified else ():
            format_, target = item.child("Format"), numbered.get(item.text_of("PartitionID"))
            if format_ is None or not format_.text or target is None:
                continue
            kind = target.text_of("Type").upper()
            if kind == "EFI" and format_.text.casefold() != "fat32":
                yield Problem(
                    format_.value_position,
                    f"the EFI system partition is formatted with {shown(format_)}",
                    "firmware reads FAT32",
                    "write FAT32",
                )
            elif kind == "MSR":
                yield Problem(
                    format_.value_position,
                    "the MSR partition is formatted",
                    "it holds no file system",
                    "delete this ModifyPartition",
                )


@rule(
    "duplicate-disk",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Disk: DiskID tells disks apart",
)
def duplicate_disk(context: Context) -> Iterator[Problem]:
    """A disk is described once."""
    numbers = context.values_at(SETUP, f"{_DISK}/DiskID")
    for number, first in repeated(numbers, lambda number: (number.component, number.text)):
        yield Problem(
            number.value_position,
            f"the disk {number.text[:6]} is described a second time",
            f"it is described on line {first.position.line} already",
            "put all its partitions into one <Disk>",
        )


@rule(
    "drive-letter",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Letter",
)
def drive_letter(context: Context) -> Iterator[Problem]:
    """A drive letter is one letter from C."""
    for letter in context.values_at(SETUP, _LETTER):
        if not re.fullmatch(r"[C-Zc-z]", letter.text):
            yield Problem.of_value(
                letter, "it is one letter from C to Z, without a colon", "write for example C"
            )


@rule(
    "image-metadata",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, MetaData Key",
)
def image_metadata(context: Context) -> Iterator[Problem]:
    """An image is chosen by its index, name or description."""
    usual = {"/image/index", "/image/name", "/image/description"}
    for key in context.values_at(SETUP, f"{_IMAGE}/InstallFrom/MetaData/Key"):
        if key.text.casefold() not in usual:
            yield Problem.of_value(
                key,
                "the reference lists /IMAGE/INDEX, /IMAGE/NAME and /IMAGE/DESCRIPTION only",
                "choose the image by one of these",
            )


@rule(
    "image-index",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, MetaData Value",
)
def image_index(context: Context) -> Iterator[Problem]:
    """The index of an image is a number from 1."""
    for item in context.at(SETUP, f"{_IMAGE}/InstallFrom/MetaData"):
        value = item.child("Value")
        if item.text_of("Key").casefold() != "/image/index" or value is None or not value.text:
            continue
        if not value.text.isdecimal() or not value.text.strip("0"):
            yield Problem(
                value.value_position,
                f"the index of the image is {shown(value)}",
                "images are numbered from 1",
                "write the number, or choose by /IMAGE/NAME",
            )
