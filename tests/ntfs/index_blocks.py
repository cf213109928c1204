"""Index blocks of 4 KiB as the tests damage them."""

import struct


def unprotected(block: bytearray) -> bytearray:
    """Return an index block with its update sequence undone."""
    block = bytearray(block)
    for sector in range(8):
        block[512 * sector + 510 : 512 * sector + 512] = block[42 + 2 * sector :][:2]
    return block


def protected(block: bytearray) -> bytearray:
    """Return an index block protected by its update sequence again."""
    block = bytearray(block)
    number = block[40:42]
    for sector in range(8):
        end = 512 * sector + 510
        block[42 + 2 * sector : 44 + 2 * sector] = block[end : end + 2]
        block[end : end + 2] = number
    return block


def first_entry(block: bytearray) -> int:
    """Return where the entries of an index block start."""
    return 24 + int(struct.unpack_from("<I", block, 24)[0])
