"""The partitions of a new disk, and how a person writes its size."""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID

import pytest

from reseal.bcd.devices import GptPartition, MbrPartition
from reseal.deploy.layout import Firmware, boot_device, plan
from reseal.deploy.size import parse_size
from reseal.errors import UsageError

MIB, GIB = 1 << 20, 1 << 30


@pytest.mark.parametrize("firmware", list(Firmware))
@pytest.mark.parametrize("recovery", [False, True])
@pytest.mark.parametrize("size", [2 * GIB, 64 * GIB, 2 * GIB + 17 * MIB])
def test_partitions_follow_each_other_and_fill_the_disk(
    firmware: Firmware, recovery: bool, size: int
) -> None:
    layout = plan(size, firmware, recovery=recovery)
    places = list(layout.partitions.values())
    assert [one.number for one in places] == list(range(1, len(places) + 1))
    assert places[0].offset == MIB
    for one, following in pairwise(places):
        assert one.offset + one.size == following.offset
        assert following.offset % MIB == 0
    end = places[-1].offset + places[-1].size
    assert size - 2 * MIB < end <= (size - 33 * 512 if firmware is Firmware.UEFI else size)
    assert list(layout.partitions) == [
        "system", *(["reserved"] if firmware is Firmware.UEFI else []), "windows",
        *(["recovery"] if recovery else []),
    ]  # fmt: skip


def test_ids_are_new_each_time() -> None:
    one, other = (plan(2 * GIB, Firmware.UEFI, recovery=True) for _ in range(2))
    ids = [place.id for layout in (one, other) for place in layout.partitions.values()]
    assert len({*ids, str(one.disk), str(other.disk)}) == 10
    signatures = {plan(2 * GIB, Firmware.BIOS, recovery=False).disk for _ in range(8)}
    assert len(signatures) == 8
    assert 0 not in signatures


def test_a_boot_store_names_the_partitions_by_their_ids() -> None:
    gpt = plan(2 * GIB, Firmware.UEFI, recovery=False)
    assert isinstance(gpt.disk, UUID)
    assert boot_device(gpt.windows) == GptPartition(UUID(gpt.windows.id), gpt.disk)
    mbr = plan(2 * GIB, Firmware.BIOS, recovery=False)
    assert isinstance(mbr.disk, int)
    assert boot_device(mbr.windows) == MbrPartition(101 * MIB, mbr.disk)
    assert mbr.system.active
    assert not mbr.windows.active


@pytest.mark.parametrize(
    ("firmware", "recovery", "needed", "least"),
    [
        (Firmware.UEFI, False, 10 * GIB, 277 + 10240 + 1),
        (Firmware.UEFI, True, 10 * GIB, 277 + 10240 + 1024 + 1),
        (Firmware.BIOS, False, 10 * GIB + 1, 101 + 10241 + 1),
        (Firmware.BIOS, True, 0, 101 + 16 + 1024 + 1),
    ],
)
def test_the_smallest_size_is_named_and_is_enough(
    firmware: Firmware, recovery: bool, needed: int, least: int
) -> None:
    with pytest.raises(UsageError, match=f"needs {least} MiB") as raised:
        plan(300 * MIB, firmware, recovery=recovery, needed=needed)
    assert raised.value.hint == f"Choose --size {least}M or more."
    assert plan(least * MIB, firmware, recovery=recovery, needed=needed).windows.size >= needed


def test_an_mbr_ends_at_2_tib() -> None:
    assert plan(2 << 40, Firmware.BIOS, recovery=False)
    with pytest.raises(UsageError, match="2 TiB"):
        plan((2 << 40) + MIB, Firmware.BIOS, recovery=False)
    assert plan(60 << 40, Firmware.UEFI, recovery=False)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64G", 64 * GIB),
        ("64g", 64 * GIB),
        ("64GiB", 64 * GIB),
        ("512M", 512 * MIB),
        ("68719476736", 64 * GIB),
        ("1048577K", GIB),
        ("1T", 1 << 40),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "1.5G", "64X", "65T", "100K", "9" * 30, "٣G"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a valid disk size"):
        parse_size(text)
