"""Replace one image of a WIM by the content of a volume; the other images stay."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from reseal.disk.device import Device
from reseal.wim import library
from reseal.wim.capture import ADD_FLAGS
from reseal.wim.file import open_wim
from reseal.wim.metadata import kept_properties
from reseal.wim.progress import Progress, Report
from reseal.wim.volume import volume
from reseal.wim.writing import RETAIN_GUID, SOLID, require_writable, set_properties, write

_ROOT = b"/"
_WITH_ALL_BELOW = 0x2  # WIMLIB_DELETE_FLAG_RECURSIVE


def replace_image(
    wim: Path,
    index: int,
    device: Device,
    output: Path | None = None,
    *,
    on_progress: Report | None = None,
) -> dict[str, Any]:
    """Replace the tree of an image by the NTFS volume that fills a device.

    The image keeps its index, name and description. The file keeps its compression, integrity table, GUID
    and boot index, and the other images stay byte for byte. Only new data are compressed, and data
    without an image are dropped. Files with the path, size and times of a file in the old image are not
    read again. Run it in a worker (`reseal.worker.run_worker`).

    Args:
        wim: the file.
        index: index of the image, from 1.
        device: the device that the volume fills; only read.
        output: the file to create; None replaces `wim`.
        on_progress: receives `{"step": …}` and `{"progress": …, "done": …, "total": …}`, in bytes.

    Returns:
        `encrypted`: paths that were omitted because they are encrypted.

    Raises:
        WimError: the WIM can't be read or written; it is unchanged.
        ImageError: the volume is damaged.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(volume(device, read_only=True))
        progress = Progress(on_progress, opened.renew)
        target = stack.enter_context(open_wim(wim, progress=progress))
        template = stack.enter_context(open_wim(wim))
        if output is None:
            require_writable(target)
        target.require_index(index)
        target.require_sound(index)
        calls = target.calls
        calls.wimlib_register_progress_function(target.handle, progress.function, None)
        commands = (library.UpdateCommand * 2)()
        commands[0].operation = library.UPDATE_DELETE
        commands[0].arguments.delete = library.DeleteCommand(_ROOT, _WITH_ALL_BELOW)
        commands[1].operation = library.UPDATE_ADD
        commands[1].arguments.add = library.AddCommand(opened.name, _ROOT, None, ADD_FLAGS)
        code = calls.wimlib_update_image(target.handle, index, commands, len(commands), 0)
        opened.raise_failure()
        target.check(code, "can't capture the volume", progress)
        code = calls.wimlib_reference_template_image(
            target.handle, index, template.handle, index, 0
        )
        target.check(code, "can't be compared with the volume", progress)
        set_properties(target, index, kept_properties(template, index))
        flags = RETAIN_GUID | (SOLID if target.facts.solid else 0)
        write(
            target,
            output or wim,
            flags,
            progress,
            opened.raise_failure,
            replace=output is None,
        )
    return {"encrypted": progress.left_out}
