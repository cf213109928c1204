"""Other people's tools, which judge what was written."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest


def run(*command: str | Path, text: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one of other people's tools."""
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(
        [str(part) for part in command],
        check=False,
        capture_output=True,
        text=text,
        errors="replace" if text else None,
    )


def judge(path: Path) -> None:
    """Let ntfsfix, ntfsinfo, ntfsresize and ntfssecaudit look for damage in a volume."""
    judge_structure(path)
    audit(path)


def judge_structure(path: Path) -> None:
    """Let ntfsfix, ntfsinfo and ntfsresize look for damage in a volume."""
    fixed = run("ntfsfix", "--no-action", path)
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    assert "processed successfully" in fixed.stdout
    info = run("ntfsinfo", "--mft", path)
    assert info.returncode == 0, info.stderr
    # It refuses to resize where a cluster belongs to two files, or to none and is marked as used.
    accounts = run("ntfsresize", "--info", "--force", "--no-progress-bar", path)
    assert accounts.returncode == 0 or "volume is full" in accounts.stdout, accounts.stdout
    assert "Accounting clusters" in accounts.stdout
    assert "accounting failed" not in accounts.stdout


def audit(path: Path) -> None:
    """Let ntfssecaudit look for damage in $Secure.

    It takes the header of an entry behind the last one from what its buffer held before, and so
    may complain of one more entry that is too long; that complaint alone counts for nothing. What
    it counted in the four places must be the same.
    """
    found = run("ntfssecaudit", "-a", path)
    complaints = [
        line
        for line in found.stdout.splitlines()
        if line.startswith("**") and "Security attribute is too long" not in line
    ]
    assert complaints == [], found.stdout
    assert "All keys are present in all lists" in found.stdout, found.stdout
    counts = re.findall(r"(\d+) valid .*entries in \$(SDS-1|SDS-2|SII|SDH)", found.stdout)
    assert len({count for count, _ in counts}) == 1, found.stdout
    assert len(counts) == 4, found.stdout


def cat(path: Path, name: str) -> bytes:
    """Read a file with ntfscat."""
    found = run("ntfscat", path, name.replace("\\", "/"), text=False)
    assert found.returncode == 0, found.stderr
    data = found.stdout
    assert isinstance(data, bytes)
    return data
