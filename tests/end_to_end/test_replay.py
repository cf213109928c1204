"""A generalized image has no hive whose logs hold what its file does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from reseal.errors import CheckError
from reseal.operations.generalize import Generalize, GeneralizeRequest
from reseal.regf import Hive
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.builders import session
from tests.end_to_end import composed, judges

CLASSES = r"Users\Alice\AppData\Local\Microsoft\Windows\UsrClass.dat"
#: What a crash left of a log: its signature and nothing else.
BROKEN = b"regf" + bytes(4092)
OTHER = r"Windows\System32\config\BBI"


def _dirty(corpus: Path, name: str) -> dict[str, bytes]:
    """A hive of Windows with its logs, dirty."""
    folder = corpus / "machines" / "win10-21h1"
    files = {suffix: (folder / f"{name}{suffix}").read_bytes() for suffix in ("", ".LOG1", ".LOG2")}
    whole = Hive.open(files[""], {"LOG1": files[".LOG1"], "LOG2": files[".LOG2"]})
    assert whole.recovered
    return files


def _machine(path: str, files: dict[str, bytes]) -> Machine:
    *folders, name = path.split("\\")
    spec: dict[str, Any] = {f"{name}{suffix}": data for suffix, data in files.items()}
    for folder in reversed(folders):
        spec = {folder: spec}
    return Machine(files=spec)


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("path", "source"),
    [
        (OTHER, "BBI"),
        (CLASSES, "Users/AndrewRathbun/UsrClass.dat"),
        (r"Users\Bob\NTUSER.DAT", "Users/AndrewRathbun/NTUSER.DAT"),
    ],
)
def test_logs_that_nothing_else_edits_are_replayed(
    path: str, source: str, corpus: Path, tmp_path: Path
) -> None:
    files = _dirty(corpus, source)
    image = tmp_path / "image.raw"
    windows(image, _machine(path, files), size=64 << 20)
    record = judges.generalize(image)
    volume = judges.Volume.of(image, tmp_path)
    whole = Hive.open(files[""], {"LOG1": files[".LOG1"], "LOG2": files[".LOG2"]})
    after = judges.agreed(volume.read(path))
    assert len(after) == len(judges.agreed(whole.to_bytes()))
    assert volume.read(f"{path}.LOG1") == volume.read(f"{path}.LOG2") == b""
    [change] = [
        one for one in record["changes"] if one["kind"] == "replay_logs" and one["target"] == path
    ]
    assert change["after"] == {"logs": "empty"}


@pytest.mark.corpus
@pytest.mark.parametrize("path", [OTHER, CLASSES])
@pytest.mark.parametrize("sid", ["new", "both"])
def test_a_hive_with_logs_and_without_the_sid_is_replayed_when_the_sid_changes(
    path: str, sid: str, corpus: Path
) -> None:
    files = _dirty(corpus, "BBI")
    one = session(_machine(path, files))
    if sid == "both":
        # Nothing may keep the SID, and a tree in memory has no volume whose descriptors could be changed.
        with pytest.raises(CheckError, match="permissions"):
            Generalize(GeneralizeRequest(sid=sid)).stage(one)
    else:
        Generalize(GeneralizeRequest(sid=sid)).stage(one)
    assert path in one.edited_hives
    one.verify()


@pytest.mark.corpus
@pytest.mark.parametrize("path", [OTHER, CLASSES])
def test_a_hive_whose_logs_can_t_be_replayed_stays_and_is_named(
    path: str, corpus: Path, tmp_path: Path
) -> None:
    files = _dirty(corpus, "BBI")
    files |= {".LOG1": BROKEN, ".LOG2": BROKEN}
    image = tmp_path / "image.raw"
    windows(image, _machine(path, files), size=64 << 20)
    record = judges.generalize(image)
    assert any(note.startswith(f"{path} was left as it is") for note in record["notes"])
    volume = judges.Volume.of(image, tmp_path)
    assert volume.read(path) == files[""]


@pytest.mark.corpus
def test_a_needed_one_stops_the_run(corpus: Path, tmp_path: Path) -> None:
    files = _dirty(corpus, "DEFAULT") | {".LOG1": BROKEN, ".LOG2": BROKEN}
    image = tmp_path / "image.raw"
    windows(image, _machine(r"Windows\System32\config\DEFAULT", files), size=64 << 20)
    before = image.read_bytes()
    done = judges.reseal("generalize", image, "--json", "--quiet")
    assert done.returncode in {3, 4}
    assert "DEFAULT" in json.loads(done.stdout)["error"]["message"]
    assert image.read_bytes() == before


@pytest.mark.corpus
@pytest.mark.parametrize("name", composed.MACHINES)
def test_no_hive_of_a_composed_machine_keeps_logs(
    name: str, composed_machines: dict[str, Path], tmp_path: Path
) -> None:
    image = tmp_path / "image.qcow2"
    made = composed.MACHINES[name]
    shutil.copyfile(composed_machines[name], image)
    judges.generalize(image)
    volume = judges.Volume.of(image, tmp_path)
    paths = [
        rf"Windows\System32\config\{one}"
        for one in ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT")
    ]
    paths += [path.replace("/", "\\") for path in made.more]
    for user, _ in made.users.values():
        paths += [rf"Users\{user}\NTUSER.DAT",
                  rf"Users\{user}\AppData\Local\Microsoft\Windows\UsrClass.dat"]  # fmt: skip
    for path in paths:
        hive = Hive.open(volume.read(path))  # a dirty one would be refused without its logs
        assert not hive.recovered
        assert hive.verify() == []
