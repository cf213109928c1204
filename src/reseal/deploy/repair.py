r"""Put back what a disk needs to start its Windows, as bcdboot and bootsect do in a running one.

| firmware | what | when |
|---|---|---|
| UEFI | the boot files on the EFI system partition, also as `\EFI\Boot\boot{arch}.efi` | always; other files stay |
| BIOS | the active flag | no partition, or several are active |
| | the code in the MBR | it is all zero |
| | the code and HiddenSectors of the active partition | they do not start bootmgr |
| | bootmgr and its files | always |
| both | the boot store | it does not start this Windows |

The files come from the image's own `Windows\Boot`, the store from its BCD-Template (documented: Microsoft,
BCDBoot Command-Line Options). That the entries of other systems are lost with a new store: documented there.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from dataclasses import dataclass, replace

from reseal.deploy import boot_code, boot_files, boot_manager
from reseal.deploy.boot import store_of
from reseal.deploy.layout import EFI_SYSTEM, Firmware, Layout, hidden_sectors
from reseal.disk import Slice, VolumeRange
from reseal.disk.tables import write_mbr
from reseal.errors import CheckError
from reseal.fat import FatVolume, NotFatError
from reseal.fat.add import add
from reseal.ntfs import NotNtfsError, Volume
from reseal.ntfs.extend import set_hidden_sectors
from reseal.run.disk import OpenedDisk
from reseal.session.boot_store import BIOS_STORE, UEFI_STORE
from reseal.tree import parent
from reseal.windows import Installation

_CODE = 440


@dataclass(frozen=True, slots=True)
class Repaired:
    """One thing that was put back: what it is, and where."""

    what: str
    target: str


@dataclass(frozen=True, slots=True)
class Repair:
    """What was put back, and what the user must know about it."""

    done: list[Repaired]
    notes: list[str]


def repair(
    opened: OpenedDisk,
    installation: Installation,
    ranges: list[VolumeRange],
    *,
    store: bool,
    family: str | None = None,
) -> Repair:
    """Write the boot files, and whatever else the disk lacks.

    Args:
        opened: the disk, writable.
        installation: the Windows that it should start.
        ranges: its partitions.
        store: whether to write a new boot store.
        family: the boot manager that the user chose; see `boot_manager.choose`.

    Raises:
        CheckError: the disk has no place for boot files.
        ImageError: the image lacks boot files, or a volume is damaged.
    """
    own = next(one for one in ranges if one.number == installation.volume)
    if own.scheme == "gpt":
        return _uefi(opened, installation, ranges, own, store=store, family=family)
    if own.scheme == "mbr":
        return Repair(_bios(opened, installation, ranges, own, store=store), [])
    msg = "The image is a single volume, which has no partition for boot files."
    raise CheckError(msg, "Make a disk of it: reseal deploy IMAGE DISK.")


def _content(
    installation: Installation,
    system: VolumeRange,
    own: VolumeRange,
    firmware: Firmware,
    *,
    store: bool,
    family: str | None = None,
) -> dict[str, bytes]:
    """Return the files of the system partition, with a new boot store if there has to be one."""
    found = boot_files.collect(installation, firmware, family=family)
    if not store:
        return dict(found.files)
    layout = Layout(firmware, 0, {"system": system, "windows": own})
    made = store_of(installation, layout, found.locale)
    path = UEFI_STORE if firmware is Firmware.UEFI else BIOS_STORE
    logs = {f"{path}.{one}": b"" for one in ("LOG", "LOG1", "LOG2")}
    return {**found.files, path: made.to_bytes(), **logs}


def _uefi(
    opened: OpenedDisk,
    installation: Installation,
    ranges: list[VolumeRange],
    own: VolumeRange,
    *,
    store: bool,
    family: str | None,
) -> Repair:
    system = next((one for one in ranges if one.type == EFI_SYSTEM), None)
    if system is None:
        msg = "The disk has no EFI system partition."
        raise CheckError(msg, "Make a new disk: reseal deploy IMAGE DISK --firmware uefi.")
    part = opened.part(system)
    _require_no_ntfs(part, system)
    found = boot_manager.of_disk(opened.device, [system], installation)
    chosen = boot_manager.choose(installation, asked=family, found=found)
    files = _content(installation, system, own, Firmware.UEFI, store=store, family=chosen.family)
    formatted = add(part, files, label="SYSTEM", hidden_sectors=hidden_sectors(system))
    _require_written(FatVolume.open(part, name="system"), files)
    done = [Repaired("FAT32", f"volume {system.number}")] if formatted else []
    done.append(Repaired(f"{len(files)} boot files", f"volume {system.number}"))
    if store:
        done.append(Repaired("boot store", UEFI_STORE))
    return Repair(done, list(chosen.notes))


def _require_no_ntfs(part: Slice, system: VolumeRange) -> None:
    try:
        Volume.open(part, read_only=True, name="system").close()
    except NotNtfsError:
        return
    msg = f"The EFI system partition ({system.number}) is formatted with NTFS."
    raise CheckError(msg, "Copy what you need from it, wipe it, and repair the disk again.")


def _bios(
    opened: OpenedDisk,
    installation: Installation,
    ranges: list[VolumeRange],
    own: VolumeRange,
    *,
    store: bool,
) -> list[Repaired]:
    done = []
    active = [one for one in ranges if one.active and one.number <= 4]
    system = active[0] if active else _likely(opened, ranges) or own
    if len(active) != 1:
        marked = [replace(one, active=one is system) for one in ranges]
        write_mbr(opened.device, int(own.disk, 16), marked)
        done.append(Repaired("active flag", f"volume {system.number}"))
    if not any(opened.device.read(0, _CODE)):
        boot_code.install_mbr(opened.device)
        done.append(Repaired("boot code", "MBR"))
    part = opened.part(system)
    code = part.read(0, boot_code.BOOT_SIZE)
    if not boot_code.starts_bootmgr(code):
        boot_code.install(part, boot_code.of_volume(part) or boot_code.ntfs())
        done.append(Repaired("boot code", f"volume {system.number}"))
    if int.from_bytes(code[28:32], "little") != hidden_sectors(system):
        set_hidden_sectors(part, hidden_sectors(system))
        done.append(Repaired("HiddenSectors", f"volume {system.number}"))
    files = _content(installation, system, own, Firmware.BIOS, store=store)
    with Volume.open(part, read_only=False, name="system") as volume:
        for path, data in files.items():
            _put(volume, path, data)
    done.append(Repaired(f"{len(files)} boot files", f"volume {system.number}"))
    return done + ([Repaired("boot store", BIOS_STORE)] if store else [])


def _likely(opened: OpenedDisk, ranges: list[VolumeRange]) -> VolumeRange | None:
    """Return the primary partition that has bootmgr."""
    for one in ranges:
        if one.number > 4:
            continue
        try:
            with Volume.open(opened.part(one), read_only=True, name="system") as volume:
                if volume.stat("bootmgr"):
                    return one
        except NotNtfsError:
            continue
    return None


def _put(volume: Volume, path: str, data: bytes) -> None:
    folder = parent(path)
    if folder and volume.stat(folder) is None:
        _folder(volume, folder)
    if volume.stat(path) is None:
        volume.create(path, data)
    elif volume.read(path) != data:
        volume.write(path, data)


def _folder(volume: Volume, path: str) -> None:
    if parent(path) and volume.stat(parent(path)) is None:
        _folder(volume, parent(path))
    volume.make_directory(path)


def _require_written(volume: FatVolume, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        if volume.read(path) != data:
            raise NotFatError(f"{path} on the system partition differs from what was written.")
