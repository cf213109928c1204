import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from reseal import tree
from reseal.errors import ImageError
from reseal.folder import Folder, InterruptedRunError, descent, journal, journal_of
from reseal.tree import EscapeError, Tree, TreeError

NOISE = random.Random(1).randbytes(200_000)


@pytest.fixture
def windows(tmp_path: Path) -> Path:
    """A folder with something of everything."""
    root = tmp_path / "windows"
    files = {
        "Windows/System32/config/SYSTEM": NOISE,
        "Windows/System32/config/SAM": b"x" * 100,
        "Windows/Panther/setupact.log": b"log",
        "Windows/Panther/UnattendGC/deep.log": b"log",
        "pagefile.sys": bytes(5000),
        "read only.txt": b"1",
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / "read only.txt").chmod(0o444)
    (root / "second name.sys").hardlink_to(root / "pagefile.sys")
    (root / "outside").symlink_to(tmp_path)
    (root / "empty").mkdir()
    for number, path in enumerate(sorted(root.rglob("*"))):
        if not path.is_symlink():
            os.utime(path, ns=(number * 10**9, 10**18 + number))
    return root


def snapshot(root: Path) -> dict[str, tuple[object, ...]]:
    """Describe everything in a folder: what it is, holds, and when it was changed."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [root, *root.rglob("*")]:
        info = path.lstat()
        content: object = None
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(root))] = (
            info.st_ino,
            info.st_mode,
            info.st_nlink,
            None if path.is_symlink() else info.st_mtime_ns,
            content,
        )
    return found


def change(folder: Tree) -> None:
    """Change a folder in every way, and the same things more than once."""
    folder.write("windows\\system32\\CONFIG\\system", b"shorter")
    folder.patch("Windows\\System32\\config\\SYSTEM", 100, b"longer again")
    folder.create("Windows\\System32\\new.ini", b"new")
    folder.write("Windows\\System32\\new.ini", NOISE)
    folder.make_directory("Windows\\new folder")
    folder.create("Windows\\new folder\\inside", b"1")
    folder.rename("Windows\\new folder", "Windows\\renamed folder")
    folder.delete("Windows\\Panther\\UnattendGC\\deep.log")
    folder.delete("Windows\\Panther\\UnattendGC")
    folder.create("Windows\\Panther\\UnattendGC", b"a file in its place")
    folder.rename("Windows\\System32\\config\\SAM", "Windows\\SAM")
    folder.write("Windows\\SAM", b"written after the move")
    folder.create("Windows\\System32\\config\\SAM", b"another in its place")
    folder.delete("Windows\\System32\\config\\SAM")
    folder.rename("Windows\\SAM", "Windows\\System32\\config\\SAM")
    folder.write("read only.txt", b"2")
    folder.write("pagefile.sys", b"of two names")
    folder.delete("pagefile.sys")
    folder.delete("outside")
    folder.rename("empty", "EMPTY")
    folder.delete("Windows\\System32\\new.ini")


CHANGED = {
    ".",
    "EMPTY",
    "Windows",
    "Windows/Panther",
    "Windows/Panther/UnattendGC",
    "Windows/Panther/setupact.log",
    "Windows/System32",
    "Windows/System32/config",
    "Windows/System32/config/SAM",
    "Windows/System32/config/SYSTEM",
    "Windows/renamed folder",
    "Windows/renamed folder/inside",
    "read only.txt",
    "second name.sys",
}


def assert_changed(root: Path) -> None:
    found = snapshot(root)
    assert set(found) == CHANGED
    assert found["Windows/System32/config/SYSTEM"][-1] == b"shorter" + bytes(93) + b"longer again"
    assert found["Windows/System32/config/SAM"][-1] == b"written after the move"
    assert found["Windows/Panther/UnattendGC"][-1] == b"a file in its place"
    assert found["second name.sys"][-1] == b"of two names"
    assert found["read only.txt"][-1] == b"2"
    assert stat.S_IMODE((root / "read only.txt").stat().st_mode) == 0o444


def test_a_folder_is_a_tree(windows: Path) -> None:
    with Folder(windows, read_only=True) as folder:
        names = dict(tree.walk(folder, ""))
        assert set(names) == {
            str(path.relative_to(windows)).replace("/", "\\") for path in windows.rglob("*")
        }
        assert all(folder.stat(name) == entry for name, entry in names.items())
        assert folder.read("windows\\SYSTEM32\\config\\system") == NOISE
        assert folder.read("windows\\SYSTEM32\\config\\system", 5, 10) == NOISE[5:15]
        assert folder.read("windows\\SYSTEM32\\config\\system", len(NOISE) + 1) == b""
        found = folder.stat("WINDOWS")
        assert found is not None
        assert (found.name, found.attributes) == ("Windows", tree.DIRECTORY)
        root = folder.stat("")
        assert root is not None
        assert (root.name, root.is_directory) == ("", True)
        link = folder.stat("outside")
        assert link is not None
        assert link.reparse_tag == 0xA000000C
        assert folder.stat("none") is folder.stat("none\\below") is None
        assert folder.stat("pagefile.sys\\below") is None


def test_modified_counts_as_windows_counts(windows: Path) -> None:
    os.utime(windows / "empty", (0, 1_704_067_200))
    with Folder(windows, read_only=True) as folder:
        found = folder.stat("empty")
    assert found is not None
    assert found.modified == 133_485_408_000_000_000


def test_no_path_leaves_the_folder(windows: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (windows / "link.txt").symlink_to(tmp_path / "secret")
    with Folder(windows, read_only=False) as folder:
        verbs: list[Callable[[], object]] = [
            lambda: folder.read("outside\\secret"),
            lambda: folder.stat("outside\\secret"),
            lambda: folder.list("outside"),
            lambda: folder.read("link.txt"),
            lambda: folder.write("link.txt", b""),
            lambda: folder.write("outside\\secret", b""),
            lambda: folder.create("outside\\new", b""),
            lambda: folder.delete("outside\\secret"),
            lambda: folder.rename("empty", "outside\\new"),
        ]
        for verb in verbs:
            with pytest.raises(EscapeError, match="link"):
                verb()
        for path in ("..\\secret", "Windows\\..\\..\\secret", "."):
            assert folder.stat(path) is None
    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret", "windows"]


def test_names_that_differ_in_case_only_are_ambiguous(windows: Path) -> None:
    (windows / "PAGEFILE.SYS").write_bytes(b"")
    with Folder(windows, read_only=True) as folder:
        with pytest.raises(TreeError, match="differ in case only"):
            folder.read("pagefile.sys")
        assert len(folder.list("")) == 7


def test_what_is_no_regular_file_is_not_there(windows: Path) -> None:
    os.mkfifo(windows / "pipe")
    with Folder(windows, read_only=False) as folder:
        assert "pipe" not in {entry.name for entry in folder.list("")}
        assert folder.stat("pipe") is None
        for verb in (folder.read, lambda path: folder.write(path, b"")):
            with pytest.raises(TreeError, match="not a regular file"):
                verb("pipe")


def test_errors_name_path_and_folder(windows: Path) -> None:
    with Folder(windows, read_only=False) as folder:
        verbs: list[tuple[str, Callable[[], object]]] = [
            ("none in .*windows does not exist", lambda: folder.read("none")),
            ("does not exist", lambda: folder.delete("none")),
            ("does not exist", lambda: folder.rename("none", "other")),
            ("does not exist", lambda: folder.create("none\\new")),
            ("exists already", lambda: folder.create("PAGEFILE.sys")),
            ("exists already", lambda: folder.make_directory("windows")),
            ("exists already", lambda: folder.rename("empty", "windows")),
            ("is a folder", lambda: folder.read("Windows")),
            ("is a folder", lambda: folder.write("", b"")),
            ("is not empty", lambda: folder.delete("Windows")),
            ("root", lambda: folder.delete("")),
            ("root", lambda: folder.rename("", "new")),
            ("into itself", lambda: folder.rename("Windows", "Windows\\below")),
            ("does not allow this name", lambda: folder.create("a:b")),
            ("does not allow this name", lambda: folder.create(".reseal-deleted")),
            ("no stream", lambda: folder.read("pagefile.sys", stream="x")),
            ("pagefile.sys", lambda: folder.list("pagefile.sys")),
        ]
        for message, verb in verbs:
            with pytest.raises(TreeError, match=message):
                verb()
    with pytest.raises(TreeError, match="can't be opened"):
        Folder(windows / "none", read_only=True)


def test_nothing_is_changed_in_a_folder_that_is_open_read_only(windows: Path) -> None:
    before = snapshot(windows)
    with Folder(windows, read_only=True) as folder:
        verbs: list[Callable[[], object]] = [
            lambda: folder.write("pagefile.sys", b""),
            lambda: folder.patch("pagefile.sys", 0, b""),
            lambda: folder.create("new"),
            lambda: folder.make_directory("new"),
            lambda: folder.delete("pagefile.sys"),
            lambda: folder.rename("pagefile.sys", "new"),
            lambda: folder.set_attributes("pagefile.sys", 1),
        ]
        for verb in verbs:
            with pytest.raises(TreeError, match="read-only"):
                verb()
    assert snapshot(windows) == before


def test_a_second_run_is_refused(windows: Path) -> None:
    with (
        Folder(windows, read_only=True),
        Folder(windows, read_only=True),
        pytest.raises(TreeError, match="in use"),
    ):
        Folder(windows, read_only=False)
    with Folder(windows, read_only=False) as folder:
        folder.create("new")
        for read_only in (True, False):
            with pytest.raises(TreeError, match="in use"):
                Folder(windows, read_only=read_only)
        with pytest.raises(TreeError, match="in use"):
            Folder.recover(windows)


def test_changes_stand_when_committed(windows: Path) -> None:
    with Folder(windows, read_only=False) as folder:
        change(folder)
        assert (folder.created, folder.deleted) == (5, 6)
        assert journal_of(windows).is_dir()
        assert not any(entry.name.startswith(".reseal") for entry in folder.list(""))
        folder.commit()
        with pytest.raises(TreeError, match="read-only"):
            folder.create("late")
    assert_changed(windows)
    assert [path.name for path in windows.parent.iterdir()] == ["windows"]


@pytest.mark.parametrize("how", ["rollback", "close", "recover"])
def test_changes_are_undone(windows: Path, how: str) -> None:
    before = snapshot(windows)
    folder = Folder(windows, read_only=False)
    change(folder)
    assert snapshot(windows) != before
    if how == "recover":
        abandon(folder)
        with pytest.raises(InterruptedRunError) as caught:
            Folder(windows, read_only=True)
        assert caught.value.exit_code == 4
        assert "reseal resume" in (caught.value.hint or "")
        assert not Folder.recover(windows)
    elif how == "rollback":
        folder.rollback()
    folder.close() if how != "recover" else None
    assert snapshot(windows) == before
    assert [path.name for path in windows.parent.iterdir()] == ["windows"]
    assert not Folder.recover(windows)


TORN = {
    "a write": lambda folder: folder.patch("Windows\\System32\\config\\SYSTEM", 0, b"new"),
    "a new file": lambda folder: folder.create("new", b"new"),
    "a deletion": lambda folder: folder.delete("second name.sys"),
    "much": change,
}


@pytest.mark.parametrize("what", TORN)
@pytest.mark.parametrize("how", ["renamed", "moved", "copied", "copied and deleted", "linked"])
def test_a_torn_folder_is_known_wherever_it_went(windows: Path, how: str, what: str) -> None:
    before = snapshot(windows)
    folder = Folder(windows, read_only=False)
    TORN[what](folder)
    abandon(folder)
    other = windows.with_name("other")
    if how == "moved":
        other = windows.parent / "elsewhere" / "windows"
        other.parent.mkdir()
    if how.startswith("copied"):
        shutil.copytree(windows, other, symlinks=True)
    elif how == "linked":
        other.symlink_to(windows)
    else:
        windows.rename(other)
    if how == "copied and deleted":
        shutil.rmtree(windows)
    torn = snapshot(other)
    for read_only in (True, False):
        with pytest.raises(InterruptedRunError, match="earlier run on") as caught:
            Folder(other, read_only=read_only)
        assert str(journal_of(windows)) in caught.value.message
        assert "resume" in str(caught.value.hint)
    assert snapshot(other) == torn
    if how in {"moved", "copied", "copied and deleted"}:
        with pytest.raises(InterruptedRunError, match="moved or copied since"):
            Folder.recover(other)
        assert snapshot(other) == torn
        if how != "copied":
            other.rename(windows)
        assert not Folder.recover(windows)
        if how != "copied and deleted":  # without its hard links
            assert snapshot(windows) == before
        return
    assert not Folder.recover(other)
    assert snapshot(other.resolve()) == before
    assert not [one for one in windows.parent.iterdir() if "journal" in one.name]
    Folder(other, read_only=True).close()


@pytest.mark.parametrize(
    "forged",
    [
        *(None, b"", b"[]", b"[" * 9000, b'{"journal": 1, "inode": 1}', b"\xff\0", b"x" * 99_000),
        *(
            b'{"journal": "/etc/.passwd.reseal-journal", "inode": 1}',
            b'{"journal": "x", "inode": "x"}',
        ),
        *(b'{"journal": "a\\u0000", "inode": INODE}', b'{"journal": "/", "inode": 1e999}'),
        *(b'{"journal": "/", "inode": INODE}', b'{"journal": "...reseal-journal", "inode": INODE}'),
        *(b'{"journal": "..", "inode": INODE}', b'{"journal": "x/..", "inode": INODE}'),
    ],
)
def test_a_forged_mark_leads_nowhere(windows: Path, forged: bytes | None) -> None:
    deleted = windows / ".reseal-deleted"
    deleted.mkdir()
    if forged is None:
        (deleted / "journal").symlink_to("/etc/passwd")
    else:
        inode = str(windows.stat().st_ino).encode()
        (deleted / "journal").write_bytes(forged.replace(b"INODE", inode))
    before = snapshot(windows)
    for attempt in (lambda: Folder(windows, read_only=True), lambda: Folder.recover(windows)):
        with pytest.raises(InterruptedRunError, match="moved or copied since"):
            attempt()
    assert snapshot(windows) == before


def test_attributes_are_kept_where_the_file_system_has_them(
    windows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A stand-in that ordinary file systems keep, too.
    monkeypatch.setattr(descent, "ATTRIBUTES", "user.reseal-attributes")
    try:
        for path in [windows, *windows.rglob("*")]:
            if not path.is_symlink():
                os.setxattr(path, descent.ATTRIBUTES, (0x820).to_bytes(4, "big"))
    except OSError:
        pytest.skip("the file system has no extended attributes")
    with Folder(windows, read_only=False) as folder:
        folder.set_attributes("pagefile.sys", tree.HIDDEN | tree.SYSTEM)
        found = folder.stat("pagefile.sys")
        assert found is not None
        assert found.attributes == tree.COMPRESSED | tree.HIDDEN | tree.SYSTEM
    assert os.getxattr(windows / "pagefile.sys", descent.ATTRIBUTES) == b"\0\0\x08\x20"


def test_attributes_are_not_set_where_the_file_system_has_none(windows: Path) -> None:
    with Folder(windows, read_only=False) as folder:
        folder.set_attributes("pagefile.sys", tree.HIDDEN)
        found = folder.stat("pagefile.sys")
        assert found is not None
        assert found.attributes == tree.ARCHIVE


def test_a_run_without_changes_leaves_no_trace(windows: Path) -> None:
    before = snapshot(windows.parent)
    with Folder(windows, read_only=False) as folder:
        folder.list("")
        folder.commit()
    assert snapshot(windows.parent) == before


def test_a_damaged_journal_is_an_error_and_stays(windows: Path) -> None:
    folder = Folder(windows, read_only=False)
    folder.create("new")
    abandon(folder)
    log = journal_of(windows) / "log"
    whole = log.read_bytes()
    for damaged in (b"{}\n", b"junk\n", b'{"op": "moved"}\n', b"[]\n", whole[:-5] + b"\n"):
        log.write_bytes(damaged)
        with pytest.raises(ImageError, match="damaged"):
            Folder.recover(windows)
    # A last line without its end was never followed by its change.
    log.write_bytes(whole + whole[:-5])
    Folder.recover(windows)
    assert not (windows / "new").exists()
    assert not journal_of(windows).exists()


def abandon(folder: Folder) -> None:
    """Let a folder go as a process that is killed does."""
    folder._journal.close()
    os.close(folder._root)
    folder._root = -1


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Don't wait for the disk, which a process that is killed leaves as it is."""
    monkeypatch.setattr(os, "fsync", lambda _opened: None)
    monkeypatch.setattr(os, "fdatasync", lambda _opened: None)
    monkeypatch.setattr(journal, "_sync_file_system", lambda _opened: None)


