"""Disks and images in windowsPE."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reseal.answerfile.components import SETUP
from reseal.answerfile.findings import Context, Level, Problem, rule
from reseal.answerfile.secrets import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_DISK = "DiskConfiguration/Disk"
_IMAGE = "ImageInstall/OSImage"


@rule("partition-size", Level.ERROR)
def partition_size(context: Context) -> Iterator[Problem]:
    """A new partition has a size or fills the disk, not both.

    Documented: Unattended Windows Setup Reference, CreatePartition Size: Setup ends with an error.
    """
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


@rule("install-target", Level.ERROR)
def install_target(context: Context) -> Iterator[Problem]:
    """Windows is installed to a named partition or to the first that is free, not both.

    Documented: Unattended Windows Setup Reference, InstallToAvailablePartition: it fails.
    """
    for image in context.at(SETUP, _IMAGE):
        available = image.child("InstallToAvailablePartition")
        if available is not None and available.text == "true" and image.child("InstallTo"):
            yield Problem(
                available.value_position,
                "InstallToAvailablePartition is true beside InstallTo",
                "the installation fails when both are set",
                "delete one of the two",
            )


@rule("install-partition", Level.ERROR)
def install_partition(context: Context) -> Iterator[Problem]:
    """The partition to install to is one that the file makes, where it wipes that disk.

    Inferred: a wiped disk has the partitions of CreatePartitions and no others.
    """
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


@rule("duplicate-disk", Level.ERROR)
def duplicate_disk(context: Context) -> Iterator[Problem]:
    """A disk is described once.

    Documented: Unattended Windows Setup Reference, Disk: DiskID tells disks apart.
    """
    seen: dict[tuple[object, str], int] = {}
    for number in context.values_at(SETUP, f"{_DISK}/DiskID"):
        key = (number.component, number.text)
        first = seen.setdefault(key, number.position.line)
        if first != number.position.line:
            yield Problem(
                number.value_position,
                f"the disk {number.text[:6]} is described a second time",
                f"it is described on line {first} already",
                "put all its partitions into one <Disk>",
            )


@rule("drive-letter", Level.ERROR)
def drive_letter(context: Context) -> Iterator[Problem]:
    """A drive letter is one letter from C.

    Documented: Unattended Windows Setup Reference, Letter.
    """
    for letter in context.values_at(SETUP, f"{_DISK}/ModifyPartitions/ModifyPartition/Letter"):
        if not re.fullmatch(r"[C-Zc-z]", letter.text):
            yield Problem(
                letter.value_position,
                f"Letter is {shown(letter)}",
                "it is one letter from C to Z, without a colon",
                "write for example C",
            )


@rule("image-metadata", Level.WARNING)
def image_metadata(context: Context) -> Iterator[Problem]:
    """An image is chosen by its index, name or description.

    Documented: Unattended Windows Setup Reference, MetaData Key.
    """
    usual = {"/image/index", "/image/name", "/image/description"}
    for key in context.values_at(SETUP, f"{_IMAGE}/InstallFrom/MetaData/Key"):
        if key.text.casefold() not in usual:
            yield Problem(
                key.value_position,
                f"Key is {shown(key)}",
                "the reference lists /IMAGE/INDEX, /IMAGE/NAME and /IMAGE/DESCRIPTION only",
                "choose the image by one of these",
            )


@rule("image-index", Level.ERROR)
def image_index(context: Context) -> Iterator[Problem]:
    """The index of an image is a number from 1.

    Documented: Unattended Windows Setup Reference, MetaData Value.
    """
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
