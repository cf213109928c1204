"""The internal snapshots of a qcow2: an older content of the disk, whole, in the same file."""

from __future__ import annotations

from reseal.disk import formats
from reseal.disk.chain import Link
from reseal.disk.held import Held
from reseal.disk.qemu import json_name
from reseal.errors import ImageError
from reseal.process import run_tool


def delete_all(link: Link, held: Held) -> None:
    """Delete the snapshots of an image, and give the space that they alone used back to the host.

    It can be done again where it was interrupted.

    Args:
        link: the image.
        held: its files.

    Raises:
        ImageError: QEMU can't delete one; the image is to be checked before it is done again.
    """
    # Clusters that are freed keep their content unless they are discarded.
    name = json_name(held.blockdev() | {"discard": "unmap"})
    left = formats.read_header(link.path).snapshots
    while left:
        run_tool(
            ["qemu-img", "snapshot", "-q", "-d", left[0], name],
            pass_fds=held.numbers,
            files=link.all_files(),
        )
        before, left = left, formats.read_header(link.path).snapshots
        if len(left) >= len(before):
            msg = f"{link.path} still holds the internal snapshot {left[0]} after it was deleted."
            raise ImageError(msg)
