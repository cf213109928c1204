"""Versions and architectures of Windows that a machine's firmware does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rehearsal.samples import disk, stage, walk_disk
from tests.rehearsal.test_healthy import sample_of


@pytest.mark.parametrize(
    ("build", "architecture", "expected"),
    [
        (7601, "AMD64", {
            None: "passes", "kvm-sata": "can't be told", "hyper-v-gen2": "would stop",
        }),
        (7601, "x86", {None: "would stop"}),
        (19045, "x86", {None: "passes", "kvm-sata": "would stop", "physical-ahci": "passes"}),
        (22631, "ARM64", {None: "passes", "kvm-virtio": "passes"}),
    ],
)  # fmt: skip
def test_the_firmware_stage(
    tmp_path: Path, build: int, architecture: str, expected: dict[str | None, str]
) -> None:
    path = disk(tmp_path, sample_of(build, architecture, "Windows", "Client", armed=False))
    for machine, result in expected.items():
        found = stage(walk_disk(path, machine=machine), "firmware")
        assert found["result"] == result, found
        assert (result == "would stop") == (
            "shell" in (found["symptom"] or "") or machine == "hyper-v-gen2"
        )
