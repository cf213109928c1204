"""A process that holds a golden image open and makes clones of it: `python -m reseal.clone.worker FD`.

It is asked and answers in lines of JSON on a socket: first a plan, then one machine after the other,
until the socket is closed. The golden image is opened here, once; each machine is made in a fork that may
write to one file only.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from reseal.clone.plan import Machine, Plan
from reseal.clone.pool import plain
from reseal.clone.workshop import Workshop
from reseal.errors import ResealError

if TYPE_CHECKING:
    from collections.abc import Iterator


def serve(channel: socket.socket) -> None:
    """Open the golden image of the first line, and make the machines of the others."""
    lines = _lines(channel)
    plan = Plan(**next(lines))
    try:
        workshop = Workshop(plan).__enter__()
    except ResealError as error:
        _send(channel, {"error": plain(error)})
        return
    with workshop:
        _send(channel, {"ready": os.getpid()})
        for line in lines:
            try:
                made = workshop.make(Machine(**line))
            except ResealError as error:
                _send(channel, {"error": plain(error)})
            else:
                _send(channel, {"made": made})


def _lines(channel: socket.socket) -> Iterator[dict[str, Any]]:
    with channel.makefile("rb") as stream:
        for line in stream:
            yield json.loads(line)


def _send(channel: socket.socket, message: dict[str, Any]) -> None:
    channel.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as own:
        serve(own)
