"""What a process that is killed leaves of a file that it writes: nothing, after the next look."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from reseal.disk.draft import Draft, delete_draft, drafts_deleted
from reseal.disk.sidecar import draft_path
from reseal.errors import ResealError

NAMES = ["x.wim", "x" * 250 + ".wim", "-é {0} \n.wim"]


@pytest.fixture(params=["unnamed", "named", "no hard links"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file system with unnamed files, one without, and one that has no hard links either."""
    real = os.open

    def opened(path: object, flags: int, *rest: int, **more: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "as NFS answers")
        return real(path, flags, *rest, **more)  # type: ignore[arg-type]

    def linked(*_arguments: object, **_more: object) -> None:
        raise OSError(errno.EPERM, "as vfat answers")

    if request.param != "unnamed":
        monkeypatch.setattr(os, "open", opened)
    if request.param == "no hard links":
        monkeypatch.setattr(os, "link", linked)
    return str(request.param)


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def killed(work: Callable[[], object]) -> None:
    child = os.fork()
    if child == 0:
        try:
            work()
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(99)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def written(target: Path, text: bytes, *, replace: bool) -> None:
    draft = Draft(target)
    try:
        os.write(draft.number, text)
        draft.publish(replace=replace)
    finally:
        draft.close()


@pytest.mark.usefixtures("file_system")
@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_created_and_replaced_and_nothing_else_is_there(
    tmp_path: Path, name: str
) -> None:
    target = tmp_path / name
    written(target, b"old", replace=False)
    with pytest.raises(ResealError, match="was created by another program"):
        written(target, b"new", replace=False)
    assert target.read_bytes() == b"old"
    written(target, b"new", replace=True)
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == {name}


@pytest.mark.usefixtures("file_system")
@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("moment", ["written", "linked", "renamed"])
def test_a_killed_process_leaves_the_old_file_and_the_next_look_takes_the_rest(
    tmp_path: Path, moment: str, replace: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.wim"
    if replace:
        target.write_bytes(b"old")

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        draft = Draft(target)
        os.write(draft.number, b"new")
        if moment == "linked":
            monkeypatch.setattr(Path, "replace", die)
            monkeypatch.setattr(Path, "rename", die)
        if moment == "renamed":
            monkeypatch.setattr("reseal.disk.draft.sync_folder", die)
        if moment != "written":
            draft.publish(replace=replace)

    with drafts_deleted(target):
        killed(work)
    if target.exists():
        assert target.read_bytes() in ({b"old", b"new"} if replace else {b"new"})
    assert names(tmp_path) <= {"x.wim"}


@pytest.mark.parametrize("file_system", ["named", "no hard links"], indirect=True)
@pytest.mark.usefixtures("file_system")
def test_a_draft_in_use_stays(tmp_path: Path) -> None:
    target = tmp_path / "x.wim"
    draft = Draft(target)
    assert draft_path(target).exists()
    assert not delete_draft(target)
    with pytest.raises(ResealError, match="being written by another reseal"):
        Draft(target)
    draft.publish(replace=False)
    draft.close()
    assert names(tmp_path) == {"x.wim"}


@pytest.mark.parametrize("what", ["symbolic link", "pipe", "hard link"])
def test_what_others_put_in_its_place_is_removed_and_never_written(
    tmp_path: Path, what: str
) -> None:
    target, victim = tmp_path / "x.wim", tmp_path / "victim"
    target.write_bytes(b"old")
    victim.write_bytes(b"victim")
    place = draft_path(target)
    if what == "symbolic link":
        place.symlink_to(victim)
    elif what == "pipe":
        os.mkfifo(place)
    else:
        place.hardlink_to(victim)
    written(target, b"new", replace=True)
    assert (target.read_bytes(), victim.read_bytes()) == (b"new", b"victim")
    assert names(tmp_path) == {"victim", "x.wim"}


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    target = tmp_path / "x.wim"
    target.write_bytes(b"old")
    draft_path(target).mkdir()
    with pytest.raises(OSError, match="directory"):
        Draft(target)
    assert target.read_bytes() == b"old"