class Killed(BaseException):
    """The process was killed."""


#: Every call by which a folder or its journal changes.
CALLS = (
    *("write", "pwrite", "ftruncate", "fsync", "fdatasync", "rename", "unlink", "rmdir"),
    *("mkdir", "utime", "fchmod", "open"),
)


@contextmanager
def killed_at(monkeypatch: pytest.MonkeyPatch, moment: int) -> Iterator[list[int]]:
    """Let no call of CALLS happen from one on; yields the count of them."""
    count = [0]

    def guard(function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **options: Any) -> Any:
            count[0] += 1
            if count[0] > moment:
                raise Killed
            return function(*arguments, **options)

        return guarded

    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, guard(getattr(os, name)))
        yield count


@pytest.mark.usefixtures("unsynced")
def test_a_kill_between_any_two_calls_is_undone(
    windows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(windows)
    moment = 0
    ended = False
    while not ended:
        folder = Folder(windows, read_only=False)
        with killed_at(monkeypatch, moment), suppress(Killed):
            change(folder)
            ended = True
        abandon(folder)
        # The undoing is killed as well, once at a different moment each time.
        with killed_at(monkeypatch, moment % 40), suppress(Killed):
            Folder.recover(windows)
        Folder.recover(windows)
        assert snapshot(windows) == before, moment
        moment += 1
    assert moment > 200


@pytest.mark.usefixtures("unsynced")
def test_a_kill_in_the_undoing_is_undone(windows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(windows)
    moment = 0
    ended = False
    while not ended:
        folder = Folder(windows, read_only=False)
        change(folder)
        abandon(folder)
        with killed_at(monkeypatch, moment), suppress(Killed):
            Folder.recover(windows)
            ended = True
        Folder.recover(windows)
        assert snapshot(windows) == before, moment
        moment += 1
    assert moment > 100


@pytest.mark.usefixtures("unsynced")
def test_a_kill_in_the_commit_ends_before_or_after_it(
    windows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(windows)
    moment = 0
    undone = 0
    while True:
        folder = Folder(windows, read_only=False)
        change(folder)
        with killed_at(monkeypatch, moment), suppress(Killed):
            folder.commit()
        abandon(folder)
        Folder.recover(windows)
        if snapshot(windows) != before:
            break
        undone += 1
        moment += 1
    assert_changed(windows)
    assert undone == moment


def test_a_killed_process_is_undone(windows: Path) -> None:
    before = snapshot(windows)
    program = (
        "import sys; from pathlib import Path; from reseal.folder import Folder\n"
        "folder = Folder(Path(sys.argv[1]), read_only=False)\n"
        "print(flush=True)\n"
        "for number in range(10000):\n"
        "    folder.create(f'Windows\\\\{number}', b'x' * 1000)\n"
        "    folder.write('Windows\\\\System32\\\\config\\\\SYSTEM', b'x' * number * 10)\n"
        "    folder.rename(f'Windows\\\\{number}', f'empty\\\\{number}')\n"
        "    if number % 3: folder.delete(f'empty\\\\{number}')\n"
    )
    chance = random.Random(4)
    for _ in range(6):
        process = subprocess.Popen([sys.executable, "-c", program, windows], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        Folder.recover(windows)
        assert snapshot(windows) == before
