"""Make a laid-out disk with Windows on it bootable: boot files, boot store, drive letters."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from reseal.bcd import Recipe, Store, build
from reseal.deploy import boot_code, boot_files, boot_manager, drive_letters, recovery, source
from reseal.deploy.layout import Firmware, Layout, boot_device, hidden_sectors
from reseal.disk import Slice, VolumeRange
from reseal.drivers import add_packages
from reseal.errors import ImageError
from reseal.fat import FatVolume
from reseal.fat.make import make as make_fat
from reseal.ntfs import Volume
from reseal.regf import Hive
from reseal.run import Operation, RunOptions
from reseal.run.disk import OpenedDisk
from reseal.run.work import perform
from reseal.session import Session
from reseal.session.boot_store import BIOS_STORE, UEFI_STORE
from reseal.session.session import Written
from reseal.tree import ARCHIVE, HIDDEN, READONLY, SYSTEM, parent
from reseal.windows import Installation, find_installations
from reseal.worker import Report

_RECOVERY_SEQUENCE = 0x14000008
#: The part of a product's name that the boot menu shows: `Windows 11` of `Windows 11 Pro` (seen).
_PRODUCT = re.compile(r"Windows(?: Server)?(?: \d{1,4}(?:\.\d)?)?(?: R2)?")


def make_bootable(
    opened: OpenedDisk,
    layout: Layout,
    root: str | None,
    describe: Callable[[Installation], Any],
    report: Report,
    *,
    drivers: Path | None = None,
    asked: str | None = None,
    manager: str | None = None,
) -> dict[str, Any]:
    """Finish a disk whose Windows volume holds an installation, and whose other volumes are empty.

    Args:
        opened: the disk.
        layout: its partitions.
        root: the Windows folder; None if the volume holds only one.
        describe: returns an installation's identity, for the record.
        report: receives `{"step": …}`.
        drivers: a folder of driver packages to add to Windows, if any.
        asked: the family of the boot manager that the user chose; None for no choice.
        manager: the family of the one that has started this Windows so far; None if unknown.

    Returns:
        `firmware`, `partitions`, `windows`, `before`, `after`, `boot`, `drivers`, `changes`, `written`,
        `notes`, `warnings` and `timings`.

    Raises:
        CheckError: this Windows does not start from the firmware.
        ImageError: a required file is missing or damaged.
    """
    part = opened.part(layout.windows)
    with Volume.open(part, read_only=True, name=opened.subject) as volume:
        root = _root(volume, root, opened.subject)
    operation = _Bootable(opened, layout, describe, drivers, asked, manager)
    chosen = RunOptions(volume=f"{layout.windows.number}:{root}")
    record = perform(operation, chosen, opened, report)
    with operation.session.step("Filling the system partition"):
        own_code = boot_code.of_volume(part)
        system = opened.part(layout.system)
        hidden = hidden_sectors(layout.system)
        code = None
        if layout.firmware is Firmware.UEFI:
            make_fat(system, operation.placed, label="SYSTEM", hidden_sectors=hidden)
        else:
            _fill_system(system, operation.placed)
            boot_code.install(system, own_code or boot_code.ntfs())
            boot_code.install_mbr(opened.device)
            code = "the image's" if own_code else "reseal's"
        opened.flush()
        _read_back(system, operation.placed, layout.firmware)
    notes = [*record["notes"], *record.pop("choices"), *_notes(layout.firmware, code)]
    return {
        **record,
        "partitions": [_described(role, place) for role, place in layout.partitions.items()],
        "boot": {
            **record["boot"],
            "mbr_code": "reseal's" if code else None,
            "volume_code": code,
        },
        "written": record["written"] or asdict(Written()),
        "traffic": None,
        "notes": notes,
    }


@dataclass
class _Bootable(Operation):
    """Changes to the Windows of a new disk, and the content of its system partition.

    Attributes:
        opened: the disk.
        layout: its partitions.
        describe: returns an installation's identity, for the record.
        drivers: a folder of driver packages to add to Windows, if any.
        asked: the family of the boot manager that the user chose; None for no choice.
        manager: the family of the one that has started this Windows so far; None if unknown.
        session: the session in which the changes were staged.
        placed: the files of the system partition.
    """

    opened: OpenedDisk
    layout: Layout
    describe: Callable[[Installation], Any]
    drivers: Path | None
    asked: str | None
    manager: str | None
    session: Session = field(init=False)
    placed: dict[str, bytes] = field(init=False)

    def stage(self, session: Session) -> dict[str, Any]:
        """Stage drive letters, recovery environment and drivers; collect the boot files."""
        self.session = session
        with session.step("Making it bootable"):
            return self._stage(session)

    def _stage(self, session: Session) -> dict[str, Any]:
        layout, installation = self.layout, session.installation
        before = self.describe(installation)
        chosen = self._boot_manager(installation)
        family = chosen.family if chosen else None
        files = boot_files.collect(installation, layout.firmware, family=family)
        if layout.recovery:
            recovery.require(installation, layout.recovery.size)
        store = store_of(installation, layout, files.locale)
        path = UEFI_STORE if layout.firmware is Firmware.UEFI else BIOS_STORE
        self.placed = files.files | {path: store.to_bytes()}
        drive = drive_letters.settle(session, layout.windows)
        if layout.recovery:
            recovery.register(session, layout.recovery, _environment(store))
            part = self.opened.part(layout.recovery)
            with Volume.open(part, read_only=False, name="recovery") as volume:
                recovery.fill(installation, volume)
        else:
            recovery.forget(session)
        drivers = self.drivers
        added = [one.to_json() for one in add_packages(session, drivers)] if drivers else None
        session.verify()
        return {
            "firmware": str(layout.firmware),
            "windows": _facts(installation) | {"drive": drive},
            "before": before,
            "after": self.describe(installation),
            "boot": {
                "files": len(files.files),
                "bytes": sum(map(len, files.files.values())),
                "locale": files.locale,
                "architecture": files.architecture,
                "store": path,
                "manager": family,
            },
            "choices": list(chosen.notes) if chosen else [],
            "drivers": added,
            "warnings": source.warnings(session),
        }

    def _boot_manager(self, installation: Installation) -> boot_manager.Choice | None:
        if self.layout.firmware is Firmware.BIOS:
            return None
        return boot_manager.choose(installation, asked=self.asked, found=self.manager)


def _root(volume: Volume, root: str | None, subject: str) -> str:
    """Return the Windows folder; raise ImageError if it is ambiguous or missing."""
    roots = find_installations(volume)
    if root is None and len(roots) == 1:
        (root,) = roots
    if root is None or root not in roots:
        found = ", ".join(roots) or "no Windows installation"
        msg = f"{subject} holds {found}. No disk was made."
        raise ImageError(msg, "Deploy an image of a volume that holds one Windows.")
    return root


# The boot store


def store_of(installation: Installation, layout: Layout, locale: str) -> Hive:
    """Return a boot store that starts an installation.

    Args:
        installation: the Windows installation.
        layout: the partitions that the store names.
        locale: the language of the boot menu.

    Raises:
        ImageError: the image's BCD-Template is missing or damaged.
    """
    data = boot_files.template(installation)
    template = Store(Hive.open(data, name=installation.path(boot_files.TEMPLATE)))
    recipe = Recipe(
        system=boot_device(layout.system),
        windows=boot_device(layout.windows),
        uefi=layout.firmware is Firmware.UEFI,
        description=_description(installation),
        root=f"\\{installation.root}",
        locale=locale,
        recovery=boot_device(layout.recovery) if layout.recovery else None,
    )
    hive = build(template, recipe)
    violations = hive.verify()
    if violations:
        msg = f"The boot store could not be made ({violations[0].message}). No disk was made."
        raise ImageError(msg, "Please report this.")
    return hive


def _description(installation: Installation) -> str:
    found = _PRODUCT.match(installation.product_name or "")
    return found[0] if found else "Windows"


def _environment(hive: Hive) -> UUID:
    """Return the recovery environment's loader in a store that was built with one."""
    store = Store(hive)
    assert store.default
    loader = store.object(store.default)
    assert loader
    sequence = loader.value(_RECOVERY_SEQUENCE)
    assert isinstance(sequence, list)
    found: UUID = sequence[0]  # type: ignore[assignment]
    return found


