"""Prove that an image is armed and that nothing of the old machine is left, or compare images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reseal.errors import CheckError, UsageError
from reseal.operations.operation import OnMessage, Opening, look

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from reseal.run.opening import Found


def verify(
    image: Path,
    opening: Opening | None = None,
    *,
    identity: Path | None = None,
    deep: bool = False,
    system_volume_only: bool = False,
    on_message: OnMessage | None = None,
) -> dict[str, Any]:
    """Search an image for the identity of the old machine.

    Args:
        image: a disk image, a WIM or a folder that holds a Windows installation.
        opening: which Windows, and how to open the image.
        identity: whose remains to look for: what a generalize run saved; None for the image's own.
        deep: whether unallocated clusters are searched, too.
        system_volume_only: whether the disk's other volumes are left out.
        on_message: gets `{"step": …}`.
    """
    from reseal.proof.identity import MachineIdentity

    given = MachineIdentity.load(identity) if identity else None

    def job(found: Found) -> dict[str, Any]:
        from reseal.proof.verification import verify as prove

        return prove(found, given, deep=deep, system_volume_only=system_volume_only)

    if on_message:
        on_message({"step": "Searching the volumes"})
    return with_snapshots(look(image, job, opening, whole=True, on_message=on_message))


def with_snapshots(record: dict[str, Any]) -> dict[str, Any]:
    """Add the internal snapshots of the image to the verdict: each is an older disk that was not searched."""
    from reseal.proof.verification import NOT_CLEAN

    names = record["image"].get("snapshots")
    if not names:
        return record
    sentence = (
        f"The image holds internal snapshots, which were not searched: {', '.join(names)}. Each is a "
        "complete older disk; --delete-snapshots of generalize, sid, and customize deletes them, and a "
        "new image (--output) has none."
    )
    search = {**record["search"], "not_searched": [sentence, *record["search"]["not_searched"]]}
    failures = [*record["failures"], sentence]
    statement = f"{record['statement']} Internal snapshots were not searched: {', '.join(names)}."
    return {
        **record,
        "result": NOT_CLEAN,
        "statement": statement,
        "failures": failures,
        "search": search,
    }


def compare(
    images: Iterable[Path],
    opening: Opening | None = None,
    on_message: OnMessage | None = None,
) -> dict[str, Any]:
    """List the identities that images share; a folder without a Windows means the images in it.

    Args:
        images: images, and folders with images.
        opening: how to open the images; None for the defaults.
        on_message: gets a message before each image is read.

    Raises:
        UsageError: there is only one image.
    """
    from reseal.proof import comparison
    from reseal.wim import is_wim

    chosen = opening or Opening()
    if chosen.disks:
        msg = "--against compares machines, and --disk belongs to one of them."
        raise UsageError(msg, "Compare the disks that hold Windows.")
    listed = []
    for path in _expanded(images):
        if on_message:
            on_message({"step": f"Reading {path}"})
        own = chosen if is_wim(path) else replace(chosen, index=None)
        found = look(path, comparison.facts, own)
        listed.append({"path": str(path), **{k: v for k, v in found.items() if k != "image"}})
    return comparison.compare(listed)


def exit_code(record: Mapping[str, Any], *, strict: bool = False) -> int:
    """The exit code of the command line.

    0 if the image is clean (without `strict` also if it is as after Sysprep), or if images share
    nothing beyond their first boot; otherwise 3.
    """
    accepted = {"clean", "nothing shared", "shared until the first boot"}
    if not strict:
        accepted.add("as after Sysprep")
    return 0 if record["result"] in accepted else CheckError.exit_code


def _expanded(paths: Iterable[Path]) -> list[Path]:
    """Return every image once; a folder without a Windows means the images in it."""
    from reseal.disk.formats import EXTENSIONS

    found: dict[Path, Path] = {}
    for path in paths:
        inside = [path]
        if path.is_dir():
            images = sorted(one for one in path.iterdir() if one.suffix.lower() in EXTENSIONS)
            inside = images or [path]
        for one in inside:
            found.setdefault(one.resolve(), one)
    if len(found) < 2:
        msg = "There is only one image to compare."
        raise UsageError(msg, "Name at least one other image with --against.")
    return list(found.values())
