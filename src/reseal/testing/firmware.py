r"""Substitutes for the boot managers of Windows, and the boot files of a sample Windows.

Each prints a line and ends the virtual machine, so that a test can see that firmware found and started it.
They are assembled by hand, because not all machines have compilers for these targets.
"""

from __future__ import annotations

import struct
from typing import Any
from uuid import UUID

from reseal.bcd import objects
from reseal.bcd.values import Value
from reseal.testing.boot import store
from reseal.testing.drivers import executable

#: I/O port of QEMU's device isa-debug-exit; QEMU exits with code 2n + 1 for the number n written there.
EXIT_PORT = 0xF4
EXIT_CODE = 0x21

_SECTION_ALIGNMENT, _FILE_ALIGNMENT = 0x1000, 0x200
#: Offset of the text of `bios_manager`: 384 KiB, near the size of a real bootmgr.
_TEXT_AT = 0x60000


def efi_manager(text: str, *, machine: int = 0x8664) -> bytes:
    """Return an EFI application for x64 that prints a line on the console.

    Args:
        text: the line.
        machine: machine type in its header; firmware runs only 0x8664.
    """
    code = bytes.fromhex(
        "48 83 ec 28"  # sub rsp, 40: shadow space and alignment of the calling convention
        "48 8b 4a 40"  # mov rcx, [rdx + 0x40]: SystemTable->ConOut, the first argument
        "48 8d 15 13 00 00 00"  # lea rdx, [rip + 19]: the text, the second argument
        "ff 51 08"  # call [rcx + 8]: ConOut->OutputString(ConOut, text)
        "66 ba f4 00"  # mov dx, 0xf4
        "b8 21 00 00 00"  # mov eax, 0x21
        "ef"  # out dx, eax: the machine ends
        "f4"  # hlt
        "eb fd"  # jmp to the hlt
        "90 90 90"  # nop
    )
    body = (code + f"{text}\r\n\0".encode("utf-16-le")).ljust(_FILE_ALIGNMENT, b"\0")
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    # Machine, sections, time, symbols (2), size of the optional header, executable and large addresses.
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", machine, 1, 0, 0, 0, 240, 0x22)
    optional = struct.pack("<HBBIIIII", 0x20B, 1, 0, len(body), 0, 0, 0x1000, 0x1000)
    optional += struct.pack("<QII", 0, _SECTION_ALIGNMENT, _FILE_ALIGNMENT)
    # Versions, size of the image and of the headers, checksum, subsystem 10: EFI application.
    optional += struct.pack("<6HIIIIHH", 0, 0, 0, 0, 0, 0, 0, 0x2000, 0x200, 0, 10, 0)
    optional += struct.pack("<4QII", 0, 0, 0, 0, 0, 16) + bytes(16 * 8)
    section = struct.pack(
        "<8sIIII12xI", b".text", len(body), 0x1000, len(body), _FILE_ALIGNMENT, 0x60000020
    )
    return (dos + coff + optional + section).ljust(_FILE_ALIGNMENT, b"\0") + body


def bios_manager(text: str) -> bytes:
    """Return a program for address 2000:0000, like bootmgr, that prints a line on the first serial port.

    It prints only if it was started from the first hard disk and loaded completely.
    """
    code = bytes.fromhex(
        "80 fa 80"  # cmp dl, 0x80: the drive that the firmware started
        "75 17"  # jne to the end
        "8c c8"  # mov ax, cs
        "05 00 60"  # add ax, 0x6000: 384 KiB further on
        "8e d8"  # mov ds, ax
        "31 f6"  # xor si, si
        "fc"  # cld
        "ac"  # lodsb
        "84 c0"  # test al, al
        "74 06"  # jz to the end
        "ba f8 03"  # mov dx, 0x3f8
        "ee"  # out dx, al: one character to the serial port
        "eb f5"  # jmp to the lodsb
        "ba f4 00"  # mov dx, 0xf4
        "b0 21"  # mov al, 0x21
        "ee"  # out dx, al: the machine ends
        "f4"  # hlt
        "eb fd"  # jmp to the hlt
    )
    return code.ljust(_TEXT_AT, b"\0") + f"{text}\r\n\0".encode("ascii")


def bootable(uefi: bytes | None = None, bios: bytes | None = None) -> dict[str, Any]:
    r"""Return the boot files of a Windows, as `Machine.files`.

    Args:
        uefi: boot manager for UEFI; None for a substitute.
        bios: boot manager for BIOS; None for a substitute.
    """
    uefi = uefi or efi_manager("reseal: stand-in for bootmgfw.efi")
    bios = bios or bios_manager("reseal: stand-in for bootmgr")
    languages = {
        one: {"bootmgfw.efi.mui": b"MZ mui", "memtest.efi.mui": b"MZ"} for one in ("en-US", "de-DE")
    }
    boot = {
        "EFI": {
            "bootmgfw.efi": uefi, "bootmgr.efi": uefi, "memtest.efi": uefi, "boot.stl": b"stl",
            "winsipolicy.p7b": b"p7b", **languages,
        },
        "PCAT": {
            "bootmgr": bios, "bootnxt": b"\x01", "memtest.exe": b"MZ", "bootvhd.dll": b"MZ",
            "en-US": {"bootmgr.exe.mui": b"MZ", "memtest.exe.mui": b"MZ"},
        },
        "Fonts": {"wgl4_boot.ttf": bytes(4096), "segmono_boot.ttf": b"font" * 2000},
        "Resources": {"bootres.dll": b"MZ", "en-US": {"bootres.dll.mui": b"MZ"}},
        "DVD": {"EFI": {"boot.sdi": b"$SDI0001" + bytes(5000)}},
    }  # fmt: skip
    system = {
        "winload.efi": executable(), "winload.exe": executable(), "winresume.efi": executable(),
        "config": {"BCD-Template": template()},
        "Recovery": {"Winre.wim": b"MSWIM\0\0\0" + bytes(range(256)) * 300, "ReAgent.xml": AGENT},
    }  # fmt: skip
    return {"Windows": {"Boot": boot, "System32": system}}


