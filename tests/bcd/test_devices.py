"""Device elements: what is decoded encodes to the same bytes, whatever it is."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.bcd import devices
from reseal.bcd.devices import (
    Boot,
    Device,
    DeviceValue,
    File,
    GptPartition,
    Locate,
    MbrPartition,
    RamDisk,
    Raw,
    VirtualDisk,
)
from reseal.bcd.elements import Format
from tests.bcd.stores import MACHINES, real

#: As Windows 8.1 wrote it on an MBR disk (reported: mistyprojects.co.uk, BCDEdit).
MBR = bytes.fromhex(
    "00000000000000000000000000000000" "06000000000000004800000000000000"
    "0000f015000000000000000000000000" "0000000001000000f1a8ebb300000000"
    "00000000000000000000000000000000" "0000000000000000"
)  # fmt: skip


@pytest.mark.parametrize("name", MACHINES)
def test_every_device_of_the_real_stores_is_understood_and_kept(corpus: Path, name: str) -> None:
    kinds: list[type] = []
    for one in real(corpus, name):
        for element in one.elements():
            if element.format != Format.DEVICE:
                continue
            value = devices.decode(element.data)
            assert value
            assert devices.encode(value) == element.data
            kinds.append(type(value.device))
    assert set(kinds) == {GptPartition, RamDisk}
    assert len(kinds) >= 8


def test_a_ram_disk_of_windows_is_taken_apart(corpus: Path) -> None:
    store = real(corpus, MACHINES[0])
    value = store.find("{733b62e6-f608-11eb-825c-c112f60133ab}").value(0x11000001)
    recovery = GptPartition(
        UUID("6cdfcd69-de75-4490-8f99-5a84bf264917"), UUID("0b2394a9-095e-487d-8d48-719ecd4d78ca")
    )
    assert value == DeviceValue(
        RamDisk(recovery, r"\Recovery\WindowsRE\Winre.wim"),
        UUID("733b62e7-f608-11eb-825c-c112f60133ab"),
    )


def test_a_partition_of_an_mbr_disk() -> None:
    value = DeviceValue(MbrPartition(0x15F00000, 0xB3EBA8F1))
    assert devices.decode(MBR) == value
    assert devices.encode(value) == MBR


def test_a_virtual_disk_has_the_layout_that_is_reported() -> None:
    inner = File(MbrPartition(1 << 20, 1), r"\a.vhd")
    data = devices.encode(DeviceValue(Locate(0x12000002, "", VirtualDisk(inner))))
    assert data[16:24].hex() == "0800000000000000"
    assert int.from_bytes(data[24:28], "little") == len(data) - 16
    # The offset of the device to look in, behind an empty path: 16 + 12 + 2.
    assert data[28:46].hex() == "00000000" + "00000000" + "02000012" + "1e000000" + "0000"
    assert data[46:50] == bytes(4)
    assert data[62:66] == b"\6\0\0\0"


def test_a_located_device_without_more_is_46_bytes() -> None:
    data = devices.encode(DeviceValue(Locate(0x22000002)))
    assert data.hex() == "00" * 16 + "08000000000000001e000000000000000000000002000022000000000000"


guids = st.uuids()
paths = st.text(st.characters(codec="utf-16", exclude_characters="\0"), max_size=20)
partitions = st.one_of(
    st.builds(GptPartition, guids, guids),
    st.builds(MbrPartition, st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 32) - 1)),
)
known: st.SearchStrategy[Device] = st.recursive(
    st.one_of(st.just(Boot()), partitions, st.builds(Locate, st.integers(1, (1 << 32) - 1))),
    lambda inner: st.one_of(
        st.builds(File, inner, paths),
        st.builds(RamDisk, inner, paths),
        st.builds(VirtualDisk, inner),
        st.builds(Locate, st.integers(1, (1 << 32) - 1), st.just(""), inner),
        st.builds(Locate, st.just(0), paths, st.none() | inner),
    ),
    max_leaves=4,
)


def _depth(device: Device) -> int:
    match device:
        case File(inner, _) | RamDisk(inner, _) | VirtualDisk(inner):
            return 1 + _depth(inner)
        case Locate(_, _, inner) if inner:
            return 1 + _depth(inner)
    return 0


@given(known, guids)
def test_what_is_encoded_is_decoded(device: Device, options: UUID) -> None:
    value = DeviceValue(device, options)
    if _depth(device) <= 8:
        assert devices.decode(devices.encode(value)) == value


@given(known, st.data())
def test_damaged_devices_are_kept_byte_for_byte(device: Device, data: st.DataObject) -> None:
    raw = bytearray(devices.encode(DeviceValue(device)))
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(16, len(raw)))]
    value = devices.decode(bytes(raw))
    assert value
    assert devices.encode(value) == raw


@given(st.binary(max_size=200))
def test_any_bytes_are_kept(data: bytes) -> None:
    value = devices.decode(data)
    if value is None:
        assert len(data) < 16
    else:
        assert devices.encode(value) == data


def test_a_nest_of_devices_has_an_end() -> None:
    device: Device = Boot()
    for _ in range(50):
        device = File(device, "x")
    value = devices.decode(devices.encode(DeviceValue(device)))
    assert value
    while isinstance(value.device, File):
        value = DeviceValue(value.device.parent)
    assert isinstance(value.device, Raw)
