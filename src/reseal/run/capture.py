"""Capture the Windows volume of an image into a WIM.

The parent owns the locks; one worker reads what the image holds, another runs libwim.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reseal.bitlocker import encrypted
from reseal.disk import Slice
from reseal.disk.locks import Lock
from reseal.disk.partitions import volumes
from reseal.disk.staged import Appearance
from reseal.errors import CheckError, ImageError, UsageError
from reseal.ntfs import Volume
from reseal.run.disk import Disk
from reseal.run.opening import Found, choose
from reseal.run.options import RunOptions
from reseal.tree import TreeError
from reseal.wim import capture_volume, is_wim, wof
from reseal.wim.config import DEFAULT_CONFIG
from reseal.windows import content
from reseal.windows.image_properties import image_properties
from reseal.windows.setup import MODE_MARK, SetupState

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.bitlocker import Key
    from reseal.run.disk import OpenedDisk
    from reseal.worker import Report

#: What a switched-off Windows must not be in; its files are not all on the disk then.
_HIBERNATED_HINT = "Start Windows and shut it down fully (shutdown /s /t 0)."
#: Encrypted files that are named; the rest is counted.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """How to capture.

    Attributes:
        volume: which installation, as `--volume` names it; None where there is only one.
        name: of the image in the WIM; None for the product's name.
        description: of the image; None for none.
        compression: `xpress`, `lzx`, `lzms` or `none`.
        append: whether the image is added to an existing WIM.
        solid: whether the data are compressed as a whole, as in an ESD.
        config: a configuration list (WimScript.ini); None for DISM's default one.
        check: whether the WIM gets an integrity table.
        require_generalized: whether an image that is not generalized is refused.
        allow_backing: whether backing files may lie outside the image's folder.
        keys: what opens a volume that BitLocker encrypts; one with a clear key needs none.
    """

    volume: str | None = None
    name: str | None = None
    description: str | None = None
    compression: str = "lzx"
    append: bool = False
    solid: bool = False
    config: str | None = None
    check: bool = False
    require_generalized: bool = False
    allow_backing: bool = False
    keys: tuple[Key, ...] = ()


def capture(
    path: Path, wim: Path, options: CaptureOptions, on_message: Report | None = None
) -> dict[str, Any]:
    """Capture the Windows volume of a disk image into a WIM; the image is only read.

    Args:
        path: the disk image.
        wim: the file to make, or to append to.
        options: how.
        on_message: gets `{"step": …}` and `{"progress": …, "done": …, "total": …}` (bytes).

    Returns:
        `image` (path, format, size), `wim`, `index`, `name`, `properties`, `generalized`, `mode`,
        `excluded`, `encrypted`, `notes`, `size` of the file in bytes, and `timings`.

    Raises:
        UsageError: the WIM exists and is not appended to, or the options do not fit.
        CheckError: the image is not generalized and that was required, or is hibernated.
        ImageError: the image or the WIM can't be read or written; `wim` is as it was.
    """
    start = time.perf_counter()
    _check_target(path, wim, options)
    report = on_message or (lambda _: None)
    reading = RunOptions(dry_run=True, allow_backing=options.allow_backing, keys=options.keys)
    folder = (wim.resolve().parent,)
    with ExitStack() as stack:
        if options.append:
            lock = Lock(wim)
            stack.callback(lock.close)
            lock.exclude()
        disk = stack.enter_context(Disk(path, reading, plain=True))
        appearance = Appearance(disk.image)
        report({"step": f"Reading {path}"})
        facts = disk.in_worker(partial(_look, options), None)
        notes = _judge(path, facts, options)
        name = options.name or facts["properties"].get("DISPLAYNAME")
        if options.description:
            facts["properties"]["DESCRIPTION"] = options.description
        work = partial(_capture, wim, facts, name, options, appearance)
        result = disk.in_worker(partial(work, True), report, writes=folder)
        if result["index"] is None:
            # libwim takes files of CompactOS as they lie on the volume, and DISM could not apply them.
            # So they are decompressed in an overlay, which is thrown away.
            compressed = result["compressed"]
            report({"step": f"Decompressing {len(compressed)} files (CompactOS)"})
            passing = wim.with_name(f".{wim.name}.reseal.qcow2")
            staging = replace(reading, dry_run=False, output=passing)
            with Disk(path, staging) as staged:
                staged.in_worker(
                    partial(_expand, path, facts, compressed, replace(staging, thin=True)), report
                )
                result = staged.in_worker(partial(work, False), report, writes=folder)
    return {
        "result": "captured",
        "image": disk.facts,
        "wim": str(wim),
        "name": name,
        **{key: facts[key] for key in ("properties", "generalized", "mode")},
        **result,
        "notes": notes + _said(result),
        "size": wim.stat().st_size,
        "timings": {"total": time.perf_counter() - start},
    }


def _check_target(path: Path, wim: Path, options: CaptureOptions) -> None:
    if path.is_dir():
        msg = f"{path} is a folder, which does not hold all that belongs into a WIM."
        raise UsageError(msg, "Capture the disk image that the folder comes from.")
    if is_wim(path):
        msg = f"{path} is a WIM already."
        raise UsageError(msg, "Work on it as it is: reseal generalize FILE.wim --index N.")
    if not wim.absolute().parent.is_dir():
        msg = f"The folder of {wim} does not exist."
        raise UsageError(msg, "Make it first.")
    if options.append and not wim.exists():
        msg = f"There is no {wim} to append to."
        raise UsageError(msg, "Leave --append out to make it.")
    if not options.append and wim.exists():
        msg = f"{wim} exists already."
        raise UsageError(msg, "Add --append to add an image to it, or name another file.")


def _look(options: CaptureOptions, opened: OpenedDisk, _report: Report) -> dict[str, Any]:
    """Read what is to be known of the installation; runs in a worker."""
    with opened.installations() as found:
        return _facts(choose(found, options.volume, opened.subject))


def _facts(chosen: Found) -> dict[str, Any]:
    installation, place, state = chosen.installation, chosen.place, chosen.state
    assert place is not None
    assert state is not None
    return {
        "offset": place.offset,
        "length": place.size,
        "state": asdict(state),
        "properties": image_properties(installation),
        "generalized": SetupState.of(installation).generalized,
        "mode": installation.registry.text(MODE_MARK, "Mode"),
    }


def _judge(path: Path, facts: dict[str, Any], options: CaptureOptions) -> list[str]:
    """Refuse what can't be captured, and return what is to be said of the rest."""
    state = facts["state"]
    if state["hibernation"] != "none":
        msg = (
            f"Windows is hibernated in {path}, or was shut down with fast startup: what is on the disk "
            "is not all there is. Nothing was written."
        )
        raise CheckError(msg, _HIBERNATED_HINT)
    if state["dirty"] or not state["log_clean"]:
        msg = f"The volume of {path} was not closed cleanly by Windows. Nothing was written."
        raise ImageError(
            msg, "Start Windows, let chkdsk repair the volume, and shut it down fully."
        )
    notes = []
    if not facts["generalized"]:
        if options.require_generalized:
            msg = f"{path} is not generalized. Nothing was written."
            raise CheckError(msg, f"Generalize it first: reseal generalize {path}")
        notes.append(
            "The image is not generalized: every machine that is made from it has the same SID, name "
            "and identity."
        )
    elif facts["mode"] == "vm":
        notes.append(
            "The image was generalized in VM mode: it may go to machines of the same hypervisor with "
            "the same virtual hardware only."
        )
    return notes


