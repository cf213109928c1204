"""Small disks, good and broken, with a stand-in for the boot manager that firmware can start."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reseal.deploy import boot_code
from reseal.disk import FileDevice
from reseal.testing import disks
from reseal.testing.disks import BASIC_DATA, EFI_SYSTEM, gpt_disk, mbr_disk
from reseal.testing.fat import fat_volume
from reseal.testing.firmware import EXIT_CODE, EXIT_PORT, bios_manager, efi_manager
from reseal.testing.windows import MEBIBYTE, make_ntfs
from tests.deploy.firmware import OVMF
from tests.rehearsal.signing import SECURE_OVMF, Firmware, signed

ESP = 36 * MEBIBYTE
NTFS = 8 * MEBIBYTE
MACHINE_4K = """
title = "KVM with sectors of 4096 bytes"
firmware = ["uefi"]
any_fat = true
sector_size = 4096
[[devices]]
what = "the SATA controller"
ids = ['PCI\\CC_010601']
"""
#: What firmware, or the boot code, says when it has nothing to start.
_NOTHING = (
    b"UEFI Interactive Shell", b"No bootable", b"Boot Failed", b"reseal: ", b"not a bootable",
    b"Shell>", b"BdsDxe: No", b"No mapping",
)  # fmt: skip
#: Seconds after which a machine that shows nothing counts as one that does not start.
_LONGEST = {"uefi": 90, "bios": 40}


@dataclass(frozen=True)
class Layout:
    """A disk.

    Attributes:
        id: its name.
        build: makes the raw disk at a path.
        firmware: what starts it.
        sector: bytes of a sector as the machine shows them.
        request: the machine of the rehearsal.
        passes: whether the rehearsal has to pass it.
        secure: the keys of its firmware, with Secure Boot on; None for off.
    """

    id: str
    build: Callable[[Path], object]
    passes: bool
    firmware: str = "uefi"
    sector: int = 512
    request: dict[str, Any] = field(default_factory=lambda: {"machine": "kvm-sata"})
    secure: Callable[[], Firmware] | None = None


# UEFI

LOADER = efi_manager("started")


def _esp(
    folder: Path, name: str = "esp", files: Any = None, *, same: bool = False, **more: Any
) -> Path:
    boot = {"bootx64.efi": LOADER} if files is None else files
    manager = boot.get("bootx64.efi", LOADER) if same else LOADER
    own = {"Microsoft": {"Boot": {"bootmgfw.efi": manager}}}
    return fat_volume(folder / name, ESP, {"EFI": {**own, "Boot": boot}}, **more)


def _gpt(
    *parts: Callable[[Path], tuple[Path | int, str]], sector: int = 512
) -> Callable[[Path], object]:
    def build(path: Path) -> None:
        rows = [(*one(path.parent), f"part {n}") for n, one in enumerate(parts)]
        gpt_disk(path, rows, sector=sector)

    return build


def _part(
    kind: str = EFI_SYSTEM, name: str = "esp", **more: Any
) -> Callable[[Path], tuple[Path, str]]:
    return lambda folder: (_esp(folder, name, **more), kind)


def _ntfs(kind: str = BASIC_DATA) -> Callable[[Path], tuple[Path, str]]:
    def build(folder: Path) -> tuple[Path, str]:
        make_ntfs(folder / "ntfs", NTFS, {"x": b"x"})
        return folder / "ntfs", kind

    return build


def _empty(kind: str = EFI_SYSTEM) -> Callable[[Path], tuple[int, str]]:
    return lambda _: (ESP, kind)


def _then(build: Callable[[Path], object], *changes: tuple[int, bytes]) -> Callable[[Path], object]:
    def both(path: Path) -> None:
        build(path)
        with path.open("r+b") as file:
            for offset, data in changes:
                file.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
                file.write(data)

    return both


_GOOD = _gpt(_part())
_UEFI = {"machine": "kvm-sata", "firmware": "uefi"}
UEFI = (
    Layout("uefi", _GOOD, True),
    Layout("no-fallback", _gpt(_part(files={})), False),
    Layout("fallback-for-arm", _gpt(_part(files={"bootx64.efi": efi_manager("x", machine=0xAA64)})), False),
    Layout("name-for-arm", _gpt(_part(files={"bootaa64.efi": LOADER})), False),
    Layout("empty-fallback", _gpt(_part(files={"bootx64.efi": b""})), False),
    Layout("no-program", _gpt(_part(files={"bootx64.efi": b"text" * 999})), False),
    Layout("second-of-two", _gpt(_part(name="a", files={}), _part(name="b")), True),
    Layout("wrong-type", _gpt(_part(BASIC_DATA)), True),
    Layout("not-formatted", _gpt(_empty()), False),
    Layout("ntfs", _gpt(_ntfs(EFI_SYSTEM)), False),
    Layout("no-esp", _gpt(_ntfs()), False),
    Layout("fat16", _gpt(_part(bits=16, cluster_sectors=4)), True),
    Layout("first-table-damaged", _then(_GOOD, (512, bytes(512))), True),
    Layout("both-tables-damaged", _then(_GOOD, (512, bytes(512)), (-512, bytes(512))), False),
    Layout("mbr-on-uefi", lambda path: mbr_disk(path, [(_ntfs()(path.parent)[0], 7)]), False,
           request=_UEFI),
    Layout("mbr-with-loader", lambda path: mbr_disk(path, [(_esp(path.parent), 0xEF)]), True,
           request=_UEFI),
    Layout("mbr-with-fat", lambda path: mbr_disk(path, [(_esp(path.parent), 0x0C)]), True,
           request=_UEFI),
    Layout("sectors-of-4096", _gpt(_part(sector_size=4096, bits=16), sector=4096), True, sector=4096,
           request={"machine": "4k.toml"}),
    Layout("other-sectors", _gpt(_part(sector_size=4096, bits=16), sector=4096), False),
)  # fmt: skip


# BIOS


def _mbr(*, code: bool = True, manager: bool = True, number: int = 1) -> Callable[[Path], object]:
    """Return what builds an MBR disk with two NTFS partitions, the first or second of which is active.

    Args:
        code: whether the active partition has boot code.
        manager: whether it has bootmgr.
        number: of the active partition.
    """

    def build(path: Path) -> None:
        parts = [path.parent / name for name in ("one", "two")]
        for index, part in enumerate(parts, 1):
            own = index == number and manager
            make_ntfs(part, NTFS, {"bootmgr": bios_manager("started")} if own else {"x": b"x"})
            if code and index == number:
                boot_code.install(FileDevice(part, read_only=False), boot_code.ntfs())
        mbr_disk(path, [(one, disks.MBR_NTFS) for one in parts])
        if number != 1:
            with path.open("r+b") as file:
                for index in (1, 2):
                    file.seek(446 + 16 * (index - 1))
                    file.write(b"\x80" if index == number else b"\0")

    return build


_BIOS = _mbr()
_KVM = {"machine": "kvm-ide", "firmware": "bios"}
BIOS = tuple(
    Layout(name, build, good, "bios", request=_KVM)
    for name, build, good in (
        ("bios", _BIOS, True),
        ("second-active", _mbr(number=2), True),
        ("none-active", _then(_BIOS, (446, b"\0")), False),
        ("two-active", _then(_BIOS, (462, b"\x80")), True),
        ("no-mbr-code", _then(_BIOS, (0, bytes(440))), False),
        ("no-signature", _then(_BIOS, (510, bytes(2))), False),
        ("no-boot-code", _mbr(code=False), False),
        ("no-bootmgr", _mbr(manager=False), False),
        ("hidden-sectors", _then(_BIOS, (MEBIBYTE + 28, bytes(4))), False),
        ("boot-sector-signature", _then(_BIOS, (MEBIBYTE + 510, bytes(2))), False),
        ("gpt-on-bios", _GOOD, False),
    )
)


# Secure Boot

_OURS = "Contoso CA"


@cache
def _signed(authority: str = _OURS) -> bytes:
    return signed(LOADER, authority)


def _changed() -> bytes:
    data = bytearray(_signed())
    data[data.index("started".encode("utf-16-le"))] ^= 1
    return bytes(data)


def _starting(loader: Callable[[], bytes]) -> Callable[[Path], object]:
    def build(path: Path) -> None:
        _gpt(_part(files={"bootx64.efi": loader()}, same=True))(path)

    return build


def _secure(
    name: str,
    loader: Callable[[], bytes],
    passes: bool,
    firmware: Callable[[], Firmware] = Firmware,
) -> Layout:
    return Layout(name, _starting(loader), passes, request={}, secure=firmware)


SECURE = (
    _secure("secure-signed", _signed, True),
    _secure("secure-unsigned", lambda: LOADER, False),
    _secure("secure-other-authority", lambda: _signed("Fabrikam CA"), False),
    _secure("secure-changed", _changed, False),
    _secure("secure-digest-trusted", lambda: LOADER, True, lambda: Firmware(images=(LOADER,))),
    _secure("secure-digest-revoked", _signed, False, lambda: Firmware(revoked_images=(_signed(),))),
    _secure("secure-authority-revoked", _signed, False,
            lambda: Firmware(revoked_authorities=(_OURS,))),
    _secure("secure-another-revoked", _signed, True,
            lambda: Firmware(revoked_authorities=("Fabrikam CA",))),
)  # fmt: skip
LAYOUTS = (*UEFI, *BIOS, *SECURE)


def _uefi(path: Path, layout: Layout) -> list[str]:
    """Return the options of QEMU for UEFI, with Secure Boot if the layout has keys."""
    if not all(one.is_file() for one in OVMF):
        pytest.skip("OVMF is not installed (apt install ovmf)")
    options = ["-m", "256"]
    if layout.secure:
        code, variables = SECURE_OVMF[0], layout.secure().variables(path.parent)
        options += ["-machine", "q35,smm=on"]
        options += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
    else:
        code, variables = OVMF[0], path.with_suffix(".vars")
        shutil.copyfile(OVMF[1], variables)
        options += ["-machine", "q35"]
    for unit, file in enumerate((f"{code},readonly=on", variables)):
        options += ["-drive", f"if=pflash,format=raw,unit={unit},file={file}"]
    return options


def starts(path: Path, layout: Layout) -> bool:
    """Start a disk in QEMU; return whether the stand-in was started."""
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("qemu-system-x86_64 is not installed (apt install qemu-system-x86)")
    command = ["qemu-system-x86_64", "-accel", "tcg"]
    if layout.firmware == "uefi":
        command += _uefi(path, layout)
    else:
        command += ["-machine", "pc,graphics=off", "-m", "64"]
    sizes = f"logical_block_size={layout.sector},physical_block_size={layout.sector}"
    kind = "scsi-hd" if layout.sector != 512 else "ide-hd"
    command += [
        "-no-reboot",
        "-display",
        "none",
        "-net",
        "none",
        "-serial",
        "stdio",
        "-monitor",
        "none",
    ]
    command += ["-drive", f"file={path},format=raw,if=none,id=disk,snapshot=on"]
    if kind == "scsi-hd":
        command += ["-device", "virtio-scsi-pci"]
    command += [
        "-device",
        f"{kind},drive=disk,{sizes}" if kind == "scsi-hd" else f"{kind},drive=disk",
    ]
    command += ["-device", f"isa-debug-exit,iobase={EXIT_PORT:#x},iosize=4"]
    shown = b""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as machine:
        assert machine.stdout
        watch = threading.Timer(_LONGEST[layout.firmware], machine.kill)
        watch.start()
        while part := os.read(machine.stdout.fileno(), 4096):
            shown += part
            if any(one in shown for one in _NOTHING):
                machine.kill()
                break
        machine.wait()
        watch.cancel()
    return machine.returncode == 2 * EXIT_CODE + 1 and b"started" in shown
