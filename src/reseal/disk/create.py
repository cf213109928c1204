"""A new, empty disk that appears as an image only when it is whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from reseal.disk.attributes import mode_of_new
from reseal.disk.device import DiskError
from reseal.disk.formats import EXTENSIONS, QEMU_NAMES, vdi
from reseal.disk.output import checked, lock_output, publish, remove_partial
from reseal.disk.overlay import plain_name
from reseal.disk.qemu import file_node, json_name
from reseal.disk.server import private_folder, serve
from reseal.disk.sidecar import overlay_path, partial_path, sync_file
from reseal.disk.staged import require_space
from reseal.errors import ImageError
from reseal.process import run_tool

#: What qemu-img is told for formats whose defaults reseal does not want.
_CREATE = {"vhd": ["-o", "subformat=dynamic,force_size=on"]}


class NewDisk:
    """A disk that is being made, hidden beside the place where it will appear.

    Everything is written into a qcow2; `commit` gives it its name, in the format of its extension.

    Attributes:
        size: bytes of the disk.
        format: of the image.
    """

    def __init__(self, output: Path, size: int, *, source: Path) -> None:
        """Begin a disk.

        Args:
            output: the image to make; its extension names the format.
            size: bytes of the disk.
            source: what it is made from; the new image gets its mode.

        Raises:
            UsageError: the output exists, has an unknown extension, or its folder is missing.
            DiskError: it can't be created there.
        """
        self._source = source
        self._output = checked(output, source)
        self.size = size
        self.format = EXTENSIONS[output.suffix.lower()]
        self._draft = overlay_path(self._output)
        self._partial = partial_path(self._output)
        self._lock = lock_output(self._draft)
        try:
            remove_partial(self._partial)
            name = str(self._draft.parent / plain_name(self._draft.name))
            run_tool(["qemu-img", "create", "-q", "-f", "qcow2", name, str(size)])
        except ImageError as error:
            self.discard()
            raise DiskError(f"{output} can't be created: {error}") from error
        except BaseException:
            self.discard()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    @contextmanager
    def serve(self) -> Iterator[Path]:
        """Serve the disk for writing, for `connect`, and yield the path of the socket."""
        with (
            private_folder() as folder,
            serve(self._node(), folder, writable=True, subject=str(self._output)) as socket,
        ):
            yield socket

    def commit(self) -> None:
        """Give the disk its name. It must no longer be served.

        Raises:
            DiskError: no space for the conversion to another format than qcow2.
            UsageError: another program has meanwhile created a file of that name.
        """
        self._draft.chmod(mode_of_new(self._source))
        sync_file(self._draft)
        if self.format == "qcow2":
            publish(self._draft, self._output)
            return
        require_space(
            self._output.parent,
            self._draft.stat().st_blocks * 512,
            f"the new image {self._output}",
            hint="Free some space, or name another folder.",
        )
        self._partial.mkdir(mode=0o700)
        whole = self._partial / self._output.name
        try:
            options = _CREATE.get(self.format, [])
            kind = QEMU_NAMES[self.format]
            command = ["qemu-img", "convert", "-q", "-O", kind, *options]
            run_tool([*command, json_name(self._node()), str(whole)])
            if self.format == "vdi":
                vdi.recount(whole)
            whole.chmod(mode_of_new(self._source))
            sync_file(whole)
            publish(whole, self._output)
        except ImageError as error:
            raise DiskError(f"{self._output} can't be written: {error}") from error
        finally:
            shutil.rmtree(self._partial, ignore_errors=True)

    def discard(self) -> None:
        """Delete what was written. After a commit this does nothing."""
        self._draft.unlink(missing_ok=True)
        self._lock.close()

    def _node(self) -> dict[str, object]:
        zeros = {"discard": "unmap", "detect-zeroes": "unmap"}
        # A draft need not reach stable storage before it is whole: `commit` waits for that, once.
        file = file_node(self._draft) | {"cache": {"no-flush": True}}
        return {"driver": "qcow2", "file": file, **zeros}
