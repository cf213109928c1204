"""Messages between two processes of a run: one JSON object per line, over a pipe or socket.

Pickle is never used: a worker that a hostile image has compromised can send false data, but it can't make
the other process execute code.
"""

from __future__ import annotations

import base64
import json
import os
from typing import Any

#: Maximum size of a message in bytes, enough for a file of 64 MiB.
MAX_MESSAGE = 96 << 20
_PART = 1 << 16
#: Key of an object that represents bytes in JSON.
_BYTES = "base64"


class MessageError(ValueError):
    """Received data is not a message, or is too long."""


class Channel:
    """One end of a connection.

    Args:
        descriptor: the open pipe or socket; `close` closes it.
        binary: whether messages may contain bytes.
    """

    def __init__(self, descriptor: int, *, binary: bool = False) -> None:
        self._descriptor = descriptor
        self._pack = _pack if binary else None
        self._unpack = _unpack if binary else None
        self._pending = bytearray()

    def fileno(self) -> int:
        """The file descriptor, for `select`."""
        return self._descriptor

    def send(self, message: dict[str, Any]) -> None:
        """Send a message. Raises OSError if the other end is closed."""
        data = memoryview(json.dumps(message, default=self._pack).encode() + b"\n")
        while data:
            data = data[os.write(self._descriptor, data) :]

    def receive(self) -> dict[str, Any] | None:
        """Wait for a message; return None if the other end is closed.

        Raises:
            MessageError: the received data is not a message.
        """
        searched = 0
        while (end := self._pending.find(b"\n", searched)) < 0:
            searched = len(self._pending)
            part = os.read(self._descriptor, _PART)
            if not part:
                return None
            self._pending += part
            if len(self._pending) > MAX_MESSAGE:
                raise MessageError
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        try:
            message = json.loads(line, object_hook=self._unpack)
        except (ValueError, TypeError, RecursionError) as error:
            raise MessageError from error
        if not isinstance(message, dict):
            raise MessageError
        return message

    def close(self) -> None:
        """Close the connection. Closing twice is allowed."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _pack(value: object) -> object:
    if isinstance(value, bytes | bytearray):
        return {_BYTES: base64.b64encode(value).decode()}
    msg = f"{type(value).__name__} can't be sent"
    raise TypeError(msg)


def _unpack(value: dict[str, Any]) -> object:
    if value.keys() == {_BYTES}:
        return base64.b64decode(value[_BYTES])
    return value
