r"""The files that start Windows: copied from `Windows\Boot` to the system partition, as bcdboot does.

| firmware | from | to |
|---|---|---|
| UEFI | `Boot\EFI` | `\EFI\Microsoft\Boot` |
| | `Boot\Fonts`, `Boot\Resources` | below `\EFI\Microsoft\Boot` |
| | `Boot\EFI\bootmgfw.efi` | `\EFI\Boot\bootx64.efi` (bootia32, bootaa64), which firmware without a boot entry starts |
| BIOS | `Boot\PCAT\bootmgr` | `\bootmgr` |
| | `Boot\PCAT\bootnxt` | `\BOOTNXT` (Windows 8 and later) |
| | all else in `Boot\PCAT` | `\Boot` |
| | `Boot\Fonts`, `Boot\Resources` | below `\Boot` |

That bcdboot copies from the image's `Windows\Boot`, and makes the store from its BCD-Template: documented
(Microsoft, "BCDBoot Command-Line Options"). The destination of each file: seen in the system partitions of
real machines. The name in `\EFI\Boot`: documented (UEFI specification, removable media). `BOOTSTAT.DAT` is
not created: its content is not documented, and the boot manager starts without it (inferred).
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from reseal.deploy.layout import Firmware
from reseal.errors import CheckError, ImageError, UsageError
from reseal.tree import Tree, join
from reseal.windows import Installation, content
from reseal.windows.names import CONFIG

TEMPLATE = join(CONFIG, "BCD-Template")
UEFI_MANAGER = r"Boot\EFI\bootmgfw.efi"
BIOS_MANAGER = r"Boot\PCAT\bootmgr"
LOADER = {Firmware.UEFI: r"System32\winload.efi", Firmware.BIOS: r"System32\winload.exe"}

#: (folder of the image, folder of the system partition) by firmware.
_FOLDERS = {
    Firmware.UEFI: (
        (r"Boot\EFI", r"EFI\Microsoft\Boot"),
        (r"Boot\Fonts", r"EFI\Microsoft\Boot\Fonts"),
        (r"Boot\Resources", r"EFI\Microsoft\Boot\Resources"),
    ),
    Firmware.BIOS: (
        (r"Boot\PCAT", "Boot"),
        (r"Boot\Fonts", r"Boot\Fonts"),
        (r"Boot\Resources", r"Boot\Resources"),
    ),
}
#: The files of `Boot\PCAT` that go to the root.
_ROOT = {"bootmgr": "bootmgr", "bootnxt": "BOOTNXT"}

#: Machine of a PE file (documented) to the architecture and its name in \EFI\Boot (UEFI specification).
_MACHINES = {
    0x8664: ("amd64", "bootx64.efi"),
    0x014C: ("x86", "bootia32.efi"),
    0xAA64: ("arm64", "bootaa64.efi"),
    0x01C4: ("arm", "bootarm.efi"),
}

#: The authorities that sign boot managers for Secure Boot, by the year of their certificate; their names are
#: those in the certificates (seen).
AUTHORITIES = {
    "2011": "Microsoft Windows Production PCA 2011",
    "2023": "Windows UEFI CA 2023",
}


def require_authority(asked: str | None) -> None:
    """Raise UsageError if --boot-files names an authority that is not known."""
    if asked is not None and asked not in AUTHORITIES:
        msg = f"--boot-files {asked} is not known."
        raise UsageError(msg, f"Use {' or '.join(AUTHORITIES)}.")


#: The loader in \EFI\Boot that firmware starts, by the architecture of Windows.
NAMES_BY_ARCHITECTURE = dict(_MACHINES.values())

#: Real folders hold some 150 files and 60 MiB (seen); FAT and mtools accept these names unchanged.
_MAX_FILES = 2000
_MAX_BYTES = 90 << 20
_MAX_DEPTH = 6
_NAME = re.compile(r"[A-Za-z0-9_{(~][A-Za-z0-9_{}()~ .-]{0,120}(?<![ .])")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{4})?-[A-Z0-9]{2,3}")
_DEFAULT_LOCALE = "en-US"


@dataclass(frozen=True, slots=True)
class BootFiles:
    """The content of the system partition.

    Attributes:
        files: content by path on the partition.
        locale: the language of the boot menu.
        architecture: the architecture of the boot manager; None if it is not an EFI program.
    """

    files: dict[str, bytes]
    locale: str
    architecture: str | None


def collect(
    installation: Installation, firmware: Firmware, *, family: str | None = None
) -> BootFiles:
    r"""Read the boot files of an installation.

    Args:
        installation: the Windows installation.
        firmware: the firmware that starts it.
        family: whose signature the UEFI boot manager has: `2011` (`Boot\EFI`) or `2023` (`Boot\EFI_EX`,
            laid over it: the files there have names ending with `_EX`); None for `Boot\EFI`.

    Raises:
        ImageError: the image has none for this firmware, or they exceed those of any Windows.
        CheckError: this Windows does not start from the firmware.
    """
    require(installation, firmware)
    tree = installation.tree
    files: dict[str, bytes] = {}
    size = 0
    for source, target in _FOLDERS[firmware]:
        for path, inner in _walk(tree, installation.path(source)):
            data = content.read(tree, path)
            size += len(data)
            if len(files) >= _MAX_FILES or size > _MAX_BYTES:
                msg = f"{installation.path('Boot')} holds more files than the boot files of any Windows."
                raise ImageError(msg, "Restore the folder from a Windows of the same build.")
            if firmware is Firmware.BIOS and inner.lower() in _ROOT:
                files[_ROOT[inner.lower()]] = data
            else:
                files[join(target, inner)] = data
    if family == "2023":
        files |= _family_2023(installation)
    architecture = None
    if firmware is Firmware.UEFI:
        manager = next(
            data for path, data in files.items() if path.lower().endswith(r"\bootmgfw.efi")
        )
        architecture, name = _machine(installation, manager)
        files[rf"EFI\Boot\{name}"] = manager
    return BootFiles(files, _locale(installation, firmware), architecture)


def manager_2023(installation: Installation) -> str | None:
    r"""Return the path of the image's boot manager that Windows UEFI CA 2023 signed; None if it has none.

    `Boot\EFI_EX` holds `bootmgfw_EX.efi` and `bootmgr_EX.efi` (documented: Microsoft, KB5025885, Updating
    the boot manager).
    """
    return _of_2023(installation, "bootmgfw")


def _of_2023(installation: Installation, name: str) -> str | None:
    path = installation.path("Boot", "EFI_EX", f"{name}_EX.efi")
    stat = installation.tree.stat(path)
    return path if stat and not stat.is_directory else None


def _family_2023(installation: Installation) -> dict[str, bytes]:
    """Return the files that Windows UEFI CA 2023 signed, under their usual names.

    Raises:
        ImageError: the image has none.
    """
    if manager_2023(installation) is None:
        msg = (
            f"{installation.path('Boot', 'EFI_EX')} has no boot manager that is signed by "
            f"{AUTHORITIES['2023']}."
        )
        raise ImageError(msg, "Install a current update in Windows, or use --boot-files 2011.")
    return {
        join(r"EFI\Microsoft\Boot", f"{name}.efi"): content.read(installation.tree, path)
        for name in ("bootmgfw", "bootmgr")
        if (path := _of_2023(installation, name))
    }


def require(installation: Installation, firmware: Firmware) -> None:
    """Check that an installation can start from a firmware.

    Raises:
        CheckError: this Windows never starts from this firmware.
        ImageError: a file is missing.
    """
    if firmware is Firmware.BIOS and installation.architecture in {"arm64", "arm"}:
        msg = f"A Windows for {installation.architecture} starts only from UEFI, not from BIOS."
        raise CheckError(msg, "Choose --firmware uefi.")
    if missing := _missing(installation, firmware):
        msg = f"{missing} is missing, so {firmware} can't start this Windows."
        other = Firmware.BIOS if firmware is Firmware.UEFI else Firmware.UEFI
        hint = "Use an image of a whole installation (Setup's own has the file)"
        if _starts(installation, other):
            hint += f", or --firmware {other}"
        raise ImageError(msg, f"{hint}. No disk was made.")


def _missing(installation: Installation, firmware: Firmware) -> str | None:
    """Return the first file that an image lacks of those that a firmware needs."""
    manager = UEFI_MANAGER if firmware is Firmware.UEFI else BIOS_MANAGER
    for path in (TEMPLATE, manager, LOADER[firmware]):
        stat = installation.tree.stat(installation.path(path))
        if stat is None or stat.is_directory:
            return installation.path(path)
    return None


def _starts(installation: Installation, firmware: Firmware) -> bool:
    arm = installation.architecture in {"arm64", "arm"}
    return not (firmware is Firmware.BIOS and arm) and not _missing(installation, firmware)


def template(installation: Installation) -> bytes:
    """Read BCD-Template."""
    return content.read(installation.tree, installation.path(TEMPLATE))


def _walk(tree: Tree, folder: str, inner: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield (path, path below the first folder) of all files in a folder; links are skipped."""
    place = join(folder, inner)
    stat = tree.stat(place)
    if stat is None or not stat.is_directory or depth > _MAX_DEPTH:
        return
    for entry in tree.list(place):
        if not _NAME.fullmatch(entry.name):
            msg = f"{place} holds a file that is not a known boot file: {entry.name!a}."
            raise ImageError(msg, "Remove it from the image. No disk was made.")
        path = join(inner, entry.name)
        if entry.is_directory:
            if not entry.reparse_tag:
                yield from _walk(tree, folder, path, depth + 1)
        else:
            yield join(folder, path), path


