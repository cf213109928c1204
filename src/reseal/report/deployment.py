"""What a person sees of a deploy run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def lines(record: dict[str, Any]) -> Iterator[str]:
    """Tell what disk was made, and what to know of it."""
    for one in record["partitions"]:
        role = one.get("role") or one["name"] or one["type"]
        yield f"  {one['number']}  {role:<12} {_size(one['size']):>10}  at {_size(one['offset'])}"
    target, seconds = record["target"], record["timings"]["total"]
    if record["result"] == "resized":
        yield f"The Windows volume grew by {_size(record['grown'])}."
    else:
        boot, windows = record["boot"], record["windows"]
        name = windows["product_name"] or "Windows"
        yield f"{name} is drive {windows['drive']} on it; its boot menu speaks {boot['locale']}."
        yield f"{boot['files']} boot files and the store {boot['store']} are on the system partition."
    for warning in record.get("warnings", ()):
        yield f"Warning: {warning}"
    for note in record["notes"]:
        yield f"Note: {note}"
    yield f"{target['path']} is made ({_size(target['size'])}, {seconds:.2f} s)."
    yield "Proved: structure. Not proved: a boot of Windows (it did not run here)."


def _size(count: int) -> str:
    unit, name = (1 << 30, "GiB") if count >= 1 << 30 else (1 << 20, "MiB")
    return f"{count / unit:.2f} {name}"
