"""Show and edit the boot configuration data of an image, or of a store in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from reseal.operations.record import COMPLETENESS, DRY_RUN, NOT_PROVED, RunRecord, blank

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.bcd import Store
    from reseal.bcd.notation import Places
    from reseal.operations.operation import Writing
    from reseal.run.boot import StoreJob

_PROVED = (
    "Structure: the store was verified before it was written, and read back afterwards.",
    COMPLETENESS,
)


def show(
    target: Path, *, everything: bool = False, plain: bool = True, allow_backing: bool = False
) -> dict[str, Any]:
    """List the boot entries of every store.

    Args:
        target: a disk image, or a store.
        everything: whether every object is listed, not only what the menu shows.
        plain: whether to return `objects`, plain data, rather than `lines`.
        allow_backing: whether backing files may be outside the image's folder.
    """
    from reseal.bcd import listing, to_json
    from reseal.run import boot

    def look(store: Store, places: Places) -> dict[str, Any]:
        if plain:
            return {"objects": to_json(store, everything=everything, places=places)}
        return {"lines": list(listing(store, everything=everything, places=places))}

    return boot.read(target, look, allow_backing=allow_backing)


def set_element(
    target: Path, identifier: str, element: str, value: str, writing: Writing
) -> dict[str, Any]:
    """Set an element of an object; `writing.volume` is the store: its volume, `uefi` or `bios`.

    Args:
        target: a store's file, or an image.
        identifier: bcdedit's name of the object.
        element: bcdedit's name of the element.
        value: in bcdedit's syntax.
        writing: how the target is opened, and where the changed one goes.

    Raises:
        ImageError: the image has no store, or the store is damaged.
        UsageError: the object or element does not exist, the element can't hold the value, or the image
            has several stores and none was chosen.
    """
    from reseal.bcd import set_element as edit

    return _edited(
        target,
        lambda store, places: edit(
            store, places, identifier=identifier, element=element, value=value
        ),
        writing,
    )


def delete_element(target: Path, identifier: str, element: str, writing: Writing) -> dict[str, Any]:
    """Delete an element of an object; see `set_element`."""
    from reseal.bcd import delete_element as edit

    return _edited(
        target,
        lambda store, places: edit(store, places, identifier=identifier, element=element),
        writing,
    )


def _edited(target: Path, job: StoreJob, writing: Writing) -> dict[str, Any]:
    from reseal.run import boot

    switches = frozenset({"discard-hibernation"} if writing.discard_hibernation else ())
    return boot.change(target, job, writing.options(switches=switches))


def record(command: str, done: dict[str, Any], *, dry_run: bool) -> RunRecord:
    """Convert the result of an edit of a store to the record that `--report` keeps.

    Args:
        command: such as `bcd set`.
        done: what `set_element` or `delete_element` returned.
        dry_run: whether nothing was written.
    """
    target = f"{done['path']}: {done['object']} {done['element']}"
    before, after = (
        None if lines is None else ", ".join(lines) for lines in (done["before"], done["after"])
    )
    changed = bool(done["changed"])
    where = "is absent" if after is None else f"is {after}"
    timings = done["timings"]
    found: dict[str, Any] = {
        **blank(command),
        "image": done["image"],
        "result": DRY_RUN if dry_run else "changed" if changed else "unchanged",
        "summary": f"{done['object']} {done['element']} {where}.",
        "changes": [
            {
                "provider": "bcd",
                "kind": "set_boot_element" if after is not None else "delete_boot_element",
                "target": target,
                "before": before,
                "after": after,
                "mark": "documented",
            }
        ]
        if changed
        else [],
        "written": {"hives": [target.partition(":")[0]], "files": None}
        if done["written"]
        else None,
        "traffic": done["traffic"],
        "timings": {**timings, "total": sum(timings.values())},
        "proved": list(_PROVED),
        "not_proved": list(NOT_PROVED[:1]),
    }
    return cast("RunRecord", found)
