"""The runs that faults hit, and how it is judged what they have left."""

from __future__ import annotations

import errno
import json
import mmap
import os
import re
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from reseal.cli.entry import _stop_as_ctrl_c_does
from reseal.disk import DiskError, Image, merge, nbd
from reseal.errors import ResealError
from reseal.folder import Folder
from reseal.operations.generalize import Generalize, GeneralizeRequest
from reseal.operations.operation import Writing, run
from reseal.run.resume import resume
from reseal.testing import real
from reseal.testing.machine import Machine, tree
from reseal.testing.windows import windows
from reseal.worker import UnexpectedError
from tests.faults.supervisor import Fault, Outcome, supervised

#: Codes with which a run may end: killed, done, an error of the image.
CODES = {None, 0, 4, 130}
STOPPED = 130
#: What a message says of an image that is as it was, and of one that is not.
UNTOUCHED = re.compile("not changed|othing was (changed|written)|left untouched")
TORN = re.compile("is incomplete|is done")
UNEXPECTED = 98


class Subject(ABC):
    """What a run works on.

    Attributes:
        place: the folder with it and all that a run leaves; made anew for each run.
        aside: a folder in it that no fault hits.
        path: the image or the folder.
        good: the states in which a run that says that all is well may leave it.
    """

    good = frozenset({"complete"})

    def __init__(self, base: Path, name: str) -> None:
        self.place = base / "run"
        self.aside = self.place / "aside"
        self.path = self.place / name
        self.temporary = self.place / "tmp"

    def run(self, fault: Fault | None) -> tuple[Outcome, str]:
        """Run with a fault; return what happened, and in which state it left the subject.

        The state is `untouched`, `complete`, or `resumed` where `resume` had to finish it. Any other is
        an AssertionError.
        """
        outcome = self.hit(fault)
        try:
            assert outcome.code in CODES, "ended in an unexpected way"
            state = self.judge(outcome)
            assert outcome.code != 0 or state in self.good, f"ended well, and is {state}"
            self._judge_sentence(state)
        except (AssertionError, ResealError) as error:
            raise AssertionError(f"{fault} ({outcome.hit}), exit code {outcome.code}") from error
        return outcome, state

    def _judge_sentence(self, state: str) -> None:
        """Compare what the run has said last with the truth on disk."""
        said = self.aside / "error"
        text = said.read_text() if said.exists() else ""
        if state == "untouched":
            assert not TORN.search(text), f"is untouched, and says: {text}"
        else:
            assert not UNTOUCHED.search(text), f"is {state}, and says: {text}"

    def hit(self, fault: Fault | None) -> Outcome:
        """Run with a fault, and judge nothing."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.temporary.mkdir(parents=True)
        self.aside.mkdir()
        self.restore()
        return self.supervised(fault)

    def supervised(self, fault: Fault | None) -> Outcome:
        """Run in a process of its own."""
        return supervised(self._begin, self.place, self.aside, fault)

    def _begin(self) -> int:
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.temporary)
        self.listen()
        _stop_as_ctrl_c_does()
        try:
            self.act()
        except KeyboardInterrupt:
            return STOPPED
        except UnexpectedError as error:
            (self.aside / "traceback").write_text(error.traceback)
            return UNEXPECTED
        except ResealError as error:
            (self.aside / "error").write_text(f"{error.message}\n{error.hint}")
            return error.exit_code
        return 0

    def act(self) -> None:
        """Do what faults are to hit."""
        run(self.path, Generalize())

    def left(self) -> set[str]:
        """What lies beside the subject."""
        return {one.name for one in self.place.iterdir()} - {"tmp", "aside", self.path.name}

    def resumed(self, look: Callable[[], object]) -> bool:
        """Finish what was interrupted; returns whether anything was."""
        try:
            look()
        except ResealError as error:
            if "reseal resume" not in str(error.hint):
                raise
            resume(self.path)
            assert self.left() == set(), self.left()
            return True
        return False

    @abstractmethod
    def restore(self) -> None:
        """Put the subject into its place."""

    @abstractmethod
    def listen(self) -> None:
        """In the run: keep what it is about to make of the subject."""

    @abstractmethod
    def judge(self, outcome: Outcome) -> str:
        """Say what state the subject is in."""


class DiskImage(Subject):
    """The sample image, generalized.

    Attributes:
        make: what makes the image at a path.
    """

    make: Callable[[Path], object] = staticmethod(windows)

    def __init__(self, base: Path, suffix: str = "qcow2") -> None:
        super().__init__(base, f"sample.{suffix}")
        self.golden = base / f"golden.{suffix}"
        self.make(self.golden)
        self.content = self.golden.read_bytes()

    def restore(self) -> None:
        self.path.write_bytes(self.content)

    def listen(self) -> None:
        committing, aside = merge.InPlace.commit, self.aside

        def commit_later(staged: merge.InPlace) -> None:
            shutil.copyfile(staged.overlay, aside / "overlay")
            committing(staged)

        setattr(merge.InPlace, "commit", commit_later)  # noqa: B010  mypy takes no method

    def judge(self, outcome: Outcome) -> str:
        interrupted = self.resumed(lambda: Image.open(self.path).close())
        if not interrupted and self.path.read_bytes() == self.content:
            deleting = " at unlink" in str(outcome.hit)
            assert outcome.code is None or deleting or self.left() == set(), self.left()
            return "untouched"
        self.is_merged()
        return "resumed" if interrupted else "complete"

    def is_merged(self) -> None:
        """Check that the image is what it was, with all the changes."""
        driver = self.path.suffix[1:]
        wanted = {
            "driver": "qcow2",
            "file": {"driver": "file", "filename": str(self.aside / "overlay")},
            "backing": {
                "driver": driver,
                "file": {"driver": "file", "filename": str(self.golden)},
            },
        }
        commands = [["qemu-img", "compare", "-q", str(self.path), "json:" + json.dumps(wanted)]]
        if driver == "qcow2":
            commands.append(["qemu-img", "check", "-q", str(self.path)])
        for command in commands:
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            assert done.returncode == 0, (command, done.stdout, done.stderr)


class TwoVolumes(DiskImage):
    """A machine in use, whose second volume is generalized, too, with a new SID."""

    make = staticmethod(real.machine)

    def act(self) -> None:
        run(self.path, Generalize(GeneralizeRequest(sid="both", all_volumes=True)))


class Snapshot(DiskImage):
    """The sample image with an internal snapshot, which goes in the same run."""

    @staticmethod
    def make(path: Path) -> None:
        windows(path)
        subprocess.run(["qemu-img", "snapshot", "-c", "before", path], check=True)

    def act(self) -> None:
        run(self.path, Generalize(), Writing(delete_snapshots=True))

    def is_merged(self) -> None:
        super().is_merged()
        shown = subprocess.run(
            ["qemu-img", "snapshot", "-l", self.path], check=True, capture_output=True
        )
        assert not shown.stdout, shown.stdout


class WindowsFolder(Subject):
    """The sample's files in a folder, generalized."""

    def __init__(self, base: Path) -> None:
        super().__init__(base, "windows")
        self.golden = base / "golden"
        _extract(self.golden, tree(Machine()))
        self.before = _contents(self.golden)

    def restore(self) -> None:
        shutil.copytree(self.golden, self.path)

    def listen(self) -> None:
        committing, aside = Folder.keep, self.aside

        def commit_later(path: Path) -> None:
            shutil.copytree(path, aside / "after", ignore=shutil.ignore_patterns(".reseal-deleted"))
            committing(path)

        setattr(Folder, "keep", commit_later)  # noqa: B010  mypy takes no method

    def judge(self, outcome: Outcome) -> str:
        del outcome
        interrupted = self.resumed(lambda: Folder(self.path, read_only=True).close())
        found = _contents(self.path)
        if found == self.before:
            return "untouched"
        after = _contents(self.aside / "after")
        assert found == after, sorted(
            name for name in {*found, *after} if found.get(name) != after.get(name)
        )
        return "resumed" if interrupted else "complete"


