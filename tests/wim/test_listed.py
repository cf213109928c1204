"""`inspect` of a WIM lists its images."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reseal.operations.inspect import inspect
from reseal.operations.operation import Opening
from reseal.report import text
from reseal.testing.machine import Machine, tree
from reseal.testing.memory import MemoryTree


@pytest.fixture(scope="module")
def wim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images: a Windows without any XML data of its own, and one with a name that isn't plain."""
    folder = tmp_path_factory.mktemp("wim")
    memory, root = MemoryTree(tree(Machine())), folder / "root"
    for path, data in memory.snapshot().items():
        place = root / path.replace("\\", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if data is not None:
            place.write_bytes(data)
    wim = folder / "install.wim"
    capture = ["wimlib-imagex", "capture", str(root), str(wim), "Windows 11 Pro", "--compress=none"]
    subprocess.run(capture, check=True, capture_output=True)
    append = ["wimlib-imagex", "append", str(root), str(wim), "größe <&>", "A description"]
    subprocess.run(append, check=True, capture_output=True)
    return wim


def test_a_wim_with_several_images_lists_them(wim: Path) -> None:
    record = inspect(wim)
    assert [one["name"] for one in record["images"]] == ["Windows 11 Pro", "größe <&>"]
    assert record["images"][1]["description"] == "A description"
    assert record["windows"] == []
    shown = list(text.inspection(record))
    assert any("2  größe <&>" in line for line in shown)
    assert any("--index" in line for line in shown)


def test_a_chosen_image_is_described_in_full(wim: Path) -> None:
    record = inspect(wim, Opening(index=2))
    assert len(record["images"]) == 2
    assert record["image"]["index"] == 2
    assert record["identity"]["computer_name"]
    assert any("machine SID" in line for line in text.inspection(record))
