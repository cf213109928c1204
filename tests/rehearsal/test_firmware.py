"""Real firmware starts the stand-in exactly where the rehearsal says that the firmware finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rehearsal.layouts import LAYOUTS, MACHINE_4K, Layout, starts
from tests.rehearsal.samples import stage, walk_disk

_FEW = {"uefi", "none-active"}


def rehearsed(layout: Layout, path: Path) -> str:
    """Build a disk; return what the rehearsal says of its firmware, or of its Secure Boot."""
    layout.build(path)
    request = dict(layout.request)
    if layout.secure:
        request["machine"] = str(layout.secure().machine(path.parent))
    elif request["machine"].endswith(".toml"):
        (path.parent / "4k.toml").write_text(MACHINE_4K)
        request["machine"] = str(path.parent / request["machine"])
    record = walk_disk(path, **request)
    found: str = stage(record, "firmware")["result"]
    if layout.secure and found == "passes":
        found = stage(record, "secure-boot")["result"]
    return found


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda one: one.id)
def test_the_rehearsal_says_what_a_layout_does(layout: Layout, tmp_path: Path) -> None:
    assert rehearsed(layout, tmp_path / "disk") == ("passes" if layout.passes else "would stop")


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(one, marks=() if one.id in _FEW else pytest.mark.judges, id=one.id)
        for one in LAYOUTS
    ],
)
def test_firmware_does_as_the_rehearsal_says(layout: Layout, tmp_path: Path) -> None:
    said = rehearsed(layout, tmp_path / "disk")
    assert starts(tmp_path / "disk", layout) == (said == "passes")
