"""Build a boot store like Windows Setup's from plain Python data.

Objects, elements and data are from real stores of Windows 8.1 and 10 (seen); only the ids and the devices
differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias
from uuid import UUID

from reseal.bcd import Store, objects
from reseal.bcd.devices import Device, DeviceValue
from reseal.bcd.objects import (
    BAD_MEMORY,
    DEBUGGER_SETTINGS,
    EMS_SETTINGS,
    GLOBAL_SETTINGS,
    HYPERVISOR_SETTINGS,
    LOADER_SETTINGS,
    RESUME_SETTINGS,
)
from reseal.bcd.values import Value
from reseal.testing.hives import hive

LOADER = UUID("733b62e5-f608-11eb-825c-c112f60133ab")
RESUME = UUID("733b62e4-f608-11eb-825c-c112f60133ab")


#: Type and elements of each object.
Objects: TypeAlias = "Mapping[UUID, tuple[int, Mapping[int, Value]]]"


def store(contents: Objects) -> bytes:
    """Build a store with these objects."""
    made = hive({"Description": {"KeyName": "BCD00000000", "System": 1, "TreatAsSystem": 1},
                 "Objects": {}}, name="BCD", version=(1, 3))  # fmt: skip
    result = Store(made)
    for identifier, (kind, elements) in contents.items():
        one = result.create(identifier, kind)
        for number, value in elements.items():
            one.set(number, value)
    return made.to_bytes()


def boot_store(system: Device, windows: Device, *, uefi: bool) -> bytes:
    """Build the store of a machine with one Windows.

    Args:
        system: the partition that the firmware boots from.
        windows: the partition that holds Windows.
        uefi: whether the firmware is UEFI.
    """
    return store(standard_objects(system, windows, uefi=uefi))


def standard_objects(
    system: Device, windows: Device, *, uefi: bool
) -> dict[UUID, tuple[int, dict[int, Value]]]:
    """Return the objects of `boot_store`, for tests that add others.

    Args:
        system: the partition that the firmware boots from.
        windows: the partition that holds Windows.
        uefi: whether the firmware is UEFI.
    """
    suffix = "efi" if uefi else "exe"
    system_part, windows_part = DeviceValue(system), DeviceValue(windows)
    firmware: dict[int, Value] = {0x12000002: r"\EFI\Microsoft\Boot\bootmgfw.efi"} if uefi else {}
    tester = r"\EFI\Microsoft\Boot\memtest.efi" if uefi else r"\boot\memtest.exe"
    return {
        objects.BOOTMGR: (objects.BOOT_MANAGER, {
            0x11000001: system_part, **firmware, 0x12000004: "Windows Boot Manager",
            0x12000005: "en-US", 0x14000006: [GLOBAL_SETTINGS], 0x23000003: LOADER,
            0x23000006: RESUME, 0x24000001: [LOADER], 0x24000010: [objects.MEMDIAG], 0x25000004: 30,
        }),
        LOADER: (objects.OS_LOADER, {
            0x11000001: windows_part, 0x12000002: rf"\Windows\system32\winload.{suffix}",
            0x12000004: "Windows 10", 0x12000005: "en-US", 0x14000006: [LOADER_SETTINGS],
            0x16000009: True, 0x16000060: True, 0x17000077: [0x15000075],
            0x21000001: windows_part, 0x22000002: r"\Windows", 0x23000003: RESUME,
            0x25000020: 0, 0x250000C2: 1,
        }),
        RESUME: (objects.RESUME, {
            0x11000001: windows_part, 0x12000002: rf"\Windows\system32\winresume.{suffix}",
            0x12000004: "Windows Resume Application", 0x12000005: "en-US",
            0x14000006: [RESUME_SETTINGS], 0x21000001: windows_part, 0x22000002: r"\hiberfil.sys",
            0x26000006: False,
        }),
        objects.MEMDIAG: (objects.MEMORY_TESTER, {
            0x11000001: system_part, 0x12000002: tester,
            0x12000004: "Windows Memory Diagnostic", 0x12000005: "en-US",
            0x14000006: [GLOBAL_SETTINGS], 0x1600000B: True,
        }),
        EMS_SETTINGS: (0x20100000, {0x16000020: False}),
        DEBUGGER_SETTINGS: (0x20100000, {0x15000011: 4}),
        BAD_MEMORY: (0x20100000, {}),
        GLOBAL_SETTINGS: (0x20100000, {
            0x14000006: [DEBUGGER_SETTINGS, EMS_SETTINGS, BAD_MEMORY],
        }),
        LOADER_SETTINGS: (0x20200003, {0x14000006: [GLOBAL_SETTINGS, HYPERVISOR_SETTINGS]}),
        HYPERVISOR_SETTINGS: (0x20200003, {0x250000F3: 0, 0x250000F4: 1, 0x250000F5: 115200}),
        RESUME_SETTINGS: (0x20200004, {0x14000006: [GLOBAL_SETTINGS]}),
    }  # fmt: skip
