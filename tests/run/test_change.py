"""One way to work on every medium: done, refused or only rehearsed, it is the same."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reseal.errors import ImageError, UsageError
from reseal.run import Operation, RunOptions, change, read
from reseal.run.opening import Found
from reseal.session import Session
from reseal.testing.machine import Machine, tree
from reseal.testing.windows import windows
from reseal.windows import Installation
from tests.wim.jobs import capture

KEY = r"HKLM\SOFTWARE\Reseal"
FILE = r"Windows\new.txt"
STEPS = ["Staging", "Writing", "Reading it back"]


@dataclass
class Marks(Operation):
    """Leaves a file and a value."""

    problems: list[str] = field(default_factory=list)

    def stage(self, session: Session) -> dict[str, Any]:
        with session.step("Staging"):
            session.write_file(FILE, b"new")
            session.set_text(KEY, "Name", "new")
        return {"result": "marked"}

    def recheck(self, installation: Installation) -> list[str]:
        seen = installation.registry.text(KEY, "Name") == "new"
        return self.problems if seen else ["the value"]


class Nothing(Operation):
    """Stages nothing."""

    def stage(self, session: Session) -> dict[str, Any]:
        del session
        return {"result": "unchanged"}


def _disk(folder: Path) -> Path:
    windows(folder / "image.qcow2", Machine())
    return folder / "image.qcow2"


def _raw(folder: Path) -> Path:
    windows(folder / "image.raw", Machine())
    return folder / "image.raw"


def _wim(folder: Path) -> Path:
    volume, path = folder / "volume.raw", folder / "image.wim"
    windows(volume, Machine(), partitioned=False)
    capture(volume, path, compression="xpress")
    volume.unlink()
    return path


def _folder(folder: Path) -> Path:
    path = folder / "image"
    _extract(path, tree(Machine()))
    return path


def _extract(folder: Path, spec: dict[str, Any]) -> None:
    folder.mkdir()
    for name, content in spec.items():
        if isinstance(content, dict):
            _extract(folder / name, content)
        else:
            (folder / name).write_bytes(content)


MEDIA = {"disk": _disk, "raw": _raw, "wim": _wim, "folder": _folder}


@pytest.fixture(params=MEDIA)
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A Windows in each medium, alone in its folder."""
    folder = tmp_path / "alone"
    folder.mkdir()
    make: Callable[[Path], Path] = MEDIA[request.param]
    return make(folder)


def digest(folder: Path) -> str:
    """Every file of a folder, by name and content."""
    command = "find . -type f -print0 | sort -z | xargs -0 sha256sum; find . | sort"
    return subprocess.check_output(["sh", "-c", command], cwd=folder, text=True)


def _look(found: list[Found]) -> dict[str, Any]:
    (one,) = found
    stat = one.installation.tree.stat(FILE)
    return {"name": one.installation.registry.text(KEY, "Name"), "file": bool(stat)}


def test_what_is_staged_is_there_in_the_end(image: Path) -> None:
    heard: list[str] = []
    record = change(image, Marks(), RunOptions(), lambda one: heard.append(str(one.get("step"))))
    assert [step for step in heard if step in STEPS] == STEPS
    assert record["result"] == "marked"
    assert [one["kind"] for one in record["changes"]] == ["write_file", "set_value"]
    assert record["written"]["hives"] == ["SOFTWARE"]
    assert record["written"]["files"]["files_created"] == 1
    assert set(record["timings"]) >= {*STEPS, "total"}
    assert record["image"]["path"] == str(image)
    counted = record["image"]["format"] in {"qcow2", "raw"}
    assert bool(record["traffic"]) is counted
    after = read(image, _look)
    assert (after["name"], after["file"]) == ("new", True)
    assert after["image"] | {"size": None} == record["image"] | {"size": None}


@pytest.mark.parametrize(
    ("operation", "options", "error"),
    [
        (Marks(["the rest"]), RunOptions(), "lacks the rest"),
        (Marks(), RunOptions(dry_run=True), None),
        (Nothing(), RunOptions(), None),
        (Marks(), RunOptions(volume="9"), "no Windows in volume 9"),
    ],
    ids=["recheck fails", "dry run", "nothing staged", "other volume"],
)
def test_otherwise_the_image_is_as_it_was(
    image: Path, operation: Operation, options: RunOptions, error: str | None
) -> None:
    before = digest(image.parent)
    if error:
        with pytest.raises(ImageError if "lacks" in error else Exception, match=error):
            change(image, operation, options)
    else:
        assert change(image, operation, options)["written"] is None
    assert digest(image.parent) == before


def test_a_look_may_write_to_what_it_names_and_to_nothing_else(image: Path, tmp_path: Path) -> None:
    before = digest(image.parent)
    named, other = tmp_path / "named", tmp_path / "other"
    named.mkdir()
    other.mkdir()

    def copy(found: list[Found], *, to: Path) -> dict[str, Any]:
        data = found[0].installation.tree.read(r"Windows\System32\config\SOFTWARE")
        (to / "copy").write_bytes(data)
        return {"size": len(data)}

    record = read(image, lambda found: copy(found, to=named), writes=(named,))
    assert (named / "copy").stat().st_size == record["size"]
    with pytest.raises(ImageError, match="was refused"):
        read(image, lambda found: copy(found, to=other), writes=(named,))
    assert list(other.iterdir()) == []
    assert digest(image.parent) == before


@pytest.mark.parametrize("option", ["thin", "chkdsk_at_boot", "shrink"])
@pytest.mark.parametrize("image", ["wim", "folder"], indirect=True)
def test_what_only_disks_can_is_refused_of_others(image: Path, option: str) -> None:
    before = digest(image.parent)
    with pytest.raises(UsageError, match="for disk images"):
        change(image, Marks(), RunOptions(**{option: True}))  # type: ignore[arg-type]
    assert digest(image.parent) == before
