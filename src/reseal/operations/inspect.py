"""The content of an image: every Windows in it, and one of them in full."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reseal.errors import ImageError
from reseal.operations.operation import Opening, look_at_all

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.run.opening import Found
    from reseal.windows import Installation


#: What is described of one Windows only.
_NOTHING = dict.fromkeys(("identity", "identities", "state", "hives", "storage", "volume"))


def inspect(image: Path, opening: Opening | None = None) -> dict[str, Any]:
    """Describe the content of an image, as `inspection` does.

    A WIM, and an ISO with one, has `images` in addition, as `reseal.run.wim.images` returns them. If it
    has several and none was chosen, only they are described.
    """
    from reseal.disk.iso import install_image

    with install_image(image) as found:
        record = _inspected(found, opening or Opening())
    if found is not image:
        record["image"] = {**record["image"], "path": str(image), "inside": found.name}
    return record


def _inspected(image: Path, chosen: Opening) -> dict[str, Any]:
    from reseal.wim import is_wim

    more: dict[str, Any] = {}
    if is_wim(image):
        from reseal.run.wim import images

        more = {"images": images(image)}
        if chosen.index is None and len(more["images"]) != 1:
            facts = {"path": str(image), "format": "wim", "size": image.stat().st_size}
            return {"image": facts, **more, "windows": [], **_NOTHING}
    look = look_at_all(image, lambda found: inspection(found, chosen.volume, str(image)), chosen)
    return {**look, **more}


def inspection(found: list[Found], volume: str | None, subject: str) -> dict[str, Any]:
    """Describe every installation, and one of them in full.

    Args:
        found: the installations of the image.
        volume: the volume of the chosen installation; None where none was chosen.
        subject: the image's name in errors.

    Returns:
        `windows`: a list with volume, root, product_name, edition, version, build, architecture and
        install_type of each; `identity`, `identities` (what providers know to identify it, as
        `reseal.providers.identities` describes them), `state`, `hives` and `storage` (its drivers) of
        the chosen one, or of the only one. Where there are several and none was chosen, these are
        None. What an image lacks is None.

    Raises:
        CheckError: `volume` names no installation, or several.
    """
    from reseal.providers.identities import find
    from reseal.run.opening import choose
    from reseal.windows.identity import Identity
    from reseal.windows.names import MACHINE_HIVES
    from reseal.windows.setup import SetupState, new_sid_pending

    chosen = found[0] if len(found) == 1 and volume is None else None
    if volume is not None:
        chosen = choose(found, volume, subject)
    record: dict[str, Any] = {"windows": [windows_facts(one.installation) for one in found]}
    if chosen is None:
        return {**record, **_NOTHING}
    installation = chosen.installation
    # Hives first: opening them tells which ones exist, and which are damaged.
    hives = {name: _hive(installation, name) for name in (*MACHINE_HIVES, *_profiles(installation))}
    identity = Identity.of(installation.registry)
    sid = identity.machine_sid
    return {
        **record,
        "identity": {
            "computer_name": identity.computer_name,
            "machine_sid": str(sid) if sid else None,
            "new_sid_at_next_boot": new_sid_pending(installation.registry),
            "machine_guid": identity.machine_guid,
            "domain": asdict(identity.domain),
        },
        "identities": [one.to_json() for one in find(installation)],
        "state": asdict(SetupState.of(installation)),
        "hives": {name: state for name, state in hives.items() if state is not None},
        "storage": storage(installation),
        "volume": asdict(chosen.state) if chosen.state else None,
    }


def windows_facts(installation: Installation) -> dict[str, Any]:
    """Describe an installation; None stands for whatever its hives don't show, such as damaged ones."""

    def fact(name: str) -> Any:
        try:
            return getattr(installation, name)
        except ImageError:
            return None

    names = ("product_name", "edition", "version", "build", "architecture", "install_type")
    return {
        "volume": installation.volume,
        "root": installation.root,
        **{name: fact(name) for name in names},
    }


def _profiles(installation: Installation) -> list[str]:
    return [sid for sid in installation.registry.profiles if sid != "S-1-5-18"]


def _hive(installation: Installation, name: str) -> dict[str, Any] | None:
    try:
        loaded = installation.registry.load(name)
    except ImageError as error:
        return {"file": None, "dirty": None, "log_entries_applied": None, "error": error.message}
    if loaded is None:
        return None
    recovery = loaded.hive.recovery
    return {
        "file": loaded.file,
        "dirty": recovery.dirty,
        "log_entries_applied": recovery.entries_applied,
        "error": None,
    }


def storage(installation: Installation) -> dict[str, Any] | None:
    """The drivers of an image for the storage controllers of common machines; None if unknown.

    Returns:
        `controllers`: name, machines, ready (`starts`, `switched off`, `missing`) and services of each;
        `others`: drivers of other controllers that start at boot.
    """
    from reseal.drivers.storage import other_drivers, storage_drivers

    def exists(path: str) -> bool:
        stat = installation.tree.stat(path)
        return stat is not None and not stat.is_directory

    try:
        found = storage_drivers(installation.registry, exists)
        if not found:
            return None
        others = other_drivers(installation.registry, exists, found)
    except ImageError:
        return None
    controllers = [
        {
            "name": one.controller.name,
            "machines": one.controller.machines,
            **{name: value for name, value in asdict(one).items() if name != "controller"},
        }
        for one in found
    ]
    return {"controllers": controllers, "others": others}
