"""Add the generated pages to the documentation when it is built."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools import reference


def on_files(files: Any, config: Any) -> Any:
    """Add the reference pages to the files to build."""
    from mkdocs.structure.files import File  # noqa: PLC0415  only a build has it

    for name, text in reference.pages().items():
        files.append(File.generated(config, f"reference/{name}", content=text))
    return files
