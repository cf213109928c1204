"""What Windows Setup needs to install from its medium: the pass windowsPE."""

from __future__ import annotations

from reseal.answerfile.answers import Answers, FullSetup
from reseal.answerfile.building import Item, commands, group, leaf
from reseal.answerfile.components import INTERNATIONAL_WINPE, SETUP
from reseal.answerfile.passes import Pass

#: Sizes in MB (documented: UEFI/GPT-based and BIOS/MBR-based hard drive partitions).
EFI_SIZE = 300
MSR_SIZE = 16
SYSTEM_SIZE = 350


def components(answers: Answers) -> list[tuple[str, list[Item | None]]]:
    """Return the components of the pass windowsPE: its commands, and an installation if there is one."""
    texts = tuple(command for name, command in answers.run if name == Pass.WINDOWS_PE)
    run = commands("RunSynchronous", "RunSynchronousCommand", "Path", texts)
    setup = answers.setup
    if setup is None:
        return [(SETUP, [run])]
    language = group("SetupUILanguage", leaf("UILanguage", answers.language or answers.locale))
    settings = [
        _disk(setup),
        _image(setup),
        run,
        _user(answers),
    ]
    return [(INTERNATIONAL_WINPE, [language, *locale(answers)]), (SETUP, settings)]


def locale(answers: Answers) -> list[Item | None]:
    """Return the settings for languages, which two components share."""
    return [
        leaf("InputLocale", answers.keyboard or answers.locale),
        leaf("SystemLocale", answers.locale),
        leaf("UILanguage", answers.language or answers.locale),
        leaf("UILanguageFallback", answers.fallback_language),
        leaf("UserLocale", answers.locale),
    ]


def _disk(setup: FullSetup) -> Item:
    made, changed = _uefi() if setup.firmware == "uefi" else _bios()
    disk = Item(
        "Disk",
        Item("CreatePartitions", *made),
        Item("ModifyPartitions", *changed),
        Item("DiskID", str(setup.disk)),
        Item("WillWipeDisk", "true"),
        key="",
    )
    return Item("DiskConfiguration", disk)


def _uefi() -> tuple[list[Item], list[Item]]:
    made = [_create(1, "EFI", EFI_SIZE), _create(2, "MSR", MSR_SIZE), _create(3, "Primary")]
    return made, [
        _modify(1, 1, ("Format", "FAT32"), ("Label", "System")),
        _modify(2, 3, ("Format", "NTFS"), ("Label", "Windows"), ("Letter", "C")),
    ]


def _bios() -> tuple[list[Item], list[Item]]:
    made = [_create(1, "Primary", SYSTEM_SIZE), _create(2, "Primary")]
    return made, [
        _modify(1, 1, ("Active", "true"), ("Format", "NTFS"), ("Label", "System")),
        _modify(2, 2, ("Format", "NTFS"), ("Label", "Windows"), ("Letter", "C")),
    ]


def _create(order: int, kind: str, size: int = 0) -> Item:
    extent = Item("Size", str(size)) if size else Item("Extend", "true")
    return Item("CreatePartition", Item("Order", str(order)), extent, Item("Type", kind), key="")


def _modify(order: int, number: int, *settings: tuple[str, str]) -> Item:
    place = (Item("Order", str(order)), Item("PartitionID", str(number)))
    rest = (Item(name, text) for name, text in settings)
    return Item("ModifyPartition", *place, *rest, key="")


def _image(setup: FullSetup) -> Item:
    kind = "/IMAGE/INDEX" if setup.image.isdecimal() else "/IMAGE/NAME"
    metadata = Item("MetaData", Item("Key", kind), Item("Value", setup.image), key="")
    target = Item(
        "InstallTo",
        Item("DiskID", str(setup.disk)),
        Item("PartitionID", "3" if setup.firmware == "uefi" else "2"),
    )
    chosen = Item("InstallFrom", metadata) if setup.image else None
    return Item("ImageInstall", Item("OSImage", chosen, target))


def _user(answers: Answers) -> Item:
    key = answers.product_key
    return Item(
        "UserData",
        Item("ProductKey", Item("Key", key.reveal())) if key else None,
        Item("AcceptEula", "true"),
        leaf("FullName", answers.owner),
        leaf("Organization", answers.organization),
    )
