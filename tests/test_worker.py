from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reseal import messages, worker
from reseal.errors import CheckError, ImageError, ResealError
from reseal.process import die_with_parent
from reseal.worker import UnexpectedError, run_worker

if TYPE_CHECKING:
    from collections.abc import Callable


class StrangeError(ImageError):
    """An error whose constructor says more than its class."""


def test_a_worker_returns_what_json_can_say_and_reports_on_the_way() -> None:
    heard: list[dict[str, Any]] = []

    def job(report: worker.Report) -> dict[str, Any]:
        for step in range(3):
            report({"step": step})
        return {"pid": os.getpid(), "text": "ünï\ud800", "list": [None, 1.5, True]}

    result = run_worker(job, subject="disk.qcow2", on_message=heard.append)

    assert heard == [{"step": 0}, {"step": 1}, {"step": 2}]
    assert result.pop("pid") != os.getpid()
    assert result == {"text": "ünï\ud800", "list": [None, 1.5, True]}


def test_a_large_result_arrives() -> None:
    assert run_worker(lambda _: "x" * 20_000_000, subject="disk") == "x" * 20_000_000


@pytest.mark.parametrize(
    "error",
    [
        CheckError("It is hibernated.", hint="Boot it."),
        ImageError("It is damaged."),
        StrangeError("It is strange.", hint="Look away."),
    ],
)
def test_errors_come_back_as_they_were_raised(error: ResealError) -> None:
    def job(_: object) -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        run_worker(job, subject="disk.qcow2")
    assert type(raised.value) is type(error)
    assert (raised.value.message, raised.value.hint) == (error.message, error.hint)


def test_an_error_of_a_class_that_only_the_worker_knows_comes_back_as_its_base() -> None:
    def job(_: object) -> None:
        class LocalError(CheckError):
            pass

        raise LocalError("Only here.", hint="Stay.")

    with pytest.raises(CheckError, match="Only here") as raised:
        run_worker(job, subject="disk.qcow2")
    assert type(raised.value) is CheckError
    assert raised.value.hint == "Stay."


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), SystemExit(3)])
def test_any_other_exception_is_unexpected_and_keeps_its_traceback(error: BaseException) -> None:
    def a_function_with_a_name(_: object) -> None:
        raise error

    with pytest.raises(UnexpectedError, match=type(error).__name__) as raised:
        run_worker(a_function_with_a_name, subject="disk.qcow2")
    assert "a_function_with_a_name" in raised.value.traceback
    assert raised.value.exit_code == 1


def test_a_result_that_json_can_not_hold_is_unexpected() -> None:
    with pytest.raises(UnexpectedError, match="TypeError"):
        run_worker(lambda _: object(), subject="disk.qcow2")


def crash(_: object) -> None:
    ctypes.string_at(0)


def leave(_: object) -> None:
    os._exit(7)


def stop(_: object) -> None:
    os.kill(os.getpid(), signal.SIGABRT)


@pytest.mark.parametrize(
    ("job", "said"), [(crash, "SIGSEGV"), (stop, "SIGABRT"), (leave, "exit code 7")]
)
def test_a_crash_is_an_error_that_names_the_image(job: Callable[[object], None], said: str) -> None:
    with pytest.raises(ImageError, match=r"disk\.qcow2; the image was not changed") as raised:
        run_worker(job, subject="disk.qcow2")
    assert said in raised.value.message
    assert raised.value.exit_code == 4


@pytest.mark.parametrize(
    "junk",
    [
        b"not json\n",
        b"[1]\n",
        b'{"report": 1}\n',
        b'{"error": "ImageError", "message": "x"}\n',
        b'{"error": ["os.system"], "message": "x"}\n',
        b'{"error": ["reseal.errors.ImageError"], "message": 7}\n',
        b"{}\n",
        b"[" * 200_000 + b"\n",
        b"9" * 10_000 + b"\n",
        b"\xff\xfe\n",
    ],
)
def test_junk_from_a_captured_worker_is_an_error(junk: bytes) -> None:
    def job(_: object) -> None:
        os.write(_pipe(), junk)
        os._exit(0)

    with pytest.raises(ImageError, match="sent an invalid message"):
        run_worker(job, subject="disk.qcow2")


