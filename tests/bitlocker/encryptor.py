"""Volumes that BitLocker encrypts, made for tests: the mirror of the reader, written apart from it.

Sectors go through the CBC of pycryptodomex and the XTS of cryptography, one by one; only the diffuser
has no other implementation, so it is written out here in the encrypting direction. What is made here is
read by libbde and dissect.fve, too, which is what says that it is right.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
from Cryptodome.Cipher import AES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from reseal.disk import FileDevice
from reseal.ntfs import Volume

PLAIN = UUID("4967d63b-2e29-4ad8-8399-f6a339e3d001")
ENCRYPT_ON_WRITE = UUID("92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8")
VOLUME = UUID("0f0e0d0c-0b0a-4908-8706-050403020100")

ELEPHANT_128, ELEPHANT_256, CBC_128, CBC_256, XTS_128, XTS_256 = range(0x8000, 0x8006)
KEY_SIZES = {0x8000: 64, 0x8001: 64, 0x8002: 16, 0x8003: 32, 0x8004: 32, 0x8005: 64}
METHODS = tuple(KEY_SIZES)

BLOCK = 64 << 10
RECOVERY = "122221-244442-366663-488884-611105-013574-047531-660000"
TIME = 133_485_408_000_000_000


def repeatable(name: str, size: int) -> bytes:
    """Bytes that look random and are the same in every run."""
    return hashlib.shake_256(name.encode()).digest(size)


MASTER = repeatable("master key", 32)


# Entries


def entry(role: int, kind: int, data: bytes) -> bytes:
    return struct.pack("<HHHH", 8 + len(data), role, kind, 1) + data


def key_entry(key: bytes, method: int) -> bytes:
    return entry(0, 1, struct.pack("<HH", method, 0) + key)


def wrapped(role: int, key: bytes, inside: bytes, name: str) -> bytes:
    nonce = struct.pack("<QI", TIME, len(name))
    coded, mac = AES.new(key, AES.MODE_CCM, nonce=nonce, mac_len=16).encrypt_and_digest(inside)
    return entry(role, 5, nonce + mac + coded)


def stretch(secret: bytes, salt: bytes) -> bytes:
    last = bytes(32)
    for number in range(1 << 20):
        last = hashlib.sha256(last + secret + salt + struct.pack("<Q", number)).digest()
    return last


# Protectors


@dataclass(frozen=True)
class Protector:
    """A way to open the volume, as it goes into the metadata."""

    name: str
    kind: int
    inside: bytes

    @property
    def id(self) -> UUID:
        return uuid5(VOLUME, self.name)

    def entry(self) -> bytes:
        head = self.id.bytes_le + struct.pack("<QHH", TIME, 0, self.kind)
        return entry(2, 8, head + self.inside)


def _text(text: str) -> bytes:
    return entry(0, 2, (text + "\0").encode("utf-16-le"))


def _master(key: bytes, name: str) -> bytes:
    return wrapped(0, key, key_entry(MASTER, 0x2003), name)


def _stretching(name: str, kind: int, secret: bytes, label: str) -> Protector:
    salt = repeatable(f"salt of {name}", 16)
    key = stretch(secret, salt)
    proof = wrapped(0, MASTER, key_entry(key, 0x1000), name + " proof")
    stretched = entry(0, 3, struct.pack("<HH", 0x1000, 0) + salt + proof)
    return Protector(name, kind, _text(label) + stretched + _master(key, name))


def password(text: str, name: str = "password") -> Protector:
    once = hashlib.sha256(text.encode("utf-16-le")).digest()
    return _stretching(name, 0x2000, hashlib.sha256(once).digest(), "Password")


def recovery(text: str = RECOVERY, name: str = "recovery") -> Protector:
    groups = (int(group) // 11 for group in text.split("-"))
    secret = hashlib.sha256(struct.pack("<8H", *groups)).digest()
    return _stretching(name, 0x0800, secret, "DiskPassword")


def startup(name: str = "startup") -> Protector:
    key = repeatable(f"key of {name}", 32)
    use = entry(0, 4, struct.pack("<HH", 0x2002, 0))
    return Protector(name, 0x0200, _text("ExternalKey") + use + _master(key, name))


def bek(protector: Protector) -> bytes:
    """The file in which Windows keeps a startup key."""
    inside = protector.id.bytes_le + struct.pack("<Q", TIME) + _text("ExternalKey")
    external = entry(6, 9, inside + key_entry(repeatable(f"key of {protector.name}", 32), 0x2002))
    size = 48 + len(external)
    head = struct.pack("<IIII16sIIQ", size, 1, 48, size, protector.id.bytes_le, 1, 0, TIME)
    return head + external


def clear(name: str = "clear") -> Protector:
    key = repeatable(f"key of {name}", 32)
    return Protector(name, 0, key_entry(key, 0x2000) + _master(key, name))


def tpm(name: str = "TPM") -> Protector:
    """A protector that only the machine's own chip opens."""
    return Protector(name, 0x0100, entry(0, 6, struct.pack("<I", 0x894) + repeatable(name, 200)))


