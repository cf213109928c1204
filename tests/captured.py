"""A worker that was captured on purpose: what it tries, and what is let through without each layer.

`python -m tests.captured` writes the table of the page on threats. It tries everything as the user who runs
it and, where that is root, as an unprivileged one, too. Only the standard library is needed, so that any
Python of the system will do.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "explanation" / "threat-model.md"
BEGIN, END = "<!-- captured: begin -->", "<!-- captured: end -->"
#: What is left out, by RESEAL_SANDBOX_WITHOUT.
WITHOUT = ("", "namespaces", "landlock", "allow-list", "seccomp")
#: What is left out for root besides: the change to an unprivileged user.
ROOT_ONLY = ("nobody", "nobody,landlock")
NOBODY = 65534

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
ARM = os.uname().machine == "aarch64"


def call(x86: int, arm: int, *arguments: Any) -> None:
    """Make a system call; OSError where it fails."""
    number = arm if ARM else x86
    if number < 0:
        raise OSError(38, "not on this processor")
    if _libc.syscall(number, *arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def forked() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def run(path: str) -> None:
    """Start a program; a missing program does not count as a refusal."""
    try:
        os.execv(path, [path])
    except FileNotFoundError:
        return


def connected(address: tuple[str, int]) -> None:
    with socket.socket() as one:
        one.connect(address)


def local(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(str(path))


def another_user() -> None:
    try:
        os.setuid(1)
    except OSError as error:  # this system does not have that user
        raise PermissionError from error


def open_terminal() -> None:
    os.close(os.open("/dev/tty", os.O_RDWR))


def attempts(home: Path, other: int, parent: int, port: int) -> dict[str, Callable[[], object]]:
    """What is tried: against files in `home`, another process, the parent, and a server."""
    secret, folder = home / "secret", home / "folder"
    return {
        "see a secret of the environment": lambda: os.environ["CAPTURED_SECRET"],
        "see the environment of its start": _first_environment,
        "read a file": secret.read_text,
        "list a folder": lambda: os.listdir(home),  # noqa: PTH208
        "write a file": lambda: secret.open("r+").close(),
        "append to a file": lambda: secret.open("a").close(),
        "truncate a file": lambda: os.truncate(secret, 3),
        "create a file": (home / "new").touch,
        "make a folder": (home / "new folder").mkdir,
        "delete a file": (home / "victim").unlink,
        "delete a folder": (home / "empty").rmdir,
        "rename a file": lambda: (home / "movable").rename(home / "moved"),
        "make a symbolic link": lambda: (home / "symbolic").symlink_to("/etc/passwd"),
        "make a hard link": lambda: (home / "hard").hardlink_to(secret),
        "make a pipe": lambda: os.mkfifo(home / "pipe"),
        "make a device": lambda: os.mknod(home / "device", 0o60600, os.makedev(7, 0)),
        "read /etc/passwd": lambda: Path("/etc/passwd").read_text(),
        "read the environment of the parent": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
        "read the memory of the parent": lambda: Path(f"/proc/{parent}/mem").open("rb").close(),
        "change the mode of a file": lambda: secret.chmod(0o666),
        "change the mode of a folder": lambda: folder.chmod(0o777),
        "change the owner of a file": lambda: os.chown(secret, os.getuid(), os.getgid()),
        "change the times of a file": lambda: os.utime(secret, (1, 1)),
        "set an attribute": lambda: os.setxattr(secret, "user.x", b"1"),
        "read an attribute": lambda: os.listxattr(secret),
        "signal another process": lambda: os.kill(other, 0),
        "signal the parent": lambda: os.kill(parent, 0),
        "signal a process group": lambda: os.killpg(os.getpgid(parent), 0),
        "signal a thread of the parent": lambda: call(234, 131, parent, parent, 0),
        "queue a signal": lambda: call(129, 138, other, 0, ctypes.create_string_buffer(128)),
        "open a process": lambda: os.close(os.pidfd_open(other)),
        "lower limits of another process": lambda: resource.prlimit(
            other, resource.RLIMIT_NOFILE, (10, 10)
        ),
        "lower limits of the parent": lambda: resource.prlimit(
            parent, resource.RLIMIT_CORE, (0, 0)
        ),
        "raise its own limits": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096)),
        "change the priority of a process": lambda: os.setpriority(os.PRIO_PROCESS, other, 19),
        "change the scheduler of a process": lambda: os.sched_setscheduler(
            other, os.SCHED_BATCH, os.sched_param(0)
        ),
        "pin a process to a processor": lambda: os.sched_setaffinity(other, {0}),
        "trace another process": lambda: call(101, 117, 0x4206, other, 0, 0),
        "read memory of another process": lambda: call(310, 270, other, 0, 0, 0, 0, 0),
        "use the terminal": open_terminal,
        "have a terminal": lambda: os.ttyname(0),
        "type into a terminal": lambda: call(16, 29, 0, 0x5412, ctypes.create_string_buffer(b"x")),
        "open an internet socket": lambda: socket.socket().close(),
        "open a version 6 socket": lambda: socket.socket(socket.AF_INET6).close(),
        "open a netlink socket": lambda: socket.socket(16, socket.SOCK_RAW).close(),
        "open a raw packet socket": lambda: socket.socket(17, socket.SOCK_RAW).close(),
        "connect to a local socket": lambda: local(home / "service"),
        "connect to a server": lambda: connected(("127.0.0.1", port)),
        "listen": lambda: socket.socket(socket.AF_UNIX).listen(),
        "make a user namespace": lambda: call(272, 97, 0x10000000),
        "make a network namespace": lambda: call(272, 97, 0x40000000),
        "enter a namespace": lambda: call(308, 268, 0, 0x40000000),
        "mount": lambda: call(165, 40, b"none", b"/mnt", b"tmpfs", 0, None),
        "change the root": lambda: os.chroot("/usr"),
        "watch the file system": lambda: call(300, 262, 0, 0),
        "load a program into the kernel": lambda: call(321, 280, 0, 0, 0),
        "set up io_uring": lambda: call(425, 425, 1, ctypes.create_string_buffer(256)),
        "use keys of the kernel": lambda: call(250, 219, 0, -3, 0),
        "count events of the processor": lambda: call(298, 241, 0, 0, -1, -1, 0),
        "change the host name": lambda: socket.sethostname("captured"),
        "start a process": forked,
        "run a program": lambda: run("/usr/bin/there/is/none"),
        "become another user": another_user,
        "outlive the parent": lambda: call(157, 167, 1, 0, 0, 0, 0),
    }


def _first_environment() -> None:
    if b"hunter2" not in Path("/proc/self/environ").read_bytes():
        raise KeyError


def succeeded(attempt: Callable[[], object]) -> bool:
    """Whether an attempt was let through: it worked, or failed for a reason of its own."""
    try:
        attempt()
    except (PermissionError, KeyError):
        return False
    except OSError as error:
        # Read-only, not implemented, no terminal at all, no network to reach a server by.
        return error.errno not in {30, 38, 25, 6, 101, 111}
    except ValueError:
        return False
    return True


def measure() -> dict[str, bool]:
    """Try everything in a worker; return what it could do."""
    from reseal.worker import run_worker

    # The process that is attacked knows of none of it beforehand.
    os.environ["CAPTURED_SECRET"] = "hunter2"
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as service,
        subprocess.Popen(["sleep", "60"]) as other,
    ):
        home = Path(folder)
        service.bind(str(home / "service"))
        service.listen()
        for name in ("secret", "victim", "movable"):
            (home / name).write_text("secret")
        for name in ("folder", "empty"):
            (home / name).mkdir()
        port, parent = server.getsockname()[1], os.getpid()

        def job(_: object) -> dict[str, bool]:
            tried = attempts(home, other.pid, parent, port)
            return {name: succeeded(attempt) for name, attempt in tried.items()}

        try:
            found: dict[str, bool] = run_worker(job, subject="captured")
        finally:
            other.send_signal(signal.SIGKILL)
        return found


def in_process(
    without: str, user: int | None = None, program: str = "/usr/bin/python3"
) -> dict[str, bool] | None:
    """Measure in a process of its own; None where this system has no such Python for that user."""
    environment = {
        "PYTHONPATH": f"{ROOT}/src:{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": "/usr/bin:/bin",
        "RESEAL_SANDBOX_WITHOUT": without,
        "CAPTURED_SECRET": "hunter2",
    }
    done = subprocess.run(
        [program, "-m", "tests.captured", "--measure"],
        env=environment,
        cwd="/",
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return None
    found: dict[str, bool] = json.loads(done.stdout)
    return found


def table() -> str:
    """Return the table of what a captured worker can do."""
    users: dict[str, int | None] = (
        {"user": NOBODY, "root": None} if os.geteuid() == 0 else {"user": None}
    )
    columns = {
        (name, without): in_process(without, user)
        for name, user in users.items()
        for without in (*WITHOUT, *(ROOT_ONLY if name == "root" else ()))
    }
    shown = {key: found for key, found in columns.items() if found is not None}
    names = next(iter(shown.values()))
    heads = [
        f"{user}, no {without}".removesuffix(", no ").replace(",landlock", ", no landlock")
        for user, without in shown
    ]
    # Without bars at the ends: rows that begin with one are claims, each of which names a test.
    lines = ["A captured worker tries to | " + " | ".join(heads), "---|" * len(heads) + "---"]
    for name in names:
        cells = ["**let through**" if found[name] else "refused" for found in shown.values()]
        lines.append(f"{name} | " + " | ".join(cells))
    return "\n".join(lines)


def main() -> None:
    if "--measure" in sys.argv:
        print(json.dumps(measure()))
        return
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}")


if __name__ == "__main__":
    main()