# The other volumes


def _fill_system(part: Slice, files: dict[str, bytes]) -> None:
    """Write files to the NTFS volume that BIOS starts from, hidden as Windows hides them (seen)."""
    with Volume.open(part, read_only=False, name="system") as volume:
        folders: set[str] = set()
        for path, data in files.items():
            _make_folders(volume, parent(path), folders)
            volume.create(path, data)
            if "\\" not in path:
                volume.set_attributes(path, READONLY | HIDDEN | SYSTEM | ARCHIVE)
        volume.set_attributes("Boot", HIDDEN | SYSTEM)


def _make_folders(volume: Volume, path: str, made: set[str]) -> None:
    if path and path.lower() not in made:
        _make_folders(volume, parent(path), made)
        volume.make_directory(path)
        made.add(path.lower())


def _read_back(part: Slice, files: dict[str, bytes], firmware: Firmware) -> None:
    """Read the system partition again. Raises ImageError if a file differs."""
    volume: FatVolume | Volume
    if firmware is Firmware.UEFI:
        volume = FatVolume.open(part, name="system")
    else:
        volume = Volume.open(part, read_only=True, name="system")
    try:
        for path, data in files.items():
            if volume.read(path) != data:
                msg = f"{path} on the system partition differs from the data that was written."
                raise ImageError(msg, "No disk was made. Please report this.")
    finally:
        volume.close()


# The record


def _facts(installation: Installation) -> dict[str, Any]:
    names = ("product_name", "edition", "version", "build", "architecture")
    place = {"volume": installation.volume, "root": installation.root}
    return {name: getattr(installation, name) for name in names} | place


def _described(role: str, place: VolumeRange) -> dict[str, Any]:
    described = asdict(place)
    del described["scheme"]
    return {"role": role, **described}


def _notes(firmware: Firmware, code: str | None) -> list[str]:
    if firmware is Firmware.UEFI:
        return [
            (
                "The machine's firmware has no entry for this disk. It finds the boot manager under its "
                r"general name in \EFI\Boot, and Windows adds an entry when it starts."
            )
        ]
    notes = [
        (
            "The code in the MBR is reseal's own: Windows Setup installs Microsoft's, which no image holds. "
            "Not proved: a boot of Windows with it."
        )
    ]
    if code == "reseal's":
        notes.append(
            "The boot code of the system volume, which loads bootmgr, is reseal's own for the same reason. "
            r"In Windows, bootsect /nt60 SYS /mbr replaces both with Microsoft's."
        )
    return notes
