"""Security descriptors from the text form that Microsoft documents, as far as the tests need it."""

import re
import struct

SIDS = {
    "SY": "S-1-5-18",
    "BA": "S-1-5-32-544",
    "BU": "S-1-5-32-545",
    "AU": "S-1-5-11",
    "CO": "S-1-3-0",
    "CG": "S-1-3-1",
    "WD": "S-1-1-0",
    "LW": "S-1-16-4096",
}
TYPES = {"A": 0, "D": 1, "AU": 2, "ML": 0x11}
FLAGS = {"OI": 1, "CI": 2, "NP": 4, "IO": 8, "ID": 0x10, "SA": 0x40, "FA": 0x80}
RIGHTS = {"FA": 0x1F01FF, "GA": 1 << 28, "GR": 1 << 31, "GX": 1 << 29, "NW": 1, "RX": 0x1200A9}


def sid(text: str) -> bytes:
    parts = [int(part) for part in SIDS.get(text, text).split("-")[1:]]
    revision, authority, *rest = parts
    return (
        bytes([revision, len(rest)])
        + authority.to_bytes(6, "big")
        + b"".join(struct.pack("<I", part) for part in rest)
    )


def pairs(text: str, table: dict[str, int]) -> int:
    value = 0
    for part in re.findall("..", text):
        value |= table[part]
    return value


def acl(text: str) -> bytes:
    entries = b""
    count = 0
    for kind, flags, rights, who in re.findall(r"\((\w+);(\w*);(\w+);;;([\w-]+)\)", text):
        mask = int(rights, 16) if rights.startswith("0x") else pairs(rights, RIGHTS)
        body = struct.pack("<I", mask) + sid(who)
        entries += struct.pack("<BBH", TYPES[kind], pairs(flags, FLAGS), 4 + len(body)) + body
        count += 1
    return struct.pack("<BBHHH", 2, 0, 8 + len(entries), count, 0) + entries


def descriptor(text: str) -> bytes:
    """Encode O:...G:...D:...S:... as Windows lays it out in reseal: DACL, owner, group, SACL."""
    found = re.fullmatch(r"O:(.+?)G:(.+?)D:(AI)?(\(.*?\))?(?:S:(AI)?(\(.*\)))?", text)
    assert found is not None
    owner, group, auto, entries, sacl_auto, audit = found.groups()
    control = 0x8004 | (0x400 if auto else 0)
    parts = [acl(entries or ""), sid(owner), sid(group)]
    offsets = [20]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    sacl = 0
    if audit:
        control |= 0x10 | (0x800 if sacl_auto else 0)
        sacl = offsets[3]
        parts.append(acl(audit))
    return struct.pack(
        "<BBHIIII", 1, 0, control, offsets[1], offsets[2], sacl, offsets[0]
    ) + b"".join(parts)
