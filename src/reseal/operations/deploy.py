"""Make a disk to start Windows from, out of a WIM or a disk image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reseal.errors import UsageError
from reseal.operations import sizes
from reseal.operations.operation import OnMessage, Writing
from reseal.operations.record import PROVED, blank, owner

_MADE = (
    "The disk: every boot file was read back from the system partition; the boot store obeys all rules "
    "of a hive; the volumes were opened again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRequest:
    """What disk to make.

    Attributes:
        size: of the disk: `64G`, `65536M`, or bytes.
        firmware: what starts it, `uefi` or `bios`; None with `resize`.
        recovery: whether it gets a recovery partition.
        resize: whether the layout of a disk image is kept, and its Windows fills the new disk.
        drivers: a folder of driver packages that go into the Windows, if any.
        boot_files: the boot manager by the authority that signed it, `2011` or `2023`; None for the one that
            this Windows started with so far.
    """

    size: str
    firmware: str | None = None
    recovery: bool = False
    resize: bool = False
    drivers: Path | None = None
    boot_files: str | None = None


def deploy(
    source: Path,
    disk: Path,
    request: DeployRequest,
    opening: Writing | None = None,
    on_message: OnMessage | None = None,
) -> dict[str, Any]:
    """Make a disk; see `reseal.deploy.deploy` and `reseal.deploy.resize_disk`.

    Args:
        source: a WIM, an ESD, an ISO with one, or a disk image; only read.
        disk: the disk to make; its suffix names the format.
        request: what disk to make.
        opening: which Windows of the source, how to open it, and how the disk's boot is rehearsed.
        on_message: gets `{"step": …}` and `{"progress": …, "done": …, "total": …}`.

    Raises:
        UsageError: options contradict each other.
        ResealError: the operation was refused or failed; no disk was made.
    """
    from reseal.deploy.size import parse_size
    from reseal.disk import archives, iso

    parse_size(request.size)  # before a medium is copied
    with iso.install_image(source) as image:
        if request.firmware is None and not request.resize and (inside := archives.find(source)):
            request = replace(request, firmware=inside.firmware)
        done = _made(image, disk, request, opening or Writing(), on_message or (lambda _: None))
    if image is not source:
        done["source"] = {**done["source"], "path": str(source)}
    return complete(done)


def _made(
    source: Path, disk: Path, request: DeployRequest, chosen: Writing, report: OnMessage
) -> dict[str, Any]:
    """Make a disk of a WIM or a disk image."""
    from reseal import deploy as engine
    from reseal.deploy.boot_files import require_authority
    from reseal.deploy.size import parse_size
    from reseal.operations.rehearse import examining

    total = parse_size(request.size)
    if request.resize:
        others = (request.firmware, request.recovery, request.drivers, request.boot_files)
        if any(others) or chosen.index is not None:
            msg = (
                "--resize keeps the layout and the boot files: it takes no --firmware, --recovery, "
                "--drivers, --boot-files or --index."
            )
            raise UsageError(msg, "Leave them out, or leave --resize out for a new layout.")
        return engine.resize_disk(
            source,
            disk,
            total,
            report,
            volume=chosen.volume,
            allow_backing=chosen.allow_backing,
            describe=owner,
        )
    if request.firmware not in {one.value for one in engine.Firmware}:
        msg = "--firmware says what starts the disk: uefi or bios."
        raise UsageError(msg, "Choose the firmware of the machine; uefi for most.")
    if request.boot_files:
        require_authority(request.boot_files)
        if request.firmware != "uefi":
            msg = "--boot-files chooses a boot manager of UEFI; BIOS has only one."
            raise UsageError(msg, "Leave it out, or use --firmware uefi.")
    options = engine.Options(
        size=total,
        firmware=engine.Firmware(request.firmware),
        recovery=request.recovery,
        index=chosen.index,
        volume=chosen.volume,
        allow_backing=chosen.allow_backing,
        drivers=request.drivers,
        boot_files=request.boot_files,
        describe=owner,
        examine=examining(
            machine=chosen.machine,
            required=chosen.require_rehearsal,
            off=chosen.no_rehearsal,
        ),
    )
    return engine.deploy(source, disk, options, report)


def complete(done: dict[str, Any]) -> dict[str, Any]:
    """Convert the result of `reseal.deploy` to a record that `--report` can keep."""
    path = done["image"]["path"]
    if done["result"] == "resized":
        summary = f"{path} is made; its Windows volume is {sizes.shown(done['grown'])} larger."
    else:
        summary = f"{path} is made for {done['firmware'].upper()}."
    return {
        **blank("deploy"),
        "summary": summary,
        "proved": [_MADE, *PROVED],
        **done,
        "notes": [*done.get("warnings", ()), *done["notes"]],
    }
