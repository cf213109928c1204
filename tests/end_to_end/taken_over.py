"""The command with an engine that an image has taken over: `taken_over.py EVIL ARGUMENTS…`.

The engine's call for reading a file's content does what EVIL names, in the worker, once everything is
open and mounted.
"""

from __future__ import annotations

import collections
import ctypes
import itertools
import os
import socket
import sys
from pathlib import Path

from reseal.cli import entry
from reseal.ntfs import Volume

IMAGE = Path(sys.argv[3]).absolute()


def crash() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.abort()


def loop() -> None:
    collections.deque(itertools.repeat(0), maxlen=0)


def bomb() -> None:
    kept = []
    while True:
        kept.append(bytearray(16 << 20))


def read_a_file_outside() -> None:
    IMAGE.with_name("secret").read_text()


def write_the_image() -> None:
    IMAGE.write_bytes(b"taken over")


def connect() -> None:
    socket.create_connection(("127.0.0.1", 9))


def lie() -> None:
    for number in range(3, 64):
        try:
            os.write(number, b'{"result": ["taken over"], "error": "x"}\n{')
        except OSError:
            continue
    os._exit(0)


def evil(*_: object, **__: object) -> bytes:
    globals()[what]()
    return b""


if __name__ == "__main__":
    what = sys.argv.pop(1)
    Volume.read = evil  # type: ignore[method-assign]
    entry.main()
