"""Find dead code with vulture; `python -m tools.dead_code` is part of `make lint`.

A declaration refers to its work by text (`work="reseal.package.module:function"`), which vulture does not
recognize. This module passes these names to vulture as used.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

ROOT = Path(__file__).parents[1]
_WORK = re.compile(r'"reseal(?:\.\w+)+:(\w+)"')


def main() -> int:
    """Run vulture, and return its exit code."""
    found = {
        name
        for path in (ROOT / "src").rglob("*.py")
        for name in _WORK.findall(path.read_text("utf-8"))
    }
    with NamedTemporaryFile("w", suffix=".py") as used:
        used.write("\n".join(sorted(found)) + "\n")
        used.flush()
        vulture = Path(sys.executable).with_name("vulture")
        return subprocess.run([vulture, "src", used.name], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
