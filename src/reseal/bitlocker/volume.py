"""An unlocked BitLocker volume as a device."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Self

from reseal.bitlocker import metadata
from reseal.bitlocker.ciphers import cipher
from reseal.bitlocker.conversion import conversion
from reseal.bitlocker.errors import MetadataError
from reseal.bitlocker.unlock import volume_key
from reseal.disk.device import DiskError, check_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reseal.bitlocker.ciphers import Cipher
    from reseal.bitlocker.conversion import Conversion
    from reseal.bitlocker.header import Header
    from reseal.bitlocker.keys import Key
    from reseal.bitlocker.metadata import Metadata
    from reseal.disk.device import Device

#: Bytes to decrypt at once: a larger range does not fit into the processor's caches.
CHUNK = 1 << 20


class OpenVolume:
    """A BitLocker volume as a `Device` with the decrypted content. It is read-only.

    Closing it leaves the underlying device open. Every read decrypts what it needs, without a cache: the
    file system above has one. After the volume was decrypted in place, reads and writes go to the
    underlying device, so a file system opened on this device stays usable.

    Attributes:
        header: its decoded first sector.
        metadata: the copy of the metadata that opened it.
        size: bytes.
        read_only: whether it is still encrypted, or the underlying device is read-only.
        cipher: decrypts its sectors.
        conversion: which parts of it are encrypted.
        virtual_size: bytes of its start that are stored elsewhere.
        reserved: BitLocker's own ranges, byte offsets and sizes in ascending order.
    """

    def __init__(
        self,
        device: Device,
        header: Header,
        metadata: Metadata,
        cipher: Cipher,
        conversion: Conversion,
    ) -> None:
        self._device = device
        self._encrypted = True
        self.read_only = True
        self.cipher = cipher
        self.header = header
        self.metadata = metadata
        self.conversion = conversion
        self.size = device.size // header.sector_size * header.sector_size
        place, size = metadata.virtual
        self.virtual_size = size
        self._virtual = place
        self.reserved = _merged(
            [
                (place, size),
                *((one, metadata_size(header)) for one in metadata.copies),
                *conversion.reserved,
            ]
        )
        self._starts = [start for start, _ in self.reserved]

    @classmethod
    def open(cls, device: Device, keys: Iterable[Key], name: str) -> Self:
        """Open an encrypted volume.

        Args:
            device: the volume's device.
            keys: the user's keys; empty if the volume has a clear key.
            name: the volume's name in messages.

        Raises:
            LockedError: no key fits.
            MetadataError: BitLocker's metadata of the volume is damaged, or of an unknown kind.
        """
        header, copies = metadata.read(device, name)
        chosen, key = volume_key(copies, keys, name)
        coded = conversion(device, header, chosen, name)
        return cls(device, header, chosen, cipher(chosen.method, key, header.sector_size), coded)

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes from `offset`, decrypted."""
        check_range(self, offset, size)
        if not self._encrypted:
            return self._device.read(offset, size)
        unit = self.header.sector_size
        start, end = offset // unit * unit, -(-(offset + size) // unit) * unit
        parts = [
            self._decrypted(place, length, how)
            for place, length, how in self.parts(start, end - start)
        ]
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        return data if (start, end - start) == (offset, size) else data[offset - start :][:size]

    def parts(self, offset: int, size: int) -> Iterator[tuple[int, int, bool | None]]:
        """Split a range of whole sectors into uniform parts, none larger than CHUNK.

        Yields:
            The offset of the part on the underlying device, its size, and whether it is encrypted; None
            for a part that belongs to BitLocker and reads as zeros.
        """
        end = offset + size
        while offset < end:
            length = min(end - offset, CHUNK)
            if offset < self.virtual_size:
                length = min(length, self.virtual_size - offset)
                yield from self._coded(self._virtual + offset, length)
            else:
                length, reserved = self._until(offset, length)
                if reserved:
                    yield offset, length, None
                else:
                    yield from self._coded(offset, length)
            offset += length

    def write(self, offset: int, data: bytes) -> None:
        """Write to the underlying device, after decryption in place."""
        if self._encrypted:
            raise DiskError("a BitLocker volume can only be read.")
        check_range(self, offset, len(data))
        self._device.write(offset, data)

    def flush(self) -> None:
        """Flush the underlying device, after decryption in place."""
        if not self._encrypted:
            self._device.flush()

    def was_decrypted(self) -> None:
        """Record that the underlying device now holds the decrypted content."""
        self._encrypted = False
        self.read_only = self._device.read_only

    def close(self) -> None:
        """Do nothing: the owner closes the underlying device."""

    def _coded(self, offset: int, size: int) -> Iterator[tuple[int, int, bool | None]]:
        for length, coded in self.conversion.parts(offset, size):
            yield offset, length, coded
            offset += length

    def _until(self, offset: int, size: int) -> tuple[int, bool]:
        """Return the length of the uniform part at the start of a range, and whether BitLocker owns it."""
        index = bisect_right(self._starts, offset)
        if index:
            start, length = self.reserved[index - 1]
            if offset < start + length:
                return min(size, start + length - offset), True
        following = self._starts[index] if index < len(self._starts) else self.size
        return min(size, following - offset), False

    def _decrypted(self, place: int, size: int, how: bool | None) -> bytes:
        if how is None:
            return bytes(size)
        data = self._device.read(place, size)
        return self.cipher.decrypt(data, place) if how else data


def metadata_size(header: Header) -> int:
    """Return the range of each copy of the metadata, in whole sectors."""
    return -(-metadata.BLOCK_SIZE // header.sector_size) * header.sector_size


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sort ranges, and join those that touch.

    Raises:
        MetadataError: two overlap, so one of them is invalid.
    """
    merged: list[tuple[int, int]] = []
    for start, size in sorted(set(ranges)):
        if merged and start < sum(merged[-1]):
            raise MetadataError("two parts of BitLocker's metadata overlap.")
        if merged and start == sum(merged[-1]):
            merged[-1] = (merged[-1][0], merged[-1][1] + size)
        else:
            merged.append((start, size))
    return merged
