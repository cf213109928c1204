"""The page of boot faults is made from the cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rehearsal.cases import CASES
from tools.boot_faults import healthy_disks, page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "boot-faults.md"


def test_every_case_has_its_row() -> None:
    rows = [one for one in PAGE.read_text("utf-8").splitlines() if one.startswith("| ")][2:]
    assert len(rows) == len(CASES)
    for case, row in zip(CASES, rows, strict=True):
        cells = row.split(" | ")
        assert cells[0].startswith(f"| {case.fault}")
        assert cells[1] == case.stage
        assert cells[2].startswith(f"{case.result}: ")


@pytest.mark.judges
def test_the_page_is_what_the_cases_give(tmp_path: Path) -> None:
    assert PAGE.read_text("utf-8") == page(healthy_disks(tmp_path))
