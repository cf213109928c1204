"""BitLocker's metadata of the volumes of an image, and the outcome of a decryption, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reseal.operations import sizes


def metadata(record: Mapping[str, Any]) -> Iterator[str]:
    """Show the metadata of every encrypted volume."""
    for volume in record["volumes"]:
        yield f"Volume {volume['volume']}: {sizes.shown(volume['size'])}"
        if "error" in volume:
            yield f"  {volume['error']}"
            continue
        yield f"  Identifier   {volume['id']}"
        yield f"  Description  {volume['description'] or '—'}"
        yield f"  Encrypted    {volume['created'] or '—'}"
        yield f"  Cipher       {volume['cipher']}, sectors of {volume['sector_size']} bytes"
        yield f"  State        {_state(volume)}"
        if volume["damaged_copies"]:
            yield f"  Damaged      {volume['damaged_copies']} of 3 copies of the metadata"
        for one in volume["protectors"]:
            yield f"  Protector    {one['kind']}, {one['id']}"


def _state(volume: Mapping[str, Any]) -> str:
    state: str = volume["state"]
    if volume["encrypted_on_write"]:
        state += ", encrypted on write"
    if volume["to_go"]:
        state += ", BitLocker To Go"
    if volume["encrypted_bytes"] < volume["size"]:
        state += f", {sizes.shown(volume['encrypted_bytes'])} encrypted"
    return state


def decrypted(record: Mapping[str, Any], output: str | None) -> Iterator[str]:
    """Describe the result of `reseal decrypt`."""
    done = record["decrypted"]
    target = output or record["image"]["path"]
    speed = done["size"] / (1 << 20) / done["seconds"] if done["seconds"] else 0
    yield (
        f"Volume {done['volume']} of {target} is decrypted: {sizes.shown(done['size'])} in "
        f"{done['seconds']:.1f} s ({speed:.0f} MiB/s)."
    )
    for number in record["still_encrypted"]:
        yield f"Volume {number} is still encrypted."
