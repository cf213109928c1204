"""The INF files of the virtio drivers' source, stamped as their build does it."""

from __future__ import annotations

from pathlib import Path


def stamped(path: Path, *, decoration: str = "amd64.10.0", directory: int = 12) -> bytes:
    """Put in what the build of kvm-guest-drivers-windows puts in."""
    text = path.read_text("utf-8", "replace")
    for old, new in {
        "$ARCH$": decoration,
        "INX_PLATFORM_DRIVERS_DIR": str(directory),
        "INX_COMPANY": "Red Hat, Inc.",
        "INX_PREFIX_VENDOR": "Red Hat ",
        "_INX_SUBSYS_VENDOR_ID": "1AF4",
        "01/01/2008,0.0.0.1": "01/28/2024,100.95.104.26200",
    }.items():
        text = text.replace(old, new)
    return text.encode()
