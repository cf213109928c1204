"""What a command works on, and how it is judged what a fault in the run has left."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from reseal.cli import entry
from reseal.disk import Image
from reseal.errors import ResealError
from reseal.folder import Folder
from reseal.hostfile import NetworkPath
from reseal.run.resume import resume
from tests import devices, servers
from tests.faults.supervisor import SERVER, Fault, Outcome, supervised

#: Codes with which a run may end: killed, done, an error, stopped by a signal.
CODES = {None, 0, 1, 2, 3, 4, 128 + 1, 128 + 2, 128 + 15}
#: What a message says of an image that is as it was, and of one that is not.
UNTOUCHED = re.compile("not changed|othing was (changed|written|touched)|left untouched")
CHANGED = re.compile("is incomplete|is done|are done|are complete")
#: What no message may contain.
BROKEN = re.compile("Traceback|nexpected error")


class Subject(ABC):
    """What a run works on.

    Attributes:
        place: the folder with it and all that a run leaves; rebuilt for each run.
        aside: a folder that no fault hits.
        path: the image or the folder.
        good: the states in which a run that says that all is well may leave it.
        words: the command line; `{path}`, `{place}` and `{inputs}` are filled in.
        outputs: files that the command writes besides, in `place`, and what their content is known by.
        device: the block device that it works on, if it does.
        resuming: what is resumed, if not `path`.
    """

    good = frozenset({"complete"})
    device: Path | None = None
    resuming: Path | None = None

    def __init__(
        self,
        base: Path,
        name: str,
        words: Sequence[str],
        outputs: dict[str, Callable[[bytes], bool]] | None = None,
    ) -> None:
        self.place = base / "run"
        self.aside = base / "aside"
        self.inputs = base / "inputs"
        self.inputs.mkdir(exist_ok=True)
        self.path = self.place / name
        self.words = words
        self.outputs = outputs or {}

    def run(self, fault: Fault | None) -> tuple[Outcome, str]:
        """Run with a fault; return what happened, and in which state it left the subject.

        The state is `untouched`, `complete`, or `resumed` where `resume` had to finish it. Any other is
        an AssertionError.
        """
        outcome = self.hit(fault)
        return outcome, self.judged(outcome, str(fault))

    def judged(self, outcome: Outcome, what: str) -> str:
        """Return the state; compare what the run said with it."""
        try:
            assert outcome.code in CODES, "ended in an unexpected way"
            self._judge_temporary(outcome)
            state = self.judge(outcome)
            assert outcome.code != 0 or state in self.good, f"ended well, and is {state}"
            self._judge_outputs(outcome, state)
            self._judge_sentences(state)
        except (AssertionError, ResealError, subprocess.CalledProcessError) as error:
            said = self.aside / "error"
            last = said.read_text()[-600:] if said.exists() else ""
            where = f"{what} ({outcome.hit}), exit code {outcome.code}, said: {last}"
            raise AssertionError(where) from error
        return state

    def _judge_temporary(self, outcome: Outcome) -> None:
        """Nothing of the image stays among the temporary files, unless it could not be deleted."""
        if outcome.code is not None and not deleting(outcome):
            left = [one.name for one in self.place.joinpath("tmp").iterdir()]
            assert not left, f"left among the temporary files: {left}"

    def _judge_outputs(self, outcome: Outcome, state: str) -> None:
        """No output is lost: it has its name, or waits in a draft next to it."""
        if state == "untouched":
            return
        for name, known in self.outputs.items():
            named = self.place / name
            if named.exists() and known(named.read_bytes()):
                continue
            assert outcome.code != 0, f"ended well without {name}"
            drafts = [one for one in self.place.rglob("*") if ".reseal-" in str(one)]
            found = [one for one in drafts if one.is_file() and known(one.read_bytes())]
            assert found, f"is {state}, and {name} is lost"

    def _judge_sentences(self, state: str) -> None:
        """Compare what the run has said with the truth on disk."""
        said, printed = self.aside / "error", self.aside / "output"
        text = said.read_text() if said.exists() else ""
        assert not BROKEN.search(text), text
        if state == "untouched":
            assert not CHANGED.search(text), f"is untouched, and says: {text}"
            if "complete" in self.good and "untouched" not in self.good and printed.exists():
                assert not printed.read_text(), f"is untouched, and says: {printed.read_text()}"
        else:
            assert not UNTOUCHED.search(text), f"is {state}, and says: {text}"

    def hit(self, fault: Fault | None) -> Outcome:
        """Run with a fault, and judge nothing."""
        self.begin()
        return self.supervised(fault)

    def move(self, place: Path) -> None:
        """Let the runs be in another folder."""
        self.place, self.path = place, place / self.path.name

    def begin(self) -> None:
        """Put everything into its place."""
        for folder in (self.place, self.aside):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        (self.place / "tmp").mkdir()
        self.restore()

    def keep(self, folder: Path) -> None:
        """Copy what a run has left."""
        for one in (self.place, self.aside):
            shutil.copytree(one, folder / one.name)

    def put_back(self, folder: Path) -> None:
        """Put back what `keep` has copied, without what the run said."""
        for one in (self.place, self.aside):
            shutil.rmtree(one, ignore_errors=True)
            shutil.copytree(folder / one.name, one)
        for name in ("output", "error"):
            (self.aside / name).unlink(missing_ok=True)

    def supervised(self, fault: Fault | None) -> Outcome:
        """Run in a process of its own."""
        outcome = supervised(self.command, self.place, fault, self.before, self.device)
        if fault is None:
            self._load()
        return outcome

    def command(self) -> int:
        """Run the command line in this process."""
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.place / "tmp")
        for number, name in ((1, "output"), (2, "error")):
            opened = os.open(self.aside / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(opened, number)
            os.close(opened)
        sys.argv = ["reseal", *self.argv()]
        code: object = 0
        try:
            entry.main()
        except SystemExit as error:
            code = error.code
        (self.aside / "modules").write_text("\n".join(sys.modules))
        return code if isinstance(code, int) else 0

    def argv(self) -> list[str]:
        """Return the command line."""
        places = {"path": self.path, "place": self.place, "inputs": self.inputs}
        return [word.format(**places) for word in self.words]

    def _load(self) -> None:
        """Load what the command needs in this process: each run of it is a fork."""
        for name in (self.aside / "modules").read_text().splitlines():
            if name.partition(".")[0] == "reseal":
                importlib.import_module(name)

    def before(self, what: str, old: Path | None) -> None:  # noqa: B027  most need not look
        """Look at each call before it is let through; keep here what the run is about to make."""

    def left(self) -> set[str]:
        """What lies beside the subject."""
        known = {"tmp", self.path.name, *self.outputs}
        return {one.name for one in self.place.iterdir()} - known

    def resumed(self, look: Callable[[], object]) -> bool:
        """Finish what was interrupted; returns whether anything was."""
        try:
            look()
        except ResealError as error:
            if "reseal resume" not in str(error.hint):
                raise
            resume(self.resuming or self.path)
            left = {one for one in self.left() if not self._is_draft(one)}
            assert left == set(), left
            return True
        return False

    def _is_draft(self, name: str) -> bool:
        return any(name.startswith(f".{one[:200]}.reseal-") for one in self.outputs)

    @abstractmethod
    def restore(self) -> None:
        """Put the subject into its place."""

    @abstractmethod
    def judge(self, outcome: Outcome) -> str:
        """Say what state the subject is in."""


def deleting(outcome: Outcome) -> bool:
    """Whether the fault kept a file or folder from being deleted."""
    return " at unlink" in str(outcome.hit) or " at rmdir" in str(outcome.hit)


class DiskImage(Subject):
    """An image that is changed in place."""

    def __init__(
        self,
        base: Path,
        make: Callable[[Path], object],
        words: Sequence[str],
        outputs: dict[str, Callable[[bytes], bool]] | None = None,
        *,
        suffix: str = "qcow2",
    ) -> None:
        super().__init__(base, f"sample.{suffix}", words, outputs)
        self.golden = base / f"golden.{suffix}"
        make(self.golden)
        self.content = self.golden.read_bytes()

    def restore(self) -> None:
        copied(self.golden, self.path)

    def before(self, what: str, old: Path | None) -> None:
        del old
        if what.startswith("rename") and " /.sample." in what and "reseal-journal " in what:
            overlay = self.place / f".{self.path.name}.reseal-overlay"
            copied(overlay, self.aside / "overlay")

    def judge(self, outcome: Outcome) -> str:
        interrupted = self.resumed(lambda: Image.open(self.path).close())
        if not interrupted and self.content_now() == self.content:
            assert outcome.code is None or deleting(outcome) or self.left() == set(), self.left()
            return "untouched"
        self.is_merged()
        return "resumed" if interrupted else "complete"

    def content_now(self) -> bytes:
        return self.path.read_bytes()

    def is_merged(self) -> None:
        """Check that the image is what it was, with all the changes."""
        _is_merged(self.path, self.golden, self.aside / "overlay")


def _is_merged(path: Path, golden: Path, overlay: Path) -> None:
    driver = {"vhd": "vpc"}.get(golden.suffix[1:], golden.suffix[1:])
    wanted = {
        "driver": "qcow2",
        "file": {"driver": "file", "filename": str(overlay)},
        "backing": {"driver": driver, "file": {"driver": "file", "filename": str(golden)}},
    }
    commands = [["qemu-img", "compare", "-q", str(path), "json:" + json.dumps(wanted)]]
    if driver in {"qcow2", "vhdx", "vdi"}:
        commands.append(["qemu-img", "check", "-q", str(path)])
    for command in commands:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stdout, done.stderr)


class TwoDisks(DiskImage):
    """Two disks of one machine, which are changed together; the second one is resumed."""

    def __init__(
        self, base: Path, make: Callable[[Path, Path], object], words: Sequence[str]
    ) -> None:
        self._second = base / "second.qcow2"
        super().__init__(base, lambda path: make(path, self._second), words)
        self._other = self._second.read_bytes()
        self.resuming = self.place / self._second.name

    def restore(self) -> None:
        super().restore()
        copied(self._second, self.place / self._second.name)

    def move(self, place: Path) -> None:
        super().move(place)
        self.resuming = place / self._second.name

    def before(self, what: str, old: Path | None) -> None:
        super().before(what, old)
        if what.startswith("rename") and " /.second." in what and "reseal-journal " in what:
            copied(self.place / ".second.qcow2.reseal-overlay", self.aside / "second")

    def left(self) -> set[str]:
        return super().left() - {self._second.name}

    def judge(self, outcome: Outcome) -> str:
        assert self.resuming

        def look() -> None:
            for one in (self.path, self.resuming):
                Image.open(one or self.path).close()

        interrupted = self.resumed(look)
        same = [self.path.read_bytes() == self.content, self.resuming.read_bytes() == self._other]
        if not interrupted and any(same):
            assert all(same), "one disk is changed, and the other is not"
            assert outcome.code is None or deleting(outcome) or self.left() == set(), self.left()
            return "untouched"
        self.is_merged()
        return "resumed" if interrupted else "complete"

    def is_merged(self) -> None:
        super().is_merged()
        assert self.resuming
        _is_merged(self.resuming, self._second, self.aside / "second")


class LoopDevice(DiskImage):
    """A disk on a loop device; the overlay and the journal are in `place`, as the default scratch folder."""

    def __init__(
        self,
        base: Path,
        make: Callable[[Path], object],
        words: Sequence[str],
        *,
        sector: int = 512,
    ) -> None:
        super().__init__(base, make, words, suffix="raw")
        self._backing, self._sector = base / "backing", sector
        self._opened: list[int] = []
        weakref.finalize(self, self._release, self._opened)
        os.environ["XDG_STATE_HOME"] = str(self.place)  # here and in the runs, which are forks

    def restore(self) -> None:
        self._attach(self.golden)

    def keep(self, folder: Path) -> None:
        super().keep(folder)
        for number in self._opened:
            os.fsync(number)
        copied(self._backing, folder / "backing")

    def put_back(self, folder: Path) -> None:
        super().put_back(folder)
        self._attach(folder / "backing")

    @staticmethod
    def _release(opened: list[int]) -> None:
        while opened:
            os.close(opened.pop())

    def _attach(self, content: Path) -> None:
        self._release(self._opened)
        self._backing.unlink(missing_ok=True)
        copied(content, self._backing)
        self.path = self.device = devices.attach(self._backing, self._sector)
        # It is gone when nothing has it open any more, even if the tests are killed.
        self._opened.append(os.open(self.path, os.O_RDONLY | os.O_CLOEXEC))
        devices.detach(self.path)

    def before(self, what: str, old: Path | None) -> None:
        del old
        if what.startswith("rename /reseal/") and "reseal-journal " in what:
            (overlay,) = (self.place / "reseal").glob(".*.reseal-overlay")
            copied(overlay, self.aside / "overlay")

    def left(self) -> set[str]:
        kept = {one.name for one in (self.place / "reseal").glob("*")}
        return (super().left() - {"reseal"}) | kept


class NbdDisk(LoopDevice):
    """A disk that qemu-nbd serves from a file; the server is not hit."""

    @staticmethod
    def _release(opened: list[int]) -> None:
        while opened:
            os.kill(opened[-1], signal.SIGTERM)
            os.waitpid(opened.pop(), 0)

    def _attach(self, content: Path) -> None:
        self._release(self._opened)
        self._backing.unlink(missing_ok=True)
        copied(content, self._backing)
        socket = self._backing.with_name("nbd")
        self._opened.append(servers.qemu_nbd(self._backing, socket))
        self.path, self.device = NetworkPath(f"nbd+unix:///disk?socket={socket}"), SERVER

    def keep(self, folder: Path) -> None:
        DiskImage.keep(self, folder)
        copied(self._backing, folder / "backing")

    def left(self) -> set[str]:
        return {one for one in super().left() if not one.endswith(".reseal-lock")}

    def content_now(self) -> bytes:
        return self._backing.read_bytes()

    def is_merged(self) -> None:
        _is_merged(self._backing, self.golden, self.aside / "overlay")


class WindowsFolder(Subject):
    """A folder with the files of a Windows."""

    def __init__(self, base: Path, make: Callable[[Path], object], words: Sequence[str]) -> None:
        super().__init__(base, "windows", words)
        self.golden = base / "golden"
        make(self.golden)
        self.content = contents(self.golden)

    def restore(self) -> None:
        shutil.copytree(self.golden, self.path)

    def before(self, what: str, old: Path | None) -> None:
        del old
        if what.startswith("syncfs /windows ") and not (self.aside / "after").exists():
            ignored = shutil.ignore_patterns(".reseal-deleted")
            shutil.copytree(self.path, self.aside / "after", ignore=ignored)

    def judge(self, outcome: Outcome) -> str:
        del outcome
        interrupted = self.resumed(lambda: Folder(self.path, read_only=True).close())
        found = contents(self.path)
        if found == self.content:
            return "untouched"
        after = contents(self.aside / "after")
        assert found == after, sorted(
            name for name in {*found, *after} if found.get(name) != after.get(name)
        )
        return "resumed" if interrupted else "complete"


class NewFile(Subject):
    """A file that a command makes or replaces as a whole, from others that stay as they are.

    Attributes:
        source: what it is made from; None where the file itself is.
    """

    def __init__(
        self,
        base: Path,
        name: str,
        make: Callable[[Path], object] | None,
        words: Sequence[str],
        *,
        source: Callable[[Path], object] | None = None,
        marks: bool = False,
    ) -> None:
        super().__init__(base, name, words)
        self._golden = base / f"golden-{name}"
        self._source = base / "inputs" / "source.qcow2"
        self._marks = marks
        if make:
            make(self._golden)
        if source:
            source(self._source)
        self._sources = {one: one.read_bytes() for one in self.inputs.iterdir()}

    def restore(self) -> None:
        if self._golden.exists():
            copied(self._golden, self.path)
        for mark in self.inputs.glob(".*"):
            mark.unlink()

    def before(self, what: str, old: Path | None) -> None:
        if old and what.split(" ")[1] == f"/{self.path.name}":
            kept = self.aside / f"kept-{len(list(self.aside.glob('kept-*')))}"
            if old.is_dir():
                shutil.copytree(old, kept)
            else:
                copied(old, kept)

    def judge(self, outcome: Outcome) -> str:
        for one, content in self._sources.items():
            assert one.read_bytes() == content, f"{one} was changed"
        stopped = outcome.code is None or deleting(outcome)
        assert stopped or self.left() == set(), self.left()
        if self._is(self._golden):
            return "untouched"
        assert any(self._is(one) for one in self.aside.glob("kept-*")), "is neither old nor new"
        return "complete"

    def _is(self, other: Path) -> bool:
        if not (self.path.exists() and other.exists()):
            return self.path.exists() == other.exists()
        if self.path.is_dir():
            return contents(self.path) == contents(other)
        return self.path.read_bytes() == other.read_bytes()


def copied(source: Path, target: Path) -> None:
    """Copy a file with its holes."""
    subprocess.run(["cp", "--sparse=always", "-T", source, target], check=True)


def contents(folder: Path) -> dict[str, tuple[int, bytes | None, int]]:
    """Every file's mode, content and time of change; a folder's mode."""
    found: dict[str, tuple[int, bytes | None, int]] = {}
    for one in folder.rglob("*"):
        status = one.lstat()
        name = str(one.relative_to(folder))
        if one.is_file() and not one.is_symlink():
            found[name] = (status.st_mode, one.read_bytes(), status.st_mtime_ns)
        else:
            found[name] = (status.st_mode, None, 0)
    return found
