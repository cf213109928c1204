"""Records as text that fits a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reseal.operations import sizes
from reseal.report import drivers
from reseal.report.outcome import capped, plural, short

_BLANK = " " * 10
_WORDS = {True: "yes", False: "no", None: "unknown"}


# Complex: one condition for each of the facts that an image may lack.
def inspection(record: dict[str, Any], *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines of `reseal inspect`."""
    image = record["image"]
    size = f", {sizes.shown(image['size'])}" if image["size"] else ""
    yield f"Image     {image['path']} ({image['format']}{size})"
    if "inside" in image:
        yield f"Medium    {image['inside']} of an ISO"
    if archive := image.get("archive"):
        told = [archive.get("firmware", "").upper(), archive.get("controller")]
        if "unpacked" in archive:
            told.append(f"{sizes.shown(archive['unpacked'])}, unpacked for this run")
        shown = ", ".join(filter(None, told))
        yield f"Archive   {archive['disk']}{f' ({shown})' if shown else ''}"
    for number, one in enumerate(record.get("images", ())):
        yield f"{'' if number else 'Images':<9} {_wim_image(one)}"
    for one in record["windows"]:
        yield from _windows(one)
    if record["identity"] is None and not record["windows"]:
        yield "          Choose one with --index to see its identity and state."
        return
    if record["identity"] is None:
        yield "          Choose one with --volume to see its identity and state."
        return
    yield from _whole(record, verbose=verbose)


def _whole(record: dict[str, Any], *, verbose: bool) -> Iterator[str]:
    """Yield the lines about the chosen Windows."""
    yield from _identity(record["identity"])
    yield from capped(_identities(record["identities"]), verbose=verbose, indent=_BLANK)
    state = record["state"]
    yield f"State     {state['image_state'] or 'ImageState unknown'}"
    yield (
        f"          GeneralizationState {_shown(state['generalization_state'])}, "
        f"SetupType {_shown(state['setup_type'])}, CmdLine {state['cmd_line'] or 'empty'}"
    )
    yield from capped(_hives(record["hives"]), verbose=verbose, what="hive", indent=_BLANK)
    if record["storage"]:
        yield from drivers.storage_lines(record["storage"])
    volume = record["volume"] or {"dirty": False, "hibernation": "none"}
    if volume["dirty"]:
        yield "Volume    marked dirty: Windows wants to check it"
    if volume["hibernation"] != "none":
        yield f"Volume    Windows was not shut down fully ({volume['hibernation']})"
    if volume.get("encrypted"):
        yield "Volume    encrypted with BitLocker"


def _wim_image(one: dict[str, Any]) -> str:
    build = f"build {one['build']}" if one["build"] else None
    size = sizes.shown(one["bytes"]) if one["bytes"] else None
    details = ", ".join(filter(None, (build, one["architecture"], one["edition"], size)))
    name = one["name"] or "without a name"
    return f"{one['index']}  {name}{f' ({details})' if details else ''}"


def brief(record: dict[str, Any]) -> str:
    """Return what an image holds, in a few words."""
    if record["identity"] is None:
        images = record.get("images")
        return plural(
            len(images or record["windows"]), "image" if images else "Windows installation"
        )
    identity, (windows, *_) = record["identity"], record["windows"]
    name = windows["product_name"] or "Windows"
    state = record["state"]["image_state"] or "ImageState unknown"
    return f"{identity['computer_name'] or 'without a name'}, {name}, {state}"


def _hives(hives: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, hive in hives.items():
        if hive["error"]:
            yield f"Hive      {name}: {hive['error']}"
        elif hive["dirty"]:
            yield f"Hive      {name} is dirty, {hive['log_entries_applied']} log entries apply"


def _windows(windows: dict[str, Any]) -> Iterator[str]:
    name = windows["product_name"] or "Windows (no SOFTWARE hive)"
    details = [windows["version"], f"build {windows['build']}" if windows["build"] else None]
    details += [windows["architecture"], windows["edition"]]
    shown = ", ".join(detail for detail in details if detail)
    yield f"Windows   {name}{f' ({shown})' if shown else ''}"
    yield f"          volume {windows['volume']}, folder {windows['root']}"


def _identity(identity: dict[str, Any]) -> Iterator[str]:
    domain = identity["domain"]
    joined = f"member of {domain['name']}" if domain["joined"] else _WORDS[domain["joined"]]
    yield f"Identity  name {identity['computer_name'] or 'unknown'}"
    pending = ", replaced at the next boot" if identity["new_sid_at_next_boot"] else ""
    yield f"          machine SID {identity['machine_sid'] or 'unknown'}{pending}"
    yield f"          MachineGuid {identity['machine_guid'] or 'unknown'}"
    yield f"          in a domain: {joined}"


def _identities(identities: list[dict[str, Any]]) -> Iterator[str]:
    for index, one in enumerate(identities):
        head = "Also" if not index else ""
        places = plural(len(one["places"]), "place")
        yield f"{head:<9} {one['what']} ({places}; {one['removed_by']})"


def checks(record: dict[str, Any], *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines of `reseal check`: the verdict, then errors, warnings and notes."""
    windows = record["windows"]
    found: dict[str, list[dict[str, Any]]] = {}
    for one in record["checks"]:
        found.setdefault(one["level"], []).append(one)
    counts = ", ".join(plural(len(found.get(level, ())), level) for level in _LEVELS)
    yield f"This image {_verdict(found.get('error', []))}"
    name = windows["product_name"] or "Windows"
    build = f", build {windows['build']}" if windows["build"] else ""
    image = record["image"]["path"]
    yield f"{image}: {name}{build} (volume {windows['volume']}, {windows['root']})"
    yield f"{counts}; {plural(len(found.get('ok', ())), 'check')} found nothing."
    for level in _LEVELS[:2]:
        for one in found.get(level, ()):
            yield ""
            yield from _finding(one, verbose=verbose)
    notes = found.get("note", [])
    if notes:
        yield ""
    if verbose:
        for one in notes:
            yield from _finding(one, verbose=True)
        return
    yield from short(f"Note: {one['message']} [{one['check']}]" for one in notes)


_LEVELS = ("error", "warning", "note")


def _verdict(errors: list[dict[str, Any]]) -> str:
    if not errors:
        return "can be generalized."
    if any(one["damaged"] for one in errors):
        return "is damaged, and can't be generalized as it is."
    return "can't be generalized as it is; --force CHECK overrides an error by name."


def checks_verdict(record: dict[str, Any]) -> str:
    """Return what the checks of an image found, in a few words."""
    levels = [one["level"] for one in record["checks"]]
    counts = ", ".join(plural(levels.count(level), level) for level in _LEVELS[:2])
    errors = [one for one in record["checks"] if one["level"] == "error"]
    return f"{_verdict(errors).partition(';')[0].rstrip('.')} ({counts})"


def _finding(one: dict[str, Any], *, verbose: bool) -> Iterator[str]:
    code = f", {one['code']}" if one["code"] else ""
    yield f"{one['level'].capitalize()}: {one['message']} [{one['check']}{code}]"
    if one["hint"]:
        yield f"  What to do: {one['hint']}"
    if one["sysprep_says"]:
        yield f"  Sysprep: {one['sysprep_says']}"
    items = (f"    - {item}" for item in one["items"])
    yield from capped(items, verbose=verbose, indent="    ")


def _shown(value: object) -> str:
    return "missing" if value is None else str(value)