# Sectors


def encrypt_sectors(method: int, key: bytes, data: bytes, offset: int, sector: int) -> bytes:
    """Encrypt whole sectors that begin at a byte offset of the volume."""
    if method in {ELEPHANT_128, ELEPHANT_256}:
        half = 16 if method == ELEPHANT_128 else 32
        data = _diffuse(key[32 : 32 + half], data, offset, sector)
        method, key = CBC_128, key[:half]
    parts = []
    for at in range(0, len(data), sector):
        piece = data[at : at + sector]
        if method in {XTS_128, XTS_256}:
            tweak = ((offset + at) // sector).to_bytes(16, "little")
            coder = Cipher(algorithms.AES(key), modes.XTS(tweak)).encryptor()
            parts.append(coder.update(piece) + coder.finalize())
        else:
            vector = AES.new(key, AES.MODE_ECB).encrypt((offset + at).to_bytes(16, "little"))
            parts.append(AES.new(key, AES.MODE_CBC, iv=vector).encrypt(piece))
    return b"".join(parts)


def _diffuse(tweak_key: bytes, data: bytes, offset: int, sector: int) -> bytes:
    """Mix each sector with its key, then through the diffusers A and B."""
    tweak, keys = AES.new(tweak_key, AES.MODE_ECB), bytearray()
    for at in range(offset, offset + len(data), sector):
        place = at.to_bytes(16, "little")
        keys += (tweak.encrypt(place) + tweak.encrypt(place[:15] + b"\x80")) * (sector // 32)
    mixed = (np.frombuffer(data, "<u4") ^ np.frombuffer(keys, "<u4")).reshape(-1, sector // 4)
    words = [word.copy() for word in mixed.T]
    count = len(words)

    def turn(word: np.ndarray, by: int) -> np.ndarray:
        return (word << np.uint32(by)) | (word >> np.uint32(32 - by)) if by else word

    for cycles, first, second, turns in ((5, -2, -5, (9, 0, 13, 0)), (3, 2, 5, (0, 10, 0, 25))):
        for at in [*reversed(range(count))] * cycles:
            other = turn(words[(at + second) % count], turns[at % 4])
            words[at] = words[at] - (words[(at + first) % count] ^ other)
    return np.stack(words, axis=1).tobytes()


# A volume


@dataclass(frozen=True)
class Places:
    """Where BitLocker keeps what is its own, byte offsets."""

    metadata: tuple[int, int, int]
    header: int
    maps: tuple[int, int] = (0, 0)
    region: int = 0


@dataclass
class Made:
    """How a volume is to be encrypted.

    Attributes:
        method: the cipher.
        sector: bytes.
        header_size: bytes of the start that lie elsewhere.
        to_go: whether the first sector looks like FAT.
        mark: byte offset up to which it is encrypted; None for all of it.
        state: of the conversion, now and next.
        chunks: for "encrypt on write": which chunks of `chunk` bytes are encrypted.
        copies: what happens to each copy of the metadata before it is written.
        seal: whether the metadata is sealed, as all versions since Windows 7 do.
    """

    method: int = XTS_128
    sector: int = 512
    header_size: int = 8192
    to_go: bool = False
    mark: int | None = None
    state: tuple[int, int] = (4, 4)
    log_size: int = 0
    chunks: Sequence[bool] | None = None
    chunk: int = 64 << 10
    untouched: Sequence[tuple[int, int]] = field(default_factory=tuple)
    description: str = "MADE-UP C: 12/1/2026"


def volume_key(method: int) -> bytes:
    return repeatable(f"volume key {method}", KEY_SIZES[method])


def fixed_places(size: int, sector: int = 512) -> Places:
    """Return places for a volume that holds no file system."""
    unit = size // 16 // 4096 * 4096
    assert unit >= 2 * BLOCK, sector
    return Places(
        (4 * unit, 7 * unit, 10 * unit), 4 * unit + BLOCK, (12 * unit, 13 * unit), 14 * unit
    )


def make_room(plain: Path, *, to_go: int = 0) -> Places:
    """Let an NTFS volume hold the files in which Windows reserves space for BitLocker."""
    names = ("", ".1", ".2", ".3", ".4", ".5", ".6")
    sizes = (8192, *[BLOCK] * 6)
    marks = [repeatable(f"room {name}", size) for name, size in zip(names, sizes, strict=True)]

    device = FileDevice(plain, read_only=False)
    with Volume.open(device, read_only=False, name=plain.name) as volume:
        folder = "System Volume Information"
        if volume.stat(folder) is None:
            volume.make_directory(folder)
        for name, mark in zip(names, marks, strict=True):
            volume.create(f"{folder}\\FVE2.{{{VOLUME}}}{name}", mark)
    content = plain.read_bytes()
    found = [content.index(mark) for mark in marks]
    with plain.open("r+b") as file:
        for place, mark in zip(found, marks, strict=True):
            file.seek(place)
            file.write(bytes(len(mark)))
    device.close()
    return Places((found[1], found[2], found[3]), found[0], (found[4], found[5]), found[6])


def metadata_block(made: Made, places: Places, size: int, protectors: Iterable[Protector]) -> bytes:
    """Return a copy of the metadata, padded to its size on the volume."""
    key = volume_key(made.method)
    listed = entry(7, 2, (made.description + "\0").encode("utf-16-le"))
    listed += b"".join(one.entry() for one in protectors)
    listed += wrapped(3, MASTER, key_entry(key, made.method), "volume key")
    listed += entry(15, 15, struct.pack("<QQ", places.header, made.header_size))
    set_size = 48 + len(listed)
    set_head = struct.pack(
        *("<IIII16sIHHQ", set_size, 1, 48, set_size, VOLUME.bytes_le, 9),
        *(made.method, made.method, TIME),
    )
    total = -(-(64 + set_size) // 16) * 16
    head = struct.pack(
        *("<8sHHHHQII3QQ", b"-FVE-FS-", total // 16, 2, *made.state),
        *(size if made.mark is None else made.mark, made.log_size),
        *(made.header_size // made.sector, *places.metadata, places.header),
    )
    block = (head + set_head + listed).ljust(total, b"\0")
    # The hash is an entry of a key's shape inside.
    seal = wrapped(0, MASTER, key_entry(hashlib.sha256(block).digest(), 0x2005), "seal")
    tail = struct.pack("<HHI", 8 + len(seal), 2, zlib.crc32(block)) + seal
    return (block + tail).ljust(BLOCK, b"\0")


def _summed(data: bytes, at: int) -> bytes:
    """Fill in a checksum that counts as zero itself."""
    return data[:at] + struct.pack("<I", zlib.crc32(data)) + data[at + 4 :]


def map_block(made: Made, places: Places) -> bytes:
    """Return a copy of the map of "encrypt on write", with one region for the whole volume."""
    head = struct.pack(
        *("<8sHHIIIIIII2Q", b"FVE-EOW\0", 56, 64, made.sector, 512, made.chunk, 0, 0, 1, 0),
        *places.maps,
    )
    return _summed(head + struct.pack("<Q", places.region), 36)


def region_block(made: Made, size: int, sequences: tuple[int, int] = (1, 2)) -> bytes:
    """Return the bits of the whole volume, in two records, of which the newer one is right."""
    assert made.chunks is not None
    bits = np.packbits(np.array(made.chunks, bool), bitorder="little").tobytes()
    record_size = -(-(36 + len(bits)) // 512) * 512

    def record(sequence: int, content: bytes) -> bytes:
        head = struct.pack(
            *(
                "<10sHIIQII",
                b"FVE-EOWBR\0",
                36,
                record_size,
                len(made.chunks or ()),
                sequence,
                0,
                0,
            ),
        )
        return _summed((head + content).ljust(record_size, b"\0"), 32)

    first = 512
    second = first + record_size
    total = second + record_size
    head = struct.pack(
        *("<10sHIIQQQ2III", b"FVE-EOWBM\0", 60, total, 0, 0, size, 0),
        *(first, second, record_size, 0),
    )
    block = bytearray(_summed(head.ljust(first, b"\0"), 56).ljust(total, b"\0"))
    newest = max(sequences)
    for at, sequence in zip((first, second), sequences, strict=True):
        content = bits if sequence == newest else bytes(255 - byte for byte in bits)
        block[at : at + record_size] = record(sequence, content)
    return bytes(block)


def first_sector(made: Made, places: Places) -> bytes:
    """Return the sector by which systems recognise the volume."""
    sector = bytearray(512)
    sector[0:11] = b"\xeb\x58\x90" + (b"MSWIN4.1" if made.to_go else b"-FVE-FS-")
    struct.pack_into("<HB", sector, 11, made.sector, 4096 // made.sector or 1)
    sector[510:512] = b"\x55\xaa"
    place = 424 if made.to_go else 160
    on_write = made.chunks is not None
    sector[place : place + 16] = (ENCRYPT_ON_WRITE if on_write else PLAIN).bytes_le
    offsets = (*places.metadata, *(places.maps if on_write else ()))
    struct.pack_into(f"<{len(offsets)}Q", sector, place + 16, *offsets)
    return bytes(sector)


def shown(plain: bytes, made: Made, places: Places) -> bytes:
    """Return what a reader has to show: the content, with zeros where BitLocker keeps its own."""
    data = bytearray(plain)
    own = [(place, BLOCK) for place in places.metadata] + [(places.header, made.header_size)]
    if made.chunks is not None:
        own += [(place, 512) for place in places.maps]
        own += [(places.region, len(region_block(made, len(plain))))]
    for place, size in own:
        whole = -(-size // made.sector) * made.sector
        data[place : place + whole] = bytes(whole)
    return bytes(data)


def encrypt(plain: bytes, made: Made, places: Places, protectors: Sequence[Protector]) -> bytearray:
    """Return a volume with this content, encrypted.

    Sectors of nothing but zeros stay as they are only in `made.untouched`, offsets and sizes.
    """
    key = volume_key(made.method)
    size = len(plain)

    def coded(data: bytes, offset: int) -> bytes:
        result = bytearray(data)
        for at in range(0, len(data), made.chunk):
            place = offset + at
            piece = data[at : at + made.chunk]
            if made.chunks is not None:
                assert place // made.chunk == (place + len(piece) - 1) // made.chunk
                inside = len(piece) if made.chunks[place // made.chunk] else 0
            else:
                mark = size if made.mark is None else made.mark
                inside = max(0, min(mark - place, len(piece)))
            if inside:
                result[at : at + inside] = encrypt_sectors(
                    made.method, key, piece[:inside], place, made.sector
                )
        return bytes(result)

    image = bytearray(coded(plain, 0))
    for place, length in made.untouched:
        image[place : place + length] = bytes(length)
    image[places.header : places.header + made.header_size] = coded(
        plain[: made.header_size], places.header
    )
    image[0 : made.header_size] = bytes(made.header_size)
    image[:512] = first_sector(made, places)
    block = metadata_block(made, places, size, protectors)
    for place in places.metadata:
        image[place : place + BLOCK] = block
    if made.chunks is not None:
        for place in places.maps:
            image[place : place + 64] = map_block(made, places)
        region = region_block(made, size)
        image[places.region : places.region + len(region)] = region
    return image


def encrypt_file_from(
    content: bytes, target: Path, made: Made, places: Places, protectors: Sequence[Protector]
) -> Path:
    """Encrypt a volume into a file, with holes where nothing but zeros would be."""
    image = encrypt(content, made, places, protectors)
    with target.open("wb") as file:
        file.truncate(len(image))
        for at in range(0, len(image), 64 << 10):
            if any(piece := bytes(image[at : at + (64 << 10)])):
                os.pwrite(file.fileno(), piece, at)
    return target
