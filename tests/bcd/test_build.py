"""Stores built from BCD-Template, compared with those that Windows built from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from reseal.bcd import BcdError, Recipe, Store, build, elements, objects
from reseal.bcd.devices import Device, DeviceValue, GptPartition, MbrPartition
from reseal.regf import Hive
from reseal.testing.hives import TIMESTAMP, hive
from tests import oracles
from tests.bcd.stores import real

TEMPLATE = "machines/win10-21h1/BCD-Template"
OLDER_TEMPLATE = "hives/qthivex-BCD-Template"


def _device(store: Store, name: str, number: int) -> Device:
    value = store.find(name).value(number)
    assert isinstance(value, DeviceValue)
    return value.device


def _values(store: Store) -> dict[tuple[UUID, int], object]:
    return {(one.id, e.number): e.value for one in store for e in one.elements()}


def _taking(*ids: str) -> Callable[[], UUID]:
    wanted = iter(ids)
    return lambda: UUID(next(wanted))


def _rebuilt(corpus: Path, template: str, store: Store, prefix: str, description: str) -> Store:
    """Build what a machine's store should be, with the machine's own ids."""
    ids = [one.id for one in store if str(one.id).startswith(prefix)]
    options = next(one for one in ids if store.find(str(one)).type == objects.DEVICE_OPTIONS)
    environment = next(one for one in ids if store.find(str(one)).value(elements.number(
        "winpe", objects.OS_LOADER)))  # fmt: skip
    manager = store.find("{bootmgr}")
    resume = manager.value(elements.BOOT_MANAGER_RESUME)
    recipe = Recipe(
        system=_device(store, "{bootmgr}", elements.APPLICATION_DEVICE),
        windows=_device(store, "{default}", elements.OS_DEVICE),
        uefi=True,
        description=description,
        recovery=_device(store, str(options), 0x31000003),
        new_id=_taking(*(str(one) for one in (store.default, resume, options, environment))),
    )
    data = build(real(corpus, template), recipe, timestamp=TIMESTAMP).to_bytes()
    return Store(Hive.open(data))


def test_the_store_of_a_windows_10_is_built_again(corpus: Path) -> None:
    """The template is of another Windows 10; nothing differs but what the firmware's NVRAM brings."""
    theirs = real(corpus, "hives/BCD")
    ours = _rebuilt(corpus, TEMPLATE, theirs, "733b62e", "Windows 10")
    wanted = _values(theirs)
    firmware = {
        one.id
        for one in theirs
        if one.type in {objects.FIRMWARE_BOOT_MANAGER, objects.FIRMWARE_APPLICATION}
    }
    assert len(firmware) == 4
    assert _values(ours) == {k: value for k, value in wanted.items() if k[0] not in firmware}
    assert {one.id: one.type for one in ours} == {
        one.id: one.type for one in theirs if one.id not in firmware
    }


def test_the_store_of_a_windows_8_1_is_built_again(corpus: Path) -> None:
    theirs = real(corpus, "hives/qthivex-bcdtest")
    ours = _rebuilt(corpus, OLDER_TEMPLATE, theirs, "ca3aabf", "Windows 8.1")
    wanted, built = _values(theirs), _values(ours)
    kinds = {one.id: one.type for one in theirs}
    names = {
        (kinds[identifier], elements.name(number, kinds[identifier]))
        for identifier, number in wanted.keys() | built.keys()
        if wanted.get((identifier, number)) != built.get((identifier, number))
        and kinds[identifier] not in {objects.FIRMWARE_BOOT_MANAGER, objects.FIRMWARE_APPLICATION}
    }
    assert names == {
        # Windows 8.1 turns on a check of its own, which its template does not have either.
        (objects.BOOT_MANAGER, "integrityservices"),
        (objects.OS_LOADER, "integrityservices"),
        # Its recovery environment shows the message that in Windows 10 the loader shows.
        (objects.OS_LOADER, "displaymessageoverride"),
        # The recovery environment of Windows 10 has its locale in lower case.
        (objects.OS_LOADER, "locale"),
    }


def test_a_store_for_bios_has_the_programs_of_bios(corpus: Path) -> None:
    system, windows = MbrPartition(1 << 20, 7), MbrPartition(13 << 20, 7)
    recipe = Recipe(system, windows, uefi=False, description="Windows 10", locale="de-DE")
    data = build(real(corpus, TEMPLATE), recipe).to_bytes()
    store = Store(Hive.open(data))
    assert store.hive.verify() == []
    manager, loader = store.find("{bootmgr}"), store.find("{default}")
    assert manager.value(elements.APPLICATION_PATH) is None
    assert loader.value(elements.APPLICATION_PATH) == r"\Windows\system32\winload.exe"
    assert loader.value(elements.OS_DEVICE) == DeviceValue(windows)
    assert loader.value(elements.number("isolatedcontext", loader.type)) is None
    assert loader.value(elements.number("locale", loader.type)) == "de-DE"
    assert store.find("{memdiag}").value(elements.APPLICATION_PATH) == r"\boot\memtest.exe"
    resume = store.find(str(manager.value(elements.BOOT_MANAGER_RESUME)))
    assert resume.value(elements.APPLICATION_PATH) == r"\Windows\system32\winresume.exe"
    for reader, oracle in oracles.ORACLES.items():
        tree = oracle(data)
        assert tree["Description"]["System"] == (4, b"\1\0\0\0"), reader
        assert len([path for path in tree if path.endswith("\\Elements")]) == len(list(store))


def test_a_template_that_lacks_a_part_is_refused(corpus: Path) -> None:
    part = GptPartition(UUID(int=1), UUID(int=2))
    recipe = Recipe(part, part, uefi=True, description="x")
    with pytest.raises(BcdError, match="lacks the required object"):
        build(Store(hive({"Objects": {}})), recipe)
    template = real(corpus, TEMPLATE)
    template.hive.root.create(rf"Objects\{{{objects.TEMPLATE_LOADER_EFI}}}").delete()
    with pytest.raises(BcdError, match=str(objects.TEMPLATE_LOADER_EFI)):
        build(template, recipe)
