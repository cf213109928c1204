"""Work on a folder reaches that folder and its journal, and nothing above them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reseal import sandbox
from reseal.errors import ResealError
from reseal.run import Callables, RunOptions, change
from reseal.testing.machine import Machine, tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.session import Session

pytestmark = pytest.mark.skipif(
    not sandbox.features()["landlock"], reason="this kernel has no Landlock"
)


def make(folder: Path, spec: dict[str, object]) -> None:
    folder.mkdir()
    for name, content in spec.items():
        if isinstance(content, dict):
            make(folder / name, content)
        else:
            assert isinstance(content, bytes)
            (folder / name).write_bytes(content)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with secrets, and a Windows in it."""
    (tmp_path / ".ssh").mkdir(mode=0o700)
    (tmp_path / ".ssh" / "id_rsa").write_text("SECRET")
    (tmp_path / ".ssh" / "id_rsa").chmod(0o600)
    (tmp_path / ".bashrc").write_text("")
    make(tmp_path / "win", tree(Machine()))
    return tmp_path


ATTEMPTS: dict[str, Callable[[Path], object]] = {
    "read": lambda home: (home / ".ssh" / "id_rsa").read_text(),
    "list": lambda home: os.listdir(home / ".ssh"),  # noqa: PTH208
    "list the home": os.listdir,
    "write": lambda home: (home / ".bashrc").write_text("planted"),
    "create": lambda home: (home / ".profile").write_text("planted"),
    "make a folder": lambda home: (home / "new").mkdir(),
    "delete": lambda home: (home / ".bashrc").unlink(),
    "rename out": lambda home: (home / "win" / "Windows").rename(home / "Windows"),
    "link": lambda home: (home / "win" / "stolen").hardlink_to(home / ".ssh" / "id_rsa"),
    "chmod": lambda home: (home / ".ssh" / "id_rsa").chmod(0o666),
    "chmod of a folder": lambda home: (home / ".ssh").chmod(0o777),
    "utime": lambda home: os.utime(home / ".bashrc", (1, 1)),
    "setxattr": lambda home: os.setxattr(home / ".bashrc", "user.x", b"1"),
    "another journal": lambda home: (home / ".other.reseal-journal").mkdir(),
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_nothing_above_the_folder_is_reached(home: Path, name: str) -> None:
    if name in {"chmod", "chmod of a folder", "utime", "setxattr"} and not _has_namespaces():
        pytest.skip("this system permits no mount namespace, so that only Landlock is in force")
    before = _look(home)

    def job(session: Session) -> dict[str, Any]:
        del session
        try:
            ATTEMPTS[name](home)
        except OSError:
            return {"reached": False}
        return {"reached": True}

    found = change(home / "win", Callables(job, lambda _: []), RunOptions())
    assert found["reached"] is False
    assert _look(home) == before


def test_a_change_of_the_folder_is_made_and_undone(home: Path) -> None:
    def fail(session: Session) -> dict[str, Any]:
        session.write_file(r"Windows\new.txt", b"new")
        return {}

    change(home / "win", Callables(fail, lambda _: []), RunOptions())
    assert (home / "win" / "Windows" / "new.txt").read_bytes() == b"new"
    before = _look(home)
    with pytest.raises(ResealError):
        change(home / "win", Callables(_write_other, lambda _: ["everything"]), RunOptions())
    assert _look(home) == before
    assert sorted(one.name for one in home.iterdir()) == [".bashrc", ".ssh", "win"]


def _write_other(session: Session) -> dict[str, Any]:
    session.write_file(r"Windows\other.txt", b"other")
    return {}


def _look(home: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(one.relative_to(home)): (one.stat().st_mode, one.read_bytes() if one.is_file() else b"")
        for one in home.rglob("*")
    }


def _has_namespaces() -> bool:
    from reseal.worker import run_worker

    def look(_: object) -> bool:
        return str(Path("/proc/self/ns/mnt").readlink()) != own

    own = str(Path("/proc/self/ns/mnt").readlink())
    return bool(run_worker(look, subject="x"))
