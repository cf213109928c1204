import ctypes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.disk.device import DiskError, check_range
from reseal.ntfs.cache import BLOCK_SIZE, BlockCache

SIZE = 5 * BLOCK_SIZE + 1000


class Memory:
    """A device in memory, which fails on demand."""

    def __init__(self, size: int = SIZE) -> None:
        self.content = bytearray(index * 7 & 0xFF for index in range(256)) * (size // 256 + 1)
        del self.content[size:]
        self.size = size
        self.read_only = False
        self.failing = False
        self.writes: list[tuple[int, int]] = []
        self.flushed = 0

    def read(self, offset: int, size: int) -> bytes:
        check_range(self, offset, size)
        if self.failing:
            msg = "The device failed."
            raise DiskError(msg)
        return bytes(self.content[offset : offset + size])

    def write(self, offset: int, data: bytes) -> None:
        check_range(self, offset, len(data))
        if self.failing:
            msg = "The device failed."
            raise DiskError(msg)
        self.writes.append((offset, len(data)))
        self.content[offset : offset + len(data)] = data

    def flush(self) -> None:
        self.flushed += 1

    def close(self) -> None:
        pass


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["read", "write"]),
        st.one_of(st.integers(0, SIZE), st.sampled_from([0, BLOCK_SIZE - 1, BLOCK_SIZE])),
        st.one_of(
            st.integers(0, 5000), st.sampled_from([BLOCK_SIZE, BLOCK_SIZE + 1, 3 * BLOCK_SIZE])
        ),
        st.integers(0, 255),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_the_cache_is_what_the_device_would_be_without_it(
    steps: list[tuple[str, int, int, int]],
) -> None:
    device, model = Memory(), Memory().content
    cache = BlockCache(device, capacity=2)
    for verb, offset, wanted, value in steps:
        size = min(wanted, SIZE - offset)
        if verb == "read":
            assert cache.read(offset, size) == model[offset : offset + size]
        else:
            model[offset : offset + size] = bytes([value]) * size
            cache.write(offset, bytes([value]) * size)
    cache.flush()
    assert device.content == model
    assert device.flushed == 1


def test_only_what_was_written_goes_to_the_device() -> None:
    device = Memory()
    cache = BlockCache(device)
    cache.write(2 * BLOCK_SIZE + 100, b"two")
    cache.write(50, b"one")
    cache.write(60, b"one")
    assert device.writes == []
    cache.flush()
    assert device.writes == [(50, 13), (2 * BLOCK_SIZE + 100, 3)]
    assert cache.bytes_written == 16
    cache.flush()
    assert len(device.writes) == 2


def test_a_block_that_can_not_be_written_is_kept() -> None:
    device = Memory()
    cache = BlockCache(device, capacity=1)
    cache.write(0, b"kept")
    device.failing = True
    with pytest.raises(DiskError):
        cache.read(BLOCK_SIZE, 1)
    with pytest.raises(DiskError):
        cache.flush()
    device.failing = False
    cache.flush()
    assert device.content[:4] == b"kept"


def test_memory_is_filled_to_the_byte() -> None:
    cache = BlockCache(Memory())
    buffer = ctypes.create_string_buffer(b"." * 10, 10)
    cache.read_to(ctypes.addressof(buffer) + 2, BLOCK_SIZE - 3, 6)
    assert buffer.raw == b".." + bytes(cache.read(BLOCK_SIZE - 3, 6)) + b".."
