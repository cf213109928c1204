"""Capture the Windows volume of an image into a WIM.

The parent holds the locks. One worker inspects the image, another runs libwim.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from reseal.bitlocker import Key, encrypted
from reseal.disk import Slice
from reseal.disk.locks import Lock
from reseal.disk.partitions import volumes
from reseal.disk.staged import Appearance
from reseal.errors import CheckError, ImageError, UsageError
from reseal.ntfs import Volume
from reseal.run.disk import Disk, OpenedDisk
from reseal.run.opening import Found, choose
from reseal.run.options import RunOptions
from reseal.tree import TreeError
from reseal.wim import capture_volume, is_wim, wof
from reseal.wim.config import DEFAULT_CONFIG
from reseal.windows import content
from reseal.windows.image_properties import image_properties
from reseal.windows.setup import MODE_MARK, SetupState
from reseal.worker import Report

#: Hint for a hibernated Windows, whose files are not completely on the disk.
_HIBERNATED_HINT = (
    "Start Windows and shut it down fully (shutdown /s /t 0), or use --discard-hibernation, which loses "
    "unsaved data."
)
#: Maximum number of files that a note names.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """Options of a capture.

    Attributes:
        volume: the installation, in the notation of `--volume`; None for the only one.
        name: name of the image in the WIM; None for the product name.
        description: description of the image, or None.
        compression: `xpress`, `lzx`, `lzms` or `none`.
        append: whether to add the image to an existing WIM.
        solid: whether to compress the data as a whole, as in an ESD.
        config: a configuration list (WimScript.ini); None for DISM's default.
        check: whether to write an integrity table.
        require_generalized: whether to refuse an image that is not generalized.
        deduplicated: whether to capture deduplicated files without their content.
        allow_backing: whether backing files may be outside the image's folder.
        discard_hibernation: whether to capture a hibernated Windows without what it had in memory.
        keys: keys for volumes that BitLocker encrypts; a volume with a clear key needs none.
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
    deduplicated: bool = False
    allow_backing: bool = False
    discard_hibernation: bool = False
    keys: tuple[Key, ...] = ()


def capture(
    path: Path, wim: Path, options: CaptureOptions, on_message: Report | None = None
) -> dict[str, Any]:
    """Capture the Windows volume of a disk image into a WIM; the image is only read.

    Args:
        path: the disk image.
        wim: the file to create or append to.
        options: options of the capture.
        on_message: receives `{"step": …}` and `{"progress": …, "done": …, "total": …}` (bytes).

    Returns:
        `image` (path, format, size), `wim`, `index`, `name`, `properties`, `generalized`, `mode`,
        `excluded`, `encrypted`, `deduplicated`, `cloud`, `notes`, `size` of the file in bytes, and `timings`.

    Raises:
        UsageError: the WIM exists without `append`, or the options are inconsistent.
        CheckError: the image is hibernated, or not generalized although required.
        ImageError: the image or the WIM can't be read or written; `wim` is unchanged.
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
            # libwim would capture CompactOS files in compressed form, which DISM can't apply. So they are
            # decompressed in an overlay, which is discarded.
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
        msg = f"{path} is a folder, which lacks some of the data of a WIM, such as descriptors."
        raise UsageError(msg, "Capture the disk image that the folder comes from.")
    if is_wim(path):
        msg = f"{path} is already a WIM."
        raise UsageError(msg, "Change it directly: reseal generalize FILE.wim --index N.")
    if not wim.absolute().parent.is_dir():
        msg = f"The folder of {wim} does not exist."
        raise UsageError(msg, "Create it first.")
    if options.append and not wim.exists():
        msg = f"{wim} does not exist, so nothing can be appended to it."
        raise UsageError(msg, "Omit --append to create it.")
    if not options.append and wim.exists():
        msg = f"{wim} already exists."
        raise UsageError(msg, "Use --append to add an image to it, or choose another file.")


def _look(options: CaptureOptions, opened: OpenedDisk, _report: Report) -> dict[str, Any]:
    """Read the facts about the installation; runs in a worker."""
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
    """Refuse images that can't be captured; return notes about the others."""
    state = facts["state"]
    if state["hibernation"] != "none" and not options.discard_hibernation:
        msg = (
            f"Windows is hibernated in {path}, or was shut down with fast startup: part of its state is "
            "only in the hibernation file. Nothing was written."
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
            "The image is not generalized: all machines created from it have the same SID, name "
            "and identity."
        )
    elif facts["mode"] == "vm":
        notes.append(
            "The image was generalized in VM mode: use it only on the same hypervisor with the same "
            "virtual hardware."
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
                # A file with several names is listed once for each.
                if stat and stat.reparse_tag == wof.REPARSE_TAG:
                    volume.expand(file, content.read(volume, file))
        opened.flush()
    except TreeError as error:
        msg = f"{path} has CompactOS files that can't be decompressed: {error.message}"
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
        deduplicated=options.deduplicated,
        before_rename=appearance.require_unchanged,
        on_progress=report,
    )


def _said(result: dict[str, Any]) -> list[str]:
    """Return notes about content that the WIM lacks, or may lack, compared with the volume."""
    sentences = {
        "encrypted": "A WIM can't hold encrypted files and folders (EFS). They and their content were "
        "omitted",
        "deduplicated": "The content of deduplicated files is not in the WIM, and they can't be read where "
        "it is applied",
        "cloud": "Placeholders of files in the cloud or in another store are in the WIM, but not content "
        "that is only there",
    }
    return [f"{text}: {_named(result[key])}." for key, text in sentences.items() if result[key]]


def _named(paths: list[str]) -> str:
    named = ", ".join(path.replace("/", "\\") for path in paths[:_NAMED])
    return named + (f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else "")
