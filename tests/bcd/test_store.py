"""The real stores: read as other readers read them, edited, written, and read back."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from reseal.bcd import BcdError, BcdUsageError, Notation, Store, elements, objects
from reseal.bcd.devices import Boot, DeviceValue, GptPartition, Locate
from reseal.regf import Hive
from reseal.testing.boot import boot_store
from reseal.testing.hives import hive
from tests import oracles
from tests.bcd.stores import MACHINES, REAL, dirty, real

PARTITION = GptPartition(UUID(int=1), UUID(int=2))


@pytest.mark.parametrize("name", REAL)
def test_every_object_and_element_that_other_readers_see_is_there(corpus: Path, name: str) -> None:
    store = real(corpus, name)
    ours = {
        f"Objects\\{{{one.id}}}\\Elements\\{element.number:08x}": (element.type, element.data)
        for one in store
        for element in one.elements()
    }
    kinds = {f"Objects\\{{{one.id}}}\\Description": one.type for one in store}
    data = (corpus / name).read_bytes()
    for reader, oracle in oracles.ORACLES.items():
        tree = {path.lower(): values for path, values in oracle(data).items()}
        theirs = {
            path: values["Element"] for path, values in tree.items() if "\\elements\\" in path
        }
        assert {path.lower(): value for path, value in ours.items()} == theirs, reader
        for path, kind in kinds.items():
            assert tree[path.lower()]["Type"] == (4, kind.to_bytes(4, "little")), reader


@pytest.mark.parametrize("name", REAL)
def test_every_value_fits_its_format_and_encodes_to_the_same(corpus: Path, name: str) -> None:
    """But for strings, some of which Windows ended with two NULs, and the short integers of templates."""
    scratch = Store(hive({"Objects": {}}))
    for one in real(corpus, name):
        target = scratch.create(one.id, one.type)
        for element in one.elements():
            assert not isinstance(element.value, bytes), (one.id, element)
            target.set(element.number, element.value)
            again = target.element(element.number)
            assert again
            assert again.value == element.value
            assert again.type == element.type
            assert again.data.strip(b"\0") == element.data.strip(b"\0")


@pytest.mark.parametrize("name", MACHINES)
def test_an_edited_store_is_read_by_everybody_with_that_change_alone(
    corpus: Path, name: str
) -> None:
    before = (corpus / name).read_bytes()
    store = Store(Hive.open(before))
    loader = store.find("{default}")
    located = DeviceValue(Locate(elements.APPLICATION_PATH))
    loader.set(elements.APPLICATION_DEVICE, located)
    loader.set(elements.DETECT_HAL, True)
    assert loader.delete(elements.number("nx", loader.type))
    assert not loader.delete(0x2500FFFF)
    assert store.hive.verify() == []
    after = store.hive.to_bytes()
    base = f"Objects\\{{{loader.id}}}\\Elements"
    for reader, oracle in oracles.ORACLES.items():
        old, new = oracle(before), oracle(after)
        assert old.keys() ^ new.keys() == {f"{base}\\26000010", f"{base}\\25000020"}, reader
        assert new[f"{base}\\26000010"] == {"Element": (3, b"\1")}
        changed = {path for path in old.keys() & new.keys() if old[path] != new[path]}
        assert changed == {f"{base}\\11000001"}, reader
        expected = "00" * 16 + "08000000000000001e000000000000000000000002000012000000000000"
        assert new[f"{base}\\11000001"]["Element"] == (3, bytes.fromhex(expected))
    again = Store(Hive.open(after)).find("{default}")
    assert again.value(elements.APPLICATION_DEVICE) == located


def test_a_store_that_was_left_dirty_is_recovered_from_its_log() -> None:
    before = boot_store(PARTITION, PARTITION, uefi=True)
    store = Store(Hive.open(before))
    store.find("{default}").set(elements.DESCRIPTION, "Renamed 10")
    primary, log = dirty(before, store.hive.to_bytes())
    again = Store(Hive.open(primary, {"LOG1": log}))
    assert again.hive.recovery.entries_applied == 1
    assert again.find("{default}").value(elements.DESCRIPTION) == "Renamed 10"


def test_objects_are_found_by_all_their_names() -> None:
    store = Store(Hive.open(boot_store(PARTITION, PARTITION, uefi=True)))
    default = store.default
    assert default
    for text in ("{default}", "default", f"{{{default}}}", str(default).upper()):
        assert store.find(text).id == default
    assert store.find("{BootMgr}").id == objects.BOOTMGR
    with pytest.raises(BcdUsageError, match=r"has no object \{nobody\}"):
        store.find("{nobody}")
    with pytest.raises(BcdUsageError, match="already"):
        store.create(objects.BOOTMGR, objects.BOOT_MANAGER)


def test_values_are_read_as_people_write_them() -> None:
    store = Store(Hive.open(boot_store(PARTITION, PARTITION, uefi=True)))
    loader = store.find("{default}")
    notation = Notation(store, loader, {PARTITION: 3})

    def parsed(name: str, text: str) -> object:
        number = elements.number(name, loader.type)
        value = notation.parse(number, text)
        loader.set(number, value)
        element = loader.element(number)
        assert element
        assert element.value == value
        return ", ".join(notation.show(element))

    for name, text, shown in [
        ("nx", "alwayson", "AlwaysOn"),
        ("nx", "2", "AlwaysOff"),
        ("nx", "0x77", "119"),
        ("numproc", "4", "4"),
        ("truncatememory", "0x10000000", "0x10000000"),
        ("detecthal", "on", "Yes"),
        ("detecthal", "No", "No"),
        ("description", "Windows ünd", "Windows ünd"),
        ("resumeobject", "{bootmgr}", "{bootmgr}"),
        ("recoverysequence", "{default} {memdiag}", "{default}, {memdiag}"),
        ("allowedinmemorysettings", "0x15000075,0x15000076", "0x15000075, 0x15000076"),
        ("custom:25000999", "17", "0x11"),
        ("device", "boot", "boot"),
        ("device", "partition=3", "partition=3"),
        ("device", "locate", r"locate=\Windows\system32\winload.efi"),
        ("osdevice", "locate", r"locate=\Windows"),
        ("osdevice", "locate=custom:12000005", "locate=en-US"),
        ("osdevice", r"locate=\Other", r"locate=\Other"),
        ("osdevice", "locate=custom:12000099", "locate=unknown"),
        ("device", r"file=[boot]\a.wim", r"file=[boot]\a.wim"),
        ("device", r"ramdisk=[3]\a b.wim,{memdiag}", r"ramdisk=[3]\a b.wim,{memdiag}"),
        ("device", r"vhd=[3]\w.vhdx", r"vhd=[3]\w.vhdx,locate=custom:12000002"),
        ("osdevice", r"vhd=[3]\w.vhdx", r"vhd=[3]\w.vhdx,locate=custom:22000002"),
        (
            "device",
            "partition={00000000-0000-0000-0000-000000000009}@{00000000-0000-0000-0000-000000000002}",
            "partition={00000000-0000-0000-0000-000000000009}@{00000000-0000-0000-0000-000000000002}",
        ),
        ("device", "partition=0x100000@5ea15ea1", "partition=0x100000@5ea15ea1"),
    ]:
        assert parsed(name, text) == shown, (name, text)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("nx", "perhaps", "not a value of nx"),
        ("numproc", "-1", "not a value of numproc"),
        ("numproc", "0x1ffffffffffffffff", "not a value of numproc"),
        ("detecthal", "maybe", "not a value of detecthal"),
        ("device", "partition=9", "not a partition of this image"),
        ("device", "partition={x}@{y}", "not a partition of this image"),
        ("device", "C:", "not a device"),
        ("device", r"ramdisk=[3]\a.wim", "not a device"),
        ("device", r"file=[3]\a.wim,{memdiag}", "not a device"),
        ("resumeobject", "{nobody}", "no object"),
        ("custom:28000001", "x", "has an unknown format"),
        ("displayorder", "{default}", "not the name of an element"),
    ],
)
def test_what_no_element_can_hold_is_refused_and_changes_nothing(
    name: str, text: str, said: str
) -> None:
    store = Store(Hive.open(boot_store(PARTITION, PARTITION, uefi=True)))
    loader = store.find("{default}")
    with pytest.raises(BcdUsageError, match=said):
        Notation(store, loader, {PARTITION: 3}).parse(elements.number(name, loader.type), text)
    assert not store.hive.changed


def test_what_is_not_understood_is_kept_and_shown_as_it_is() -> None:
    guid = "{12345678-1234-1234-1234-123456789abc}"
    strange = {
        "Objects": {
            guid: {
                "Description": {"Type": 0x7ABCDEF0, "Other": b"x"},
                "Elements": {
                    "11000001": {"Element": b"\1\2"},
                    "15000013": {"Element": bytes(9)},
                    "14000006": {"Element": ["no guid"]},
                    "28000001": {"Element": b"new"},
                    "16000048": {"Element": "text"},
                    "1100000G": {"Element": b"no number"},
                    "11000043": {"Element": bytes(16) + b"new kind of device"},
                    "12000004": {},
                },
                "Extra": {"a": 1},
            },
            "not a guid": {"Elements": {}},
        }
    }
    made = hive(strange)
    before = oracles.tree_of(made)
    store = Store(made)
    (one,) = store
    shown = {e.name: Notation(store, one).show(e) for e in one.elements()}
    assert shown == {
        "device": ["0x0102"],
        "inherit": ["0x" + "no guid\0\0".encode("utf-16-le").hex()],
        "debugport": ["0x" + "00" * 9],
        "nointegritychecks": ["0x" + "text\0".encode("utf-16-le").hex()],
        "custom:28000001": ["0x" + b"new".hex()],
        "bsdlogdevice": [f"unknown (0x{b'new kind of device'.hex()})"],
    }
    one.set(elements.DETECT_HAL, True)
    after = oracles.ORACLES["dissect.regf"](made.to_bytes())
    assert {path: after[path] for path in before} == before


def test_a_hive_that_is_no_store_is_refused() -> None:
    with pytest.raises(BcdError, match="no key Objects"):
        Store(hive({"Select": {"Current": 1}}))
    assert list(Store(hive({"Objects": {}}))) == []
    assert Store(hive({"Objects": {}})).default is None


def test_setting_what_is_there_changes_nothing() -> None:
    store = Store(Hive.open(boot_store(PARTITION, PARTITION, uefi=False)))
    loader = store.find("{default}")
    for element in loader.elements():
        loader.set(element.number, element.value)
    assert not store.hive.changed
    loader.set(elements.OS_DEVICE, DeviceValue(Boot()))
    assert store.hive.changed


def test_names_that_only_python_takes_for_numbers_or_guids_are_none() -> None:
    guid = "12345678-1234-1234-1234-123456789abc"
    elements_of = {name: {"Element": b"\1"} for name in ("+6000010", "1_600010", " 6000010")}
    spec = {"Description": {"Type": objects.OS_LOADER}, "Elements": elements_of}
    hyphenless = "{" + guid.replace("-", "") + "}"
    store = Store(hive({"Objects": {f"{{{guid}}}": spec, hyphenless: spec, guid: spec}}))
    (one,) = store
    assert str(one.id) == guid
    assert one.elements() == []
