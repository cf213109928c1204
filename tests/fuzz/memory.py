"""A device in memory."""

from __future__ import annotations

from reseal.disk.device import check_range


class Memory:
    """Bytes as a `reseal.disk.Device`."""

    read_only = False

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)
        self.size = len(content)

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes."""
        check_range(self, offset, size)
        return bytes(self.content[offset : offset + size])

    def write(self, offset: int, data: bytes) -> None:
        """Change bytes."""
        check_range(self, offset, len(data))
        self.content[offset : offset + len(data)] = data

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
