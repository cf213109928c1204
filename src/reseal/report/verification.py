"""What `reseal verify` found, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reseal.operations import sizes

_SHOWN = 20
_LEFT, _AS_SYSPREP, _REPLACED = "left behind", "as after Sysprep", "replaced at first boot"


# Complex: one sentence after the other, each with its condition.
def verification(record: dict[str, Any], *, verbose: bool) -> Iterator[str]:
    """Yield the lines of `reseal verify`; without `verbose` they fit a screen."""
    yield from _armed(record["armed"], verbose=verbose)
    search, counts = record["search"], record["counts"]
    size, seconds = sizes.shown(search["bytes_read"]), search["seconds"]
    yield (
        f"Searched {size} in {seconds:.1f} s for the identity from {record['identity']['source']}"
        f"{', unallocated clusters too' if search['deep'] else ''}."
    )
    for one in search["not_searched"]:
        yield f"  Not searched: {one}"
    if record["identity"]["source"] != "the identity file" and record["generalized"]:
        yield (
            "  Only the run that replaced the old name and MachineGuid knows them: give "
            "--identity FILE, from generalize --save-identity."
        )
    for verdict, count in counts.items():
        if count:
            yield f"{verdict[0].upper()}{verdict[1:]}: {count} place{'' if count == 1 else 's'}"
            if verdict in {_LEFT, _AS_SYSPREP} and not verbose:
                yield from _groups(record["groups"], verdict)
            else:
                yield from _places(record["hits"], verdict, verbose=verbose)
    for one in record["identities"]:
        count = len(one["places"])
        yield (
            f"Not removed: {one['what']} ({count} place{'' if count == 1 else 's'}), which every copy "
            f"shares; `{one['removed_by']}` removes it."
        )
    yield record["statement"]
    if record["result"] == "clean":
        yield "Clean: the image is armed, and nothing was found in what was searched."
    elif record["result"] == _AS_SYSPREP:
        yield f"As after Sysprep: the image is armed{_left_open(record)}"
    else:
        count = len(record["failures"])
        yield f"Not clean: {count} reason{'' if count == 1 else 's'}."
        return
    yield "Proved: structure and state. Not proved: a boot (Windows did not run here)."


def _left_open(record: dict[str, Any]) -> str:
    """What is left to Windows, and what every copy keeps."""
    asked = any(record["counts"][one] for one in (_AS_SYSPREP, _REPLACED))
    said = ", and Windows is asked to replace the machine SID." if asked else "."
    return f"{said} What was not removed is in every copy." if record["identities"] else said


def _groups(groups: list[dict[str, Any]], verdict: str) -> Iterator[str]:
    listed = [one for one in groups if one["verdict"] == verdict]
    for one in listed[:_SHOWN]:
        # The path of a file of Windows names its owner.
        owner = f", {one['owner']}" if one["owner"] not in {"", "Windows"} else ""
        # A place may hold it several times, so this is not the unit of the line above.
        times = "once" if one["places"] == 1 else f"{one['places']} times"
        yield f"  {one['kind']} {one['value']}: {times} in {one['path']}{owner}"
        if one["first"]:
            yield f"      {'at' if one['places'] == 1 else 'first at'} {one['first']}"
        yield f"      {one['advice']}"
    if len(listed) > _SHOWN:
        yield f"  and {len(listed) - _SHOWN} more groups; --verbose lists every place."


def _armed(parts: list[dict[str, Any]], *, verbose: bool) -> Iterator[str]:
    correct = sum(one["correct"] for one in parts)
    yield f"Armed state: {correct} of {len(parts)} values are as they must be."
    for one in parts:
        if one["correct"] and not verbose:
            continue
        sign = "ok   " if one["correct"] else "wrong"
        wanted = "" if one["correct"] else f", must be {one['expected']}"
        yield f"  {sign} {one['target']} is {_value(one['found'])}{wanted}"
        if verbose:
            yield f"        {one['meaning']} ({one['mark']})"


def _places(hits: list[dict[str, Any]], verdict: str, *, verbose: bool) -> Iterator[str]:
    listed = [one for one in hits if one["verdict"] == verdict]
    if not verbose:
        for reason in dict.fromkeys(one["reason"] for one in listed):
            yield f"  {reason}"
        return
    for one in listed:
        where = one["key"] or one["path"] or f"offset {one['offset']}"
        times = f", {one['count']} times" if one["count"] > 1 else ""
        yield f"  {one['kind']} {one['value']} in {where} ({one['place']}, {one['form']}{times})"
        if verdict != _LEFT:
            yield f"      {one['reason']} ({one['mark']})"


def _value(value: object) -> str:
    if value is None:
        return "missing"
    return " ".join(str(value).split()) or "empty"


def comparison(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of `reseal verify --against`: the images, and a table of what they share."""
    images = record["images"]
    letters = {one["path"]: _letter(index) for index, one in enumerate(images)}
    for one in images:
        state = "generalized" if one["generalized"] else "not generalized"
        sid = ", new SID at its next boot" if one["new_sid_at_next_boot"] else ""
        name = one["product_name"] or "Windows"
        yield f"{letters[one['path']]:>3}  {one['path']} ({name}, {state}{sid})"
    yield ""
    if record["shared"]:
        width = max(len(str(row["value"])) for row in record["shared"])
        heads = " ".join(f"{letter:>2}" for letter in letters.values())
        yield f"{'shared':<24} {'value':<{width}} {heads}  verdict"
        for row in record["shared"]:
            marks = " ".join(" x" if path in row["images"] else " ." for path in letters)
            verdict = "shared" if row["verdict"] == _LEFT else row["verdict"]
            yield f"{row['kind']:<24} {row['value']:<{width}} {marks}  {verdict}"
        yield ""
    yield from _conclusion(record)


def _conclusion(record: dict[str, Any]) -> Iterator[str]:
    if record["result"] == "nothing shared":
        yield "These images share no identity."
    elif record["result"] == "shared until the first boot":
        yield (
            "Until their first boot these images share what the table says, as copies of one generalized "
            "image do. setupcl.exe is asked for a new SID, and specialize names each machine."
        )
        if any(row["kind"] == "MachineGuid" for row in record["shared"]):
            yield (
                "Whether specialize replaces a MachineGuid that is there is not known; `reseal clone` gives "
                "each machine its own."
            )
    else:
        yield "These images share identities: they were copied without being generalized."


def _letter(index: int) -> str:
    """Name a column: A, B and so on to Z, then AA, AB."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