#: ReAgent.xml of a Windows without a configured recovery environment, in the format of a real one.
AGENT = b"""<?xml version='1.0' encoding='utf-8'?>

<WindowsRE version="2.0">
  <WinreBCD id="{00000000-0000-0000-0000-000000000000}"/>
  <WinreLocation path="" id="0" offset="0" guid="{00000000-0000-0000-0000-000000000000}"/>
  <ImageLocation path="" id="0" offset="0" guid="{00000000-0000-0000-0000-000000000000}"/>
  <InstallState state="0"/>
  <WinREStaged state="0"/>
  <ScheduledOperation state="4"/>
</WindowsRE>
"""


def template() -> bytes:
    """Return a BCD-Template with the objects and elements of Windows 10 21H1 (seen)."""
    loader: dict[int, Value] = {
        0x12000005: "en-US", 0x14000006: [objects.LOADER_SETTINGS], 0x17000077: [0x15000075],
        0x22000002: r"\windows", 0x250000C2: 1, 0x45000001: 2,
    }  # fmt: skip
    windows: dict[int, Value] = loader | {
        0x25000020: 0, 0x47000005: [0x12000004, 3],
        0x47000006: [0x16000010, 0x26000020, 0x26000072, 0x16000049, 0x25000005, 0x1600007E],
    }  # fmt: skip
    setup: dict[int, Value] = loader | {
        0x25000020: 1, 0x26000022: True, 0x42000003: r"\boot.wim", 0x47000005: [0x12000004, 1],
    }  # fmt: skip
    resume: dict[int, Value] = {
        0x12000004: "Windows Resume Application", 0x12000005: "en-US",
        0x14000006: [objects.RESUME_SETTINGS], 0x17000077: [0x15000075],
        0x22000002: r"\hiberfil.sys", 0x25000008: 1, 0x45000001: 2, 0x46000004: True,
    }  # fmt: skip
    efi: dict[int, Value] = {0x16000060: True}
    contents: dict[UUID, tuple[int, dict[int, Value]]] = {
        objects.BOOTMGR: (objects.BOOT_MANAGER, {
            0x12000002: r"\EFI\Microsoft\Boot\bootmgfw.efi", 0x12000004: "Windows Boot Manager",
            0x12000005: "en-US", 0x14000006: [objects.GLOBAL_SETTINGS],
            0x23000003: objects.TEMPLATE_SETUP_BIOS, 0x25000004: 30, 0x45000001: 1,
            0x47000006: [0x16000010, 0x26000020, 0x25000004, 0x1600007E],
        }),
        objects.MEMDIAG: (objects.MEMORY_TESTER, {
            0x12000002: r"\boot\memtest.exe", 0x12000005: "en-US",
            0x14000006: [objects.GLOBAL_SETTINGS], 0x1600000B: True, 0x45000001: 1,
            0x47000005: [0x12000004, 2],
        }),
        objects.TEMPLATE_LOADER_EFI: (objects.OS_LOADER, windows | efi | {
            0x23000003: objects.TEMPLATE_RESUME_EFI, 0x42000002: r"\system32\winload.efi",
        }),
        objects.TEMPLATE_LOADER_BIOS: (objects.OS_LOADER, windows | {
            0x23000003: objects.TEMPLATE_RESUME_BIOS, 0x42000002: r"\system32\winload.exe",
        }),
        objects.TEMPLATE_RESUME_EFI: (objects.RESUME, resume | efi | {
            0x42000002: r"\system32\winresume.efi",
        }),
        objects.TEMPLATE_RESUME_BIOS: (objects.RESUME, resume | {
            0x42000002: r"\system32\winresume.exe",
        }),
        objects.TEMPLATE_SETUP_EFI: (objects.OS_LOADER, setup | efi | {
            0x42000002: r"\system32\winload.efi",
        }),
        objects.TEMPLATE_SETUP_BIOS: (objects.OS_LOADER, setup | {
            0x42000002: r"\system32\winload.exe",
        }),
        objects.EMS_SETTINGS: (0x20100000, {0x16000020: False}),
        objects.DEBUGGER_SETTINGS: (0x20100000, {0x15000011: 4, 0x47000006: [0x46000007]}),
        objects.BAD_MEMORY: (0x20100000, {}),
        objects.GLOBAL_SETTINGS: (0x20100000, {
            0x14000006: [objects.DEBUGGER_SETTINGS, objects.EMS_SETTINGS, objects.BAD_MEMORY],
        }),
        objects.LOADER_SETTINGS: (0x20200003, {
            0x14000006: [objects.GLOBAL_SETTINGS, objects.HYPERVISOR_SETTINGS],
        }),
        objects.HYPERVISOR_SETTINGS: (0x20200003, {
            0x250000F3: 0, 0x250000F4: 1, 0x250000F5: 115200, 0x47000006: [0x46000007],
        }),
        objects.RESUME_SETTINGS: (0x20200004, {0x14000006: [objects.GLOBAL_SETTINGS]}),
    }  # fmt: skip
    return store(contents)
