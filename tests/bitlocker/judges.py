"""Other people's readers of BitLocker: whole volumes decrypted, and what the metadata says."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path
from typing import Any

import pybde
from dissect.fve.bde import BDE


def libbde(
    image: bytes | Path, *, password: str | None = None, recovery: str | None = None
) -> bytes:
    """Everything that libbde shows of a volume."""
    volume = pybde.volume()
    if password:
        volume.set_password(password)
    if recovery:
        volume.set_recovery_password(recovery)
    if isinstance(image, Path):
        volume.open(str(image))
    else:
        volume.open_file_object(io.BytesIO(image))
    assert not volume.is_locked()
    content: bytes = volume.read_buffer(volume.get_size())
    volume.close()
    return content


def dissect(image: bytes, *, clear: bool = True, password: str | None = None) -> bytes:
    """Everything that dissect.fve shows of a volume."""
    volume = BDE(io.BytesIO(image))
    if password:
        volume.unlock_with_passphrase(password)
    elif clear:
        volume.unlock_with_clear_key()
    content: bytes = volume.open().read(len(image))
    return content


def dissect_metadata(image: Path) -> dict[str, Any]:
    """What dissect.fve says of a volume's metadata."""
    with image.open("rb") as file:
        volume = BDE(file)
        header = volume.information.header
        return {
            "id": str(volume.information.dataset.identifier),
            "description": volume.description(),
            "method": volume.information.dataset.fvek_type.value,
            "state": header.CurrentState,
            "metadata": list(volume.information.information_offset),
            "header": header.VirtualizedBlockOffset,
            "protectors": sorted(
                str(one.identifier)
                for one in volume.information.dataset.find_vmk(max_priority=0xFFFF)
            ),
        }


def cryptsetup(image: Path) -> dict[str, Any]:
    """What `cryptsetup bitlkDump` says of a volume's metadata."""
    text = subprocess.run(
        ["cryptsetup", "bitlkDump", str(image)], check=True, capture_output=True, text=True
    ).stdout
    bits, mode = (
        re.findall(r"Cipher key:\s+(\d+)", text)[0],
        re.findall(r"Cipher mode:\s+(\S+)", text)[0],
    )
    slots = text.partition("Keyslots:")[2].partition("Metadata segments:")[0]
    return {
        "id": re.findall(r"^GUID:\s+(\S+)", text, re.MULTILINE)[0],
        "description": re.findall(r"Description:\s+(.*?)\s*$", text, re.MULTILINE)[0],
        "cipher": (mode, int(bits)),
        "sector": int(re.findall(r"Sector size:\s+(\d+)", text)[0]),
        "protectors": dict(
            re.findall(
                r"GUID:\s+(\S+)\s+Protection:\s+VMK protected with (.+?)\s*$", slots, re.MULTILINE
            )
        ),
        "places": [int(one) for one in re.findall(r"Offset:\s+(\d+)", text)],
        "header_size": int(re.findall(r"Volume header\n\s+Offset:.*\n\s+Size:\s+(\d+)", text)[0]),
    }
