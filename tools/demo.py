"""Build a sample Windows image, generalize it, and print the paths of the results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from reseal.testing.real import machine

FOLDER = Path("demo")
IMAGE = FOLDER / "sample.qcow2"
REPORT = FOLDER / "report.html"
IDENTITY = FOLDER / "identity.json"


def _run(*arguments: str) -> None:
    print(f"\n$ reseal {' '.join(arguments)}", flush=True)
    command = [str(Path(sys.executable).with_name("reseal")), *arguments]
    subprocess.run(command, check=True)


def main() -> None:
    """Run the demonstration in the folder `demo`."""
    FOLDER.mkdir(exist_ok=True)
    for path in (IMAGE, REPORT, IDENTITY):
        path.unlink(missing_ok=True)
    print(f"Building a sample Windows image, {IMAGE} …", flush=True)
    machine(IMAGE)
    _run("inspect", str(IMAGE))
    _run("generalize", str(IMAGE), "--report", str(REPORT), "--save-identity", str(IDENTITY))
    _run("verify", str(IMAGE), "--identity", str(IDENTITY))
    print(f"\nThe generalized image: {IMAGE}\nThe report: {REPORT}")


if __name__ == "__main__":
    main()