class Interrupted(Subject):
    """What a kill in the middle of a run has left, resumed."""

    good = frozenset({"complete", "untouched"})

    def __init__(self, base: Path, make: Callable[[Path], Subject], during: str) -> None:
        self._inner = make(base)
        self.__dict__.update(vars(self._inner))
        calls = self._inner.hit(None).calls
        moments = [number for number, call in enumerate(calls) if during in call]
        self._inner.hit(Fault(moments[len(moments) // 2], "kill"))
        self._kept = base / "interrupted"
        shutil.copytree(self.place, self._kept)

    def restore(self) -> None:
        shutil.copytree(self._kept, self.place, dirs_exist_ok=True)

    def listen(self) -> None:
        pass

    def act(self) -> None:
        resume(self.path)

    def judge(self, outcome: Outcome) -> str:
        return self._inner.judge(outcome)


class Engine(DiskImage):
    """The sample image, where the worker's own transfers to and from its disk fail."""

    def supervised(self, fault: Fault | None) -> Outcome:
        self._fault = fault or Fault(-1, "")
        self._seen = mmap.mmap(
            -1, 1 << 16
        )  # shared with the worker: a count, and a letter for each
        child = os.fork()
        if child == 0:
            os._exit(self._begin())
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        count = int.from_bytes(self._seen[:4], "little")
        calls = [f"{_TRANSFERS[letter]} disk worker" for letter in self._seen[4 : 4 + count]]
        hit = 0 <= self._fault.number < count
        return Outcome(
            code, calls, f"{fault.kind} at {calls[fault.number]}" if fault and hit else None
        )

    def listen(self) -> None:
        super().listen()
        for letter, name in (("p", "write"), ("f", "flush"), ("r", "read")):
            setattr(nbd.NbdDevice, name, self._faulty(letter, getattr(nbd.NbdDevice, name)))

    def _faulty(self, letter: str, transfer: Callable[..., object]) -> Callable[..., object]:
        def transfer_or_not(device: nbd.NbdDevice, *arguments: Any) -> object:
            number = int.from_bytes(self._seen[:4], "little")
            self._seen[:4] = (number + 1).to_bytes(4, "little")
            self._seen[4 + number] = ord(letter)
            if number == self._fault.number:
                if self._fault.kind == "crash":
                    os.kill(os.getpid(), signal.SIGKILL)
                if self._fault.kind == "short":
                    offset, data = arguments
                    transfer(device, offset, data[: len(data) // 2])
                error = DiskError("the disk can't be used: as if broken.")
                error.errno = errno.ENOSPC if self._fault.kind == "ENOSPC" else errno.EIO
                raise error
            return transfer(device, *arguments)

        return transfer_or_not


_TRANSFERS = {ord("p"): "pwrite", ord("f"): "flush", ord("r"): "read"}


def _extract(folder: Path, spec: dict[str, object]) -> None:
    folder.mkdir()
    for name, content in spec.items():
        if isinstance(content, dict):
            _extract(folder / name, content)
        else:
            assert isinstance(content, bytes)
            (folder / name).write_bytes(content)


def _contents(folder: Path) -> dict[str, tuple[int, bytes | None, int]]:
    """Every file's mode, content and time of change; a folder's mode."""
    found: dict[str, tuple[int, bytes | None, int]] = {}
    for one in folder.rglob("*"):
        status = one.stat()
        if one.is_file():
            found[str(one.relative_to(folder))] = (
                status.st_mode,
                one.read_bytes(),
                status.st_mtime_ns,
            )
        else:
            found[str(one.relative_to(folder))] = (status.st_mode, None, 0)
    return found


SUBJECTS: dict[str, Callable[[Path], Subject]] = {
    "qcow2": DiskImage,
    "raw": partial(DiskImage, suffix="raw"),
    "two volumes": TwoVolumes,
    "snapshot": Snapshot,
    "folder": WindowsFolder,
    "engine": Engine,
    "resume qcow2": partial(Interrupted, make=DiskImage, during=" /sample.qcow2 qemu-img"),
    "resume folder": partial(Interrupted, make=WindowsFolder, during=" /windows/"),
}
