"""Real firmware starts the stand-in exactly where the rehearsal says that the firmware finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rehearsal.layouts import LAYOUTS, MACHINE_4K, Layout, starts
from tests.rehearsal.samples import stage, walk_disk

_FEW = {"uefi", "hidden-sectors"}


def rehearsed(layout: Layout, path: Path) -> str:
    """Build a disk; return what the rehearsal says of its firmware."""
    layout.build(path)
    (path.parent / "4k.toml").write_text(MACHINE_4K)
    request = dict(layout.request)
    if request["machine"].endswith(".toml"):
        request["machine"] = str(path.parent / request["machine"])
    result: str = stage(walk_disk(path, **request), "firmware")["result"]
    return result


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
