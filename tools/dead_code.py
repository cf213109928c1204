"""Find dead code: `python -m tools.dead_code`.

vulture sees what a program names; what declarations name in texts (`work="package.module:name"`) is
told to it here.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_WORK = re.compile(r'"reseal(?:\.\w+)+:(\w+)"')


def main() -> int:
    """Run vulture; returns its exit code."""
    settings = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["vulture"]
    named = {
        name
        for path in (_ROOT / "src").rglob("*.py")
        for name in _WORK.findall(path.read_text(encoding="utf-8"))
    }
    ignored = ",".join([*settings["ignore_names"], *sorted(named)])
    command = [sys.executable, "-m", "vulture", "--ignore-names", ignored]
    return subprocess.run(command, cwd=_ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
