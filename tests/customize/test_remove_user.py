"""An account that is removed: what goes, what stays, and that nothing can be found on the disk."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.customize import machines
from tests.customize.machines import PROFILE_TEXT, SID, USER, USER_SID, Judged
from tests.end_to_end.judges import reseal
from tests.ntfs import judges

pytestmark = pytest.mark.corpus

CURRENT = r"Microsoft\Windows NT\CurrentVersion"
#: What must be nowhere: the SID in binary and as text, the folder's name, what lay in files.
TRACES = {
    "binary SID": struct.pack("<5I", *USER_SID.sub_authorities),
    "SID as text": str(USER_SID)[4:].encode(),
    "SID in UTF-16": str(USER_SID)[4:].encode("utf-16-le"),
    "name": USER.encode(),
    "name in UTF-16": USER.encode("utf-16-le"),
    "text of a file": PROFILE_TEXT[:40],
}


def found(disk: Path) -> dict[str, int]:
    """How often each trace stands on a raw disk, from its first byte to its last."""
    data = disk.read_bytes()
    # Another profile has a name that begins with this one; that one stays.
    data = data.replace(f"{USER}2".encode("utf-16-le"), b"")
    return {name: count for name, trace in TRACES.items() if (count := data.count(trace))}


def raw(image: Path) -> Path:
    """The whole disk as qemu-img writes it out."""
    disk = image.with_suffix(".raw")
    subprocess.run(["qemu-img", "convert", "-O", "raw", image, disk], check=True)
    return disk


@pytest.fixture(scope="module", params=["sample", "real"])
def sealed(
    request: pytest.FixtureRequest, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """An image before and after `generalize --remove-user --wipe-free`, and the record."""
    folder = tmp_path_factory.mktemp(request.param)
    image = folder / "image.qcow2"
    getattr(machines, request.param)(corpus, image)
    before = found(raw(image))
    done = reseal(
        "generalize", image, "--json", "--quiet", "--enable-user", "Administrator",
        "--remove-user", USER, "--wipe-free",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    yield before, image, json.loads(done.stdout)
    shutil.rmtree(folder)


def test_nothing_of_it_is_found_on_the_whole_disk(sealed: Any) -> None:
    before, image, _ = sealed
    assert set(before) == set(TRACES)
    assert found(raw(image)) == {}


def test_the_image_became_smaller_and_says_so(sealed: Any) -> None:
    record = sealed[2]
    assert record["wiped"]["clusters"] > 0
    assert record["wiped"]["skipped"] == 0
    assert record["space"].keys() == {"before", "after"}


def test_what_is_left_is_sound(sealed: Any, tmp_path: Path) -> None:
    _, image, _ = sealed
    judged = Judged.of(image, tmp_path / "judged")
    judges.judge(judged.volume.path)
    assert USER not in judged.accounts
    assert judged.accounts["Administrator"][0] == 500
    assert USER not in judged.names("Users")
    profiles = judged.machine("SOFTWARE", rf"{CURRENT}\ProfileList\{USER_SID}")
    assert profiles is None
    assert judged.machine("SOFTWARE", rf"{CURRENT}\ProfileList\{SID.relative(500)}") is not None
    traces = judged.machine("SOFTWARE", "Traces")
    assert traces
    assert traces["Path"][1].decode("utf-16-le").rstrip("\0") == r"C:\Tools;C:\Windows"
    assert "Uninstall" not in traces
    assert "Neighbour" in traces
    assert (
        traces["Owner"][1].decode("utf-16-le").rstrip("\0") == f"the owner is {SID.relative(9999)}"
    )
    assert judged.names(r"Windows\System32\Tasks") == {"Other"}
    tasks = rf"{CURRENT}\Schedule\TaskCache"
    assert judged.machine("SOFTWARE", rf"{tasks}\Tasks\{{B}}") is None
    assert judged.machine("SOFTWARE", rf"{tasks}\Tree\Other") is not None
    assert judged.names("$Recycle.Bin") == set()
    group = judged.machine("SAM", r"SAM\Domains\Builtin\Aliases\00000220")
    assert group
    assert USER_SID.to_bytes() not in group["C"][1]


def run(image: Path, *steps: str) -> tuple[int, str]:
    done = reseal("customize", image, "--quiet", *steps)
    return done.returncode, done.stderr


@pytest.fixture
def image(corpus: Path, tmp_path: Path) -> Path:
    path = tmp_path / "image.qcow2"
    machines.sample(corpus, path)
    return path


def test_the_last_administrator_stays_unless_it_is_forced(image: Path) -> None:
    before = image.read_bytes()
    for step in (("--remove-user", USER), ("--disable-user", USER)):
        code, said = run(image, *step)
        assert code == 3
        assert f"{' '.join(step)}: {USER} is the last administrator" in said
        assert "--force last-administrator" in said
    code, said = run(image, "--remove-user", "Administrator")
    assert code == 2
    assert "built-in account of Windows" in said
    code, said = run(image, "--remove-user", "nobody")
    assert code == 2
    assert "no local account nobody" in said
    assert image.read_bytes() == before
    assert run(image, "--remove-user", USER, "--force", "last-administrator") == (0, "")
