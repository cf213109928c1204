"""Human-readable sizes."""

from __future__ import annotations

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def shown(size: int | None) -> str:
    """Return a number of bytes in a suitable unit; a dash for none."""
    if size is None:
        return "—"
    number, unit = float(size), 0
    # What would be rounded up to 1,024 belongs to the next unit.
    while round(number, 1) >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.{1 if unit else 0}f} {_UNITS[unit]}"