def _machine(installation: Installation, manager: bytes) -> tuple[str, str]:
    r"""Return the architecture of an EFI program, and its name in \\EFI\\Boot."""
    (place,) = struct.unpack_from("<I", manager.ljust(0x40, b"\0"), 0x3C)
    head = manager[place : place + 6]
    if manager[:2] != b"MZ" or head[:4] != b"PE\0\0" or len(head) < 6:
        msg = f"{installation.path(UEFI_MANAGER)} is not an EFI program."
        raise ImageError(msg, "Restore it from a Windows of the same build. No disk was made.")
    machine = int.from_bytes(head[4:], "little")
    if machine not in _MACHINES:
        msg = f"{installation.path(UEFI_MANAGER)} is for an unknown machine ({machine:#06x})."
        raise ImageError(msg, "No disk was made.")
    architecture, name = _MACHINES[machine]
    if installation.architecture not in {None, architecture}:
        msg = (
            f"This Windows is for {installation.architecture}, but its boot manager is for "
            f"{architecture}: the image is damaged."
        )
        raise ImageError(msg, r"Restore Windows\Boot from a Windows of the same build.")
    return architecture, name


def _locale(installation: Installation, firmware: Firmware) -> str:
    """Return the language of the boot menu: bcdboot's default (documented) if the image has it."""
    folder = installation.path(_FOLDERS[firmware][0][0])
    languages = sorted(
        entry.name
        for entry in installation.tree.list(folder)
        if entry.is_directory and _LANGUAGE.fullmatch(entry.name)
    )
    return languages[0] if languages and _DEFAULT_LOCALE not in languages else _DEFAULT_LOCALE
