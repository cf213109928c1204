"""Messages between the caller's process and the worker that has the image open.

One JSON object a line, never pickle: a worker that an image has taken over can lie, but it can't make
the caller run anything.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from reseal.errors import ImageError

if TYPE_CHECKING:
    import socket

#: The longest message, in bytes. A file of 64 MiB fits.
MAX_MESSAGE = 96 << 20
_PART = 1 << 16
#: How bytes stand in JSON.
_BYTES = "base64"


class Channel:
    """One end of the line."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pending = bytearray()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; OSError where the other end is gone."""
        self._connection.sendall(json.dumps(message, default=_pack).encode() + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """Wait for a message; None where the other end is gone.

        Raises:
            ImageError: what came is no message.
        """
        while (end := self._pending.find(b"\n")) < 0:
            if len(self._pending) > MAX_MESSAGE:
                raise _babble()
            part = self._connection.recv(_PART)
            if not part:
                return None
            self._pending += part
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        try:
            message = json.loads(line, object_hook=_unpack)
        except (ValueError, RecursionError) as error:
            raise _babble() from error
        if not isinstance(message, dict):
            raise _babble()
        return message

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _pack(value: object) -> object:
    if isinstance(value, bytes | bytearray):
        return {_BYTES: base64.b64encode(value).decode()}
    msg = f"{type(value).__name__} can't be sent"
    raise TypeError(msg)


def _unpack(value: dict[str, Any]) -> object:
    if value.keys() == {_BYTES}:
        return base64.b64decode(value[_BYTES])
    return value


def _babble() -> ImageError:
    return ImageError(
        "The engine sent something that can't be understood. The image was not changed."
    )
