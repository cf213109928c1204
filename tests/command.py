"""The command, run in a process of its own.

Half of the processor time of a run on a sample is Python's start and the loading of modules. Runs therefore
fork from one process that has loaded all of reseal and has done nothing else. A run that wants another
environment starts the installed command.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import reseal as package
from reseal.cli.entry import main

RESEAL = Path(sys.executable).with_name("reseal")
_SECONDS = 240
#: What functions of reseal load when they are called.
_LATER = ("cryptography.x509", "cryptography.hazmat.primitives.serialization.pkcs7")
#: Set by pytest for each test.
_VOLATILE = "PYTEST_CURRENT_TEST"


def reseal(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command; options are those of `subprocess.run`."""
    environment, server = _server()
    if options or _environment() != environment:
        return subprocess.run(
            [RESEAL, *arguments],
            check=False, capture_output=True, text=True, timeout=_SECONDS, **options,
        )  # fmt: skip
    words = [os.fspath(one) for one in arguments]
    (out, stdout), (err, stderr) = os.pipe(), os.pipe()
    try:
        request = json.dumps([os.getcwd(), *words]).encode()  # noqa: PTH109
        socket.send_fds(server, [len(request).to_bytes(4)], [0, stdout, stderr])
        server.sendall(request)
    finally:
        os.close(stdout)
        os.close(stderr)
    child = int.from_bytes(server.recv(4))
    try:
        texts = _texts(out, err)
    except TimeoutError:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        code = int.from_bytes(server.recv(4), signed=True)
    return subprocess.CompletedProcess([str(RESEAL), *words], code, *texts)


def preload() -> None:
    """Load all of reseal, so that forks need not, and keep their collectors from what is loaded."""
    for module in pkgutil.walk_packages(package.__path__, "reseal."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in _LATER:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != _VOLATILE}


@cache
def _server() -> tuple[dict[str, str], socket.socket]:
    """Start the process from which runs fork; it ends with this one."""
    own, its = socket.socketpair()
    with its:
        process = subprocess.Popen([sys.executable, "-m", __name__], stdin=its.fileno())

    @atexit.register
    def end() -> None:
        own.close()
        process.wait()

    return _environment(), own


def _texts(*files: int) -> list[str]:
    """Read files until all of them end."""
    read: dict[int, list[bytes]] = {file: [] for file in files}
    deadline = time.monotonic() + _SECONDS
    with selectors.DefaultSelector() as selector:
        for file in files:
            selector.register(file, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if part := os.read(key.fd, 1 << 16):
                    read[key.fd].append(part)
                else:
                    selector.unregister(key.fd)
                    os.close(key.fd)
    return [io.TextIOWrapper(io.BytesIO(b"".join(parts))).read() for parts in read.values()]


def _serve(client: socket.socket) -> None:
    """Fork a run for each request, and tell its process and its exit code."""
    while True:
        size, files, _, _ = socket.recv_fds(client, 4, 3)
        if not size:
            return
        folder, *words = json.loads(client.recv(int.from_bytes(size), socket.MSG_WAITALL))
        child = os.fork()
        if not child:
            client.close()
            os.chdir(folder)
            for number, file in enumerate(files):
                os.dup2(file, number)
                os.close(file)
            _run(words)
        for file in files:
            os.close(file)
        client.sendall(child.to_bytes(4))
        _, status = os.waitpid(child, 0)
        client.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))


def _run(words: list[str]) -> NoReturn:
    """Do what Python does with a script, but don't destroy each object at the end."""
    sys.argv = [str(RESEAL), *words]
    code: Any = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
        if not isinstance(code, int):
            sys.stderr.write(f"{code}\n")
            code = 1
    except BaseException:  # noqa: BLE001  as Python does
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code & 255)


if __name__ == "__main__":
    preload()
    requests = socket.socket(fileno=os.dup(0))
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    _serve(requests)
