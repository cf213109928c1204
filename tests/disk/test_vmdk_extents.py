"""An extent of a VMDK names its descriptor, since it is not the disk."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reseal.disk import DiskError, Image


@pytest.mark.parametrize("kind", ["monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"])
def test_an_extent_names_its_descriptor(tmp_path: Path, kind: str) -> None:
    image = tmp_path / "a disk.vmdk"
    create = [
        "qemu-img",
        "create",
        "-q",
        "-f",
        "vmdk",
        "-o",
        f"subformat={kind}",
        str(image),
        "16M",
    ]
    subprocess.run(create, check=True)
    with Image.open(image) as opened:
        assert opened.size == 16 << 20
    (extent,) = set(tmp_path.glob("*.vmdk")) - {image}
    with pytest.raises(DiskError, match="extent of a VMDK") as error:
        Image.open(extent)
    assert error.value.hint == f"Name its descriptor: {image}"


def test_a_disk_that_is_only_named_like_an_extent_is_opened(tmp_path: Path) -> None:
    image = tmp_path / "disk-s001.vmdk"
    subprocess.run(["qemu-img", "create", "-q", "-f", "vmdk", image, "16M"], check=True)
    (tmp_path / "disk.vmdk").write_text("# Disk DescriptorFile\nnonsense")
    with Image.open(image) as opened:
        assert opened.size == 16 << 20
