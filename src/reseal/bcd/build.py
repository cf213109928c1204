r"""Build a new store from BCD-Template, which every Windows has in `System32\config`.

The rules were read from BCD-Template of Windows 10 (seen) and from stores that Windows made (seen).
The boot manager, the memory tester and the settings are copied. The loader and the resume application
are copied from the template for the firmware, each under a new GUID. Other templates (setup, ntldr) are
not copied. Elements of the template class describe what to fill in; the new store does not get them:

| element | meaning |
|---|---|
| 45000001 | device: 1 the partition to boot from, 2 that of Windows (loader: osdevice too) |
| 42000002 | path, relative to the Windows folder |
| 47000005 | pairs of an element and a message number: 2 memory tester's name, 3 Windows' description |
| 47000006 | elements that an upgrade takes over |
| 46000004 | elements of the loader to omit (resume application) |

Integers are widened to eight bytes. Specialize fails on an incomplete store (reported for a store that
had only the boot manager and a loader), so all settings objects are copied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

from reseal.bcd import elements, objects
from reseal.bcd.devices import Device, DeviceValue, RamDisk
from reseal.bcd.errors import BcdError
from reseal.bcd.store import BcdObject, Store
from reseal.bcd.values import Value
from reseal.regf import Hive, types

#: Hive format version, and values of the `Description` key, in stores that Windows made (seen).
_VERSION = (1, 3)
_DESCRIPTION_VALUES = {"System": 1, "TreatAsSystem": 1}
_KEY_NAME = "BCD00000000"

_MESSAGES = 0x47000005
_MEMORY_TESTER_NAME = "Windows Memory Diagnostic"
_EFI_MEMORY_TESTER = r"\EFI\Microsoft\Boot\memtest.efi"
_RECOVERY_SEQUENCE = 0x14000008
_RECOVERY_ENABLED = 0x16000009
_DISPLAY_MESSAGE = 0x15000065
_DISPLAY_MESSAGE_OVERRIDE = 0x15000066
_NX = 0x25000020
_BOOT_MENU_POLICY = 0x250000C2
_WINPE = 0x26000022
_DEBUG_OPTION = 0x26000006
_RECOVERY_OS = 0x46000010
_SDI_DEVICE = 0x31000003
_SDI_PATH = 0x32000004
_MESSAGE_RECOVERY = 3
_LOCALE = 0x12000005


@dataclass(frozen=True, slots=True)
class Recipe:
    r"""What a new store needs besides its template.

    Attributes:
        system: the partition that the firmware boots from.
        windows: the partition that holds Windows.
        uefi: whether the firmware is UEFI.
        description: what the boot menu shows, such as `Windows 10`.
        root: the Windows folder, such as `\Windows`.
        locale: language of the boot menu.
        recovery: the partition with `\Recovery\WindowsRE\Winre.wim` and `boot.sdi`; None if absent.
        new_id: generates the GUIDs of new objects.
    """

    system: Device
    windows: Device
    uefi: bool
    description: str
    root: str = r"\Windows"
    locale: str = "en-US"
    recovery: Device | None = None
    new_id: Callable[[], UUID] = uuid4


def build(template: Store, recipe: Recipe, *, timestamp: int | None = None) -> Hive:
    """Make a complete store that starts one Windows.

    Args:
        template: BCD-Template of that Windows.
        recipe: devices, firmware and names for the new store.
        timestamp: FILETIME of all keys; None for the current time.

    Raises:
        BcdError: the template lacks the boot manager, or the loader for this firmware.
    """
    hive = Hive.new(name="BCD", version=_VERSION, timestamp=timestamp)
    description = hive.root.create("Description")
    description.set("KeyName", types.REG_SZ, types.encode(types.REG_SZ, _KEY_NAME))
    for name, number in _DESCRIPTION_VALUES.items():
        description.set(name, types.REG_DWORD, types.encode(types.REG_DWORD, number))
    hive.root.create("Objects")
    store = Store(hive)
    _Builder(template, store, recipe).run()
    return hive


class _Builder:
    def __init__(self, template: Store, store: Store, recipe: Recipe) -> None:
        self._template = template
        self._store = store
        self._recipe = recipe

    def run(self) -> None:
        recipe = self._recipe
        manager = self._copy(objects.BOOTMGR)
        tester = self._copy(objects.MEMDIAG)
        for one in self._template:
            if one.type >> 28 == objects.INHERIT:
                self._copy(one.id)
        if recipe.uefi:
            loader = self._copy(objects.TEMPLATE_LOADER_EFI, recipe.new_id())
            resume = self._copy(objects.TEMPLATE_RESUME_EFI, recipe.new_id())
            tester.set(elements.APPLICATION_PATH, _EFI_MEMORY_TESTER)
        else:
            loader = self._copy(objects.TEMPLATE_LOADER_BIOS, recipe.new_id())
            resume = self._copy(objects.TEMPLATE_RESUME_BIOS, recipe.new_id())
            # With BIOS firmware, the boot manager has no path (seen).
            manager.delete(elements.APPLICATION_PATH)
        loader.set(elements.SYSTEM_ROOT, recipe.root)
        loader.set(elements.ASSOCIATED_RESUME, resume.id)
        resume.set(_DEBUG_OPTION, False)
        manager.set(elements.DEFAULT_OBJECT, loader.id)
        manager.set(elements.BOOT_MANAGER_RESUME, resume.id)
        manager.set(elements.DISPLAY_ORDER, [loader.id])
        manager.set(elements.TOOLS_DISPLAY_ORDER, [tester.id])
        if recipe.recovery:
            environment = self._add_recovery(recipe.recovery)
            for one in (loader, resume):
                one.set(_RECOVERY_SEQUENCE, [environment.id])
                one.set(_RECOVERY_ENABLED, True)
            loader.set(_DISPLAY_MESSAGE_OVERRIDE, _MESSAGE_RECOVERY)

    def _copy(self, identifier: UUID, new_id: UUID | None = None) -> BcdObject:
        """Copy an object of the template and fill in what its template elements ask for."""
        source = self._template.object(identifier)
        if source is None:
            msg = f"{self._template.hive.name} lacks the required object {{{identifier}}}."
            raise BcdError(msg, "Take BCD-Template from System32\\config of a complete Windows.")
        target = self._store.create(new_id or identifier, source.type)
        for element in source.elements():
            if element.number >> 28 != elements.TEMPLATE:
                target.set(element.number, element.value)
        if source.value(_LOCALE) is not None:
            target.set(_LOCALE, self._recipe.locale)
        self._fill(source, target)
        return target

    def _fill(self, source: BcdObject, target: BcdObject) -> None:
        recipe = self._recipe
        match source.value(elements.TEMPLATE_DEVICE_TYPE):
            case 1:
                target.set(elements.APPLICATION_DEVICE, DeviceValue(recipe.system))
            case 2:
                target.set(elements.APPLICATION_DEVICE, DeviceValue(recipe.windows))
                target.set(elements.OS_DEVICE, DeviceValue(recipe.windows))
        path = source.value(elements.TEMPLATE_RELATIVE_PATH)
        if isinstance(path, str):
            target.set(elements.APPLICATION_PATH, recipe.root + path)
        named: dict[int, Value] = {2: _MEMORY_TESTER_NAME, 3: recipe.description}
        messages = source.value(_MESSAGES)
        if isinstance(messages, list):
            numbers = [one for one in messages if isinstance(one, int)]
            for number, message in zip(numbers[::2], numbers[1::2], strict=False):
                if message in named:
                    target.set(number, named[message])

    def _add_recovery(self, partition: Device) -> BcdObject:
        """Add the loader of the recovery environment and the options of its RAM disk."""
        recipe = self._recipe
        options = self._store.create(recipe.new_id(), objects.DEVICE_OPTIONS)
        options.set(elements.DESCRIPTION, "Windows Recovery")
        options.set(_SDI_DEVICE, DeviceValue(partition))
        options.set(_SDI_PATH, r"\Recovery\WindowsRE\boot.sdi")
        device = DeviceValue(RamDisk(partition, r"\Recovery\WindowsRE\Winre.wim"), options.id)
        loader = self._store.create(recipe.new_id(), objects.OS_LOADER)
        suffix = "efi" if recipe.uefi else "exe"
        contents: dict[int, Value] = {
            elements.APPLICATION_DEVICE: device,
            elements.APPLICATION_PATH: rf"\windows\system32\winload.{suffix}",
            elements.DESCRIPTION: "Windows Recovery Environment",
            _LOCALE: recipe.locale.lower(),
            elements.INHERIT: [objects.LOADER_SETTINGS],
            _DISPLAY_MESSAGE: _MESSAGE_RECOVERY,
            elements.OS_DEVICE: device,
            elements.SYSTEM_ROOT: r"\windows",
            _NX: 0,
            _BOOT_MENU_POLICY: 1,
            _WINPE: True,
            _RECOVERY_OS: True,
        }
        for number, value in contents.items():
            loader.set(number, value)
        return loader