def test_an_endless_message_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MAX_MESSAGE", 1 << 20)

    def job(_: object) -> None:
        while True:
            os.write(_pipe(), b"x" * 65536)

    with pytest.raises(ImageError, match="sent an invalid message"):
        run_worker(job, subject="disk.qcow2")


def _pipe() -> int:
    """Find the worker's end of the pipe to its parent."""
    pipes = [
        entry
        for entry in Path("/proc/self/fd").iterdir()
        if int(entry.name) > 2
        and str(entry.resolve()).startswith("/proc/")
        and "pipe:" in str(entry.resolve())
    ]
    return int(pipes[0].name)


def test_a_worker_holds_nothing_of_its_parent_open(tmp_path: Path) -> None:
    kept = (tmp_path / "lock").open("w")

    def job(_: object) -> list[str]:
        kept.close()  # an inherited object may close its number, which is nobody else's now
        found = []
        for entry in Path("/proc/self/fd").iterdir():
            # The one with which the folder itself is read is gone by now.
            with contextlib.suppress(FileNotFoundError):
                found.append(str(entry.readlink()))
        return found

    opened = run_worker(job, subject="disk")
    assert not [name for name in opened if str(tmp_path) in name]
    assert (
        run_worker(lambda _: str(Path("/proc/self/fd/0").readlink()), subject="disk") == "/dev/null"
    )
    kept.write("still open here")
    kept.close()


def test_a_worker_runs_none_of_its_parents_exits(tmp_path: Path) -> None:
    script = (
        "import atexit, sys\n"
        "from reseal.worker import run_worker\n"
        "atexit.register(lambda: print('exit'))\n"
        "print('buffered')\n"
        "run_worker(lambda _: 1, subject='x')\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "buffered\nexit\n"


def test_an_exception_in_the_listener_ends_the_worker() -> None:
    workers: list[int] = []

    def listen(message: dict[str, Any]) -> None:
        workers.append(message["pid"])
        raise KeyboardInterrupt

    def job(report: worker.Report) -> None:
        report({"pid": os.getpid()})
        time.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        run_worker(job, subject="disk", on_message=listen)
    assert not Path(f"/proc/{workers[0]}").exists()


def test_children_die_with_their_parent(tmp_path: Path) -> None:
    script = (
        "import os, time\n"
        "from reseal.process import spawn\n"
        "from reseal.worker import run_worker\n"
        "tool = spawn(['sleep', '60'])\n"
        "def job(report):\n"
        "    report({'pid': os.getpid()})\n"
        "    time.sleep(60)\n"
        "say = lambda message: print(tool.pid, message['pid'], flush=True)\n"
        "run_worker(job, subject='x', on_message=say)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        children = [int(number) for number in parent.stdout.readline().split()]
        assert len(children) == 2
        parent.kill()
    patience = time.monotonic() + 10
    while any(_runs(child) for child in children):
        assert time.monotonic() < patience, "a child has survived its parent"
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_child_whose_parent_is_gone_already_ends_at_once() -> None:
    pid = os.fork()
    if pid == 0:
        die_with_parent(os.getppid() + 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


@pytest.mark.parametrize("kind", [ValueError, CheckError, OSError, KeyError])
def test_an_error_brings_the_worker_s_traceback_without_its_message(
    kind: type[Exception],
) -> None:
    secret = "".join(["s3", "cr", "et"])

    def a_function_with_a_name() -> None:
        try:
            raise LookupError(secret)
        except LookupError as error:
            raise kind(secret) from error

    with pytest.raises(ResealError) as raised:
        run_worker(lambda _: a_function_with_a_name(), subject="image.qcow2")
    (note,) = raised.value.__notes__
    assert note.startswith("Traceback of the worker:")
    assert "a_function_with_a_name" in note
    assert kind.__name__ in note
    assert "caused by" in note
    assert "LookupError" in note
    assert secret not in note
