"""What other people's tools say of a machine before and after, which is what the record says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end import composed, judges


def _secrets(volume: judges.Volume, folder: Path) -> dict[str, str]:
    """The accounts and their hashes, as impacket's secretsdump reads them."""
    options = []
    for name in ("SYSTEM", "SAM", "SECURITY"):
        file = folder / name
        file.write_bytes(volume.read(judges.HIVES[name]))
        options += [f"-{name.lower()}", str(file)]
    script = Path(sys.executable).with_name("secretsdump.py")
    done = subprocess.run(
        [sys.executable, script, *options, "LOCAL"], capture_output=True, text=True, check=True
    )
    lines = [line.split(":") for line in done.stdout.splitlines() if line.count(":") >= 6]
    return {f"{line[0]}:{line[1]}": ":".join(line[2:4]) for line in lines}


@pytest.mark.corpus
@pytest.mark.parametrize("mode", ["new", "both"])
def test_accounts_and_hashes_stay(mode: str, corpus: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.qcow2"
    made = composed.build(corpus, "10", image)
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    before = _secrets(judges.Volume.of(image, tmp_path / "before"), tmp_path / "before")
    assert before
    done = judges.reseal("generalize", image, "--sid", mode, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    volume = judges.Volume.of(image, tmp_path / "after")
    assert _secrets(volume, tmp_path / "after") == before
    assert record["sid"]["old"] == str(made.sid)
    assert volume.is_clean()