def _expand(
    path: Path,
    facts: dict[str, Any],
    compressed: list[str],
    options: RunOptions,
    opened: OpenedDisk,
    report: Report,
) -> dict[str, Any]:
    place = Slice(opened.device, facts["offset"], facts["length"])
    if encrypted(place):
        from reseal.run import bitlocker  # noqa: PLC0415  its arrays take long to load

        where = next(one for one in volumes(opened.device) if one.offset == place.offset)
        bitlocker.decrypt_place(opened, where, options, report, sparse=True)
    try:
        with Volume.open(place, read_only=False, name=str(path)) as volume:
            for file in compressed:
                stat = volume.stat(file)
                # A file with several names is met once for each.
                if stat and stat.reparse_tag == wof.REPARSE_TAG:
                    volume.expand(file, content.read(volume, file))
        opened.flush()
    except TreeError as error:
        msg = f"{path} has files of CompactOS that can't be decompressed: {error.message}"
        raise ImageError(msg, "In Windows, run `compact /compactos:never` first.") from error
    return {}


def _capture(
    wim: Path,
    facts: dict[str, Any],
    name: str | None,
    options: CaptureOptions,
    appearance: Appearance,
    only_plain: bool,
    opened: OpenedDisk,
    report: Report,
) -> dict[str, Any]:
    """Run libwim; in a worker that does nothing else."""
    return capture_volume(
        opened.content(facts["offset"], facts["length"]),
        wim,
        name=name,
        properties=facts["properties"],
        compression=options.compression,
        solid=options.solid,
        append=options.append,
        check=options.check,
        config=DEFAULT_CONFIG if options.config is None else options.config,
        only_plain=only_plain,
        before_rename=appearance.require_unchanged,
        on_progress=report,
    )


def _said(result: dict[str, Any]) -> list[str]:
    """Say what is not in the WIM as DISM would have put it there."""
    notes, encrypted = [], result["encrypted"]
    if encrypted:
        named = ", ".join(path.replace("/", "\\") for path in encrypted[:_NAMED])
        more = f" and {len(encrypted) - _NAMED} more" if len(encrypted) > _NAMED else ""
        notes.append(
            "Encrypted files and folders (EFS) can't be kept in a WIM and were left out, with all that "
            f"is below them: {named}{more}."
        )
    return notes
