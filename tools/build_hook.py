"""Write the man pages and shell completions that the wheel installs below `share`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Share(BuildHookInterface):  # type: ignore[type-arg]  # not generic in the hatchling of Debian 12
    """Runs `tools.man` before a wheel is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Write the files, unless the wheel only points at the source."""
        share = Path(self.root, "build", "share")
        shutil.rmtree(share, ignore_errors=True)
        share.mkdir(parents=True)
        if version == "editable":
            return
        sys.path[:0] = [self.root, str(Path(self.root, "src"))]
        from tools.man import build_day, write  # noqa: PLC0415  found on the path just set

        write(share, build_day())
