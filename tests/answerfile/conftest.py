"""The real answer files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def real_files(corpus: Path) -> list[Path]:
    """The paths of the 55 real answer files."""
    files = sorted((corpus / "answerfiles").iterdir())
    assert len(files) == 55
    return files
