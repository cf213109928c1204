r"""The types of objects in a store, and the names of well-known objects.

The type of an object has 32 bits (documented: Microsoft, BCD Reference, CreateObject method). The highest
four bits mean application (1), inherited settings (2) or device options (3). For an application,
bits 20 to 23 give the image type, and the lowest 20 the application type.

Names and headings are bcdedit's (documented: `bcdedit /? ID`; seen in its listings). GUIDs without a
name are templates that exist only in BCD-Template (seen).
"""

from __future__ import annotations

from uuid import UUID

APPLICATION = 0x1
INHERIT = 0x2
DEVICE = 0x3

FIRMWARE_BOOT_MANAGER = 0x10100001
BOOT_MANAGER = 0x10100002
FIRMWARE_APPLICATION = 0x101FFFFF
OS_LOADER = 0x10200003
RESUME = 0x10200004
MEMORY_TESTER = 0x10200005
LEGACY_LOADER = 0x10300006
SETUP_LOADER = 0x10300007
BOOT_SECTOR = 0x10400008
STARTUP_MODULE = 0x10400009
DEVICE_OPTIONS = 0x30000000

#: The lowest 20 bits of the type of an application and of the settings that it inherits.
KIND_MASK = 0xFFFFF

BOOTMGR = UUID("9dea862c-5cdd-4e70-acc1-f32b344d4795")
FWBOOTMGR = UUID("a5a30fa2-3d06-4e9f-b5f4-a01df9d1fcba")
MEMDIAG = UUID("b2721d73-1db4-4c62-bf78-c548a880142d")
DEBUGGER_SETTINGS = UUID("4636856e-540f-4170-a130-a84776f4c654")
EMS_SETTINGS = UUID("0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9")
BAD_MEMORY = UUID("5189b25c-5558-4bf2-bca4-289b11bd29e2")
GLOBAL_SETTINGS = UUID("7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e")
LOADER_SETTINGS = UUID("6efb52bf-1766-41db-a6b3-0ee5eff72bd7")
HYPERVISOR_SETTINGS = UUID("7ff607e0-4395-11db-b0de-0800200c9a66")
RESUME_SETTINGS = UUID("1afa9c49-16ab-4a5c-901b-212802da9460")
KERNEL_DEBUGGER_SETTINGS = UUID("313e8eed-7098-4586-a9bf-309c61f8d449")

#: bcdedit's names of the objects that have the same GUID in every store.
ALIASES: dict[UUID, str] = {
    BOOTMGR: "{bootmgr}",
    FWBOOTMGR: "{fwbootmgr}",
    MEMDIAG: "{memdiag}",
    UUID("466f5a88-0af2-4f76-9038-095b170dc21c"): "{ntldr}",
    UUID("fa926493-6f1c-4193-a414-58f0b2456d1e"): "{current}",
    UUID("ae5534e0-a924-466c-b836-758539a3ee3a"): "{ramdiskoptions}",
    DEBUGGER_SETTINGS: "{dbgsettings}",
    EMS_SETTINGS: "{emssettings}",
    BAD_MEMORY: "{badmemory}",
    GLOBAL_SETTINGS: "{globalsettings}",
    LOADER_SETTINGS: "{bootloadersettings}",
    HYPERVISOR_SETTINGS: "{hypervisorsettings}",
    RESUME_SETTINGS: "{resumeloadersettings}",
    KERNEL_DEBUGGER_SETTINGS: "{kerneldbgsettings}",
}

#: The objects of BCD-Template from which bcdboot creates a new store (named in public headers: System
#: Informer, phnt, ntbcd.h; seen in BCD-Template).
TEMPLATE_LOADER_EFI = UUID("b012b84d-c47c-4ed5-b722-c0c42163e569")
TEMPLATE_LOADER_BIOS = UUID("a1943bbc-ea85-487c-97c7-c9ede908a38a")
TEMPLATE_RESUME_EFI = UUID("0c334284-9a41-4de1-99b3-a7e87e8ff07e")
TEMPLATE_RESUME_BIOS = UUID("98b02a23-0674-4ce7-bdad-e0a15a8ff97b")
TEMPLATE_SETUP_EFI = UUID("7254a080-1510-4e85-ac0f-e7fb3d444736")
TEMPLATE_SETUP_BIOS = UUID("cbd971bf-b7b8-4885-951a-fa03044f5d71")

#: Section headings in bcdedit's order. Each settings object has its own section.
_HEADINGS: dict[int | UUID, str] = {
    FIRMWARE_BOOT_MANAGER: "Firmware Boot Manager",
    BOOT_MANAGER: "Windows Boot Manager",
    FIRMWARE_APPLICATION: "Firmware Application (101fffff)",
    OS_LOADER: "Windows Boot Loader",
    RESUME: "Resume from Hibernate",
    MEMORY_TESTER: "Windows Memory Tester",
    LEGACY_LOADER: "Windows Legacy OS Loader",
    SETUP_LOADER: "Windows Setup Loader",
    BOOT_SECTOR: "Real-mode Boot Sector",
    STARTUP_MODULE: "Startup Module",
    EMS_SETTINGS: "EMS Settings",
    DEBUGGER_SETTINGS: "Debugger Settings",
    KERNEL_DEBUGGER_SETTINGS: "Kernel Debugger Settings",
    BAD_MEMORY: "RAM Defects",
    GLOBAL_SETTINGS: "Global Settings",
    LOADER_SETTINGS: "Boot Loader Settings",
    HYPERVISOR_SETTINGS: "Hypervisor Settings",
    RESUME_SETTINGS: "Resume Loader Settings",
    DEVICE_OPTIONS: "Device options",
}
_ORDER = {key: index for index, key in enumerate(_HEADINGS)}


def heading(identifier: UUID, kind: int) -> str:
    """The heading under which bcdedit lists an object; unknown types are shown as a number."""
    known = _HEADINGS.get(identifier) or _HEADINGS.get(kind)
    if known:
        return known
    what = {APPLICATION: "Application", INHERIT: "Settings", DEVICE: "Device options"}
    return f"{what.get(kind >> 28, 'Object')} ({kind:08x})"


def order(identifier: UUID, kind: int) -> int:
    """The position of an object's section in a listing; unknown types come last."""
    return _ORDER.get(identifier, _ORDER.get(kind, len(_ORDER)))
