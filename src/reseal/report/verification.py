"""What `reseal verify` found, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reseal.operations import sizes
from reseal.report.outcome import (
    MOST,
    PROVED,
    Warned,
    capped,
    more,
    plural,
    short,
    some,
    warned,
    with_items,
)

_LEFT, _AS_SYSPREP, _REPLACED = "left behind", "as after Sysprep", "replaced at first boot"


def verification(record: dict[str, Any], *, verbose: bool) -> Iterator[str]:
    """Yield the lines of `reseal verify`: the verdict, its reasons, then what was searched."""
    yield from _verdict(record)
    yield from _reasons(record, verbose=verbose)
    leftovers = [Warned(with_items(one), one["hint"]) for one in record["leftovers"]]
    yield from warned(leftovers, verbose=verbose)
    yield from short(_details(record, verbose=verbose), verbose=verbose)
    if verbose:
        yield from _every(record)


def _verdict(record: dict[str, Any]) -> Iterator[str]:
    if record["result"] == "clean":
        yield "Clean: the image is armed, and nothing was found in what was searched."
    elif record["result"] == _AS_SYSPREP:
        asked = any(record["counts"][one] for one in (_AS_SYSPREP, _REPLACED))
        rest = ", and Windows is asked to replace the machine SID." if asked else "."
        copies = " What was not removed is in every copy." if record["identities"] else ""
        yield f"As after Sysprep: the image is armed{rest}{copies}"
    else:
        yield f"Not clean: {plural(len(record['failures']), 'reason')}."
    yield record["statement"]
    if record["result"] in {"clean", _AS_SYSPREP}:
        yield PROVED


def brief(record: dict[str, Any]) -> str:
    """Return the verdict in a few words."""
    if record["failures"]:
        return f"{record['result']} ({plural(len(record['failures']), 'reason')})"
    return str(record["result"])


def _reasons(record: dict[str, Any], *, verbose: bool) -> Iterator[str]:
    """Yield what makes an image unclean: values of the armed state, what was left behind, and the rest."""
    wrong = [one for one in record["armed"] if not one["correct"]]
    left = [one for one in record["groups"] if one["verdict"] == _LEFT]
    armed = (
        f"  Wrong: {one['target']} is {_value(one['found'])}, must be {one['expected']}"
        for one in wrong
    )
    yield from capped(armed, verbose=verbose, what="value", indent="  ")
    if wrong:
        yield "    What to do: `reseal generalize` arms the image."
    for one in left if verbose else left[:MOST]:
        yield f"  Left behind: {_group(one)}"
        if one["first"]:
            yield f"    {'At' if one['places'] == 1 else 'First at'} {one['first']}"
        if one["advice"]:
            yield f"    What to do: {one['advice']}"
    if not verbose and len(left) > MOST:
        yield f"  {more(len(left) - MOST, 'place')}"
    # In the order in which the proof lists them.
    yield from (f"  {failure}" for failure in record["failures"][len(wrong) + len(left) :])


def _details(record: dict[str, Any], *, verbose: bool) -> Iterator[str]:
    for one in record["identities"]:
        yield (
            f"Not removed: {one['what']} ({plural(len(one['places']), 'place')}), which every copy "
            f"shares; `{one['removed_by']}` removes it."
        )
    if record["identity"]["source"] != "the identity file" and record["generalized"]:
        yield (
            "Only the run that replaced the old name and MachineGuid knows them: give --identity FILE, "
            "from generalize --save-identity."
        )
    parts = record["armed"]
    correct = sum(one["correct"] for one in parts)
    yield f"Armed state: {correct} of {len(parts)} values are as they must be."
    search, source = record["search"], record["identity"]["source"]
    size, deep = sizes.shown(search["bytes_read"]), search["deep"]
    yield (
        f"Searched {size} in {search['seconds']:.1f} s for the identity from {source}"
        f"{', unallocated clusters too' if deep else ''}."
    )
    for one in search["not_searched"]:
        yield f"Not searched: {one}"
    yield from _as_sysprep(record["groups"])
    for verdict, count in record["counts"].items():
        if count and verdict not in {_LEFT, _AS_SYSPREP} and not verbose:
            reasons = dict.fromkeys(
                one["reason"] for one in record["hits"] if one["verdict"] == verdict
            )
            said = f"{verdict[0].upper()}{verdict[1:]}: {plural(count, 'place')}"
            yield f"{said}. {some(list(reasons), 2)}"


def _as_sysprep(groups: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the groups that Sysprep leaves, too. Many share what to do, which is said once."""
    listed = [one for one in groups if one["verdict"] == _AS_SYSPREP]
    for advice in dict.fromkeys(one["advice"] for one in listed):
        for one in listed:
            if one["advice"] == advice:
                yield f"As after Sysprep: {_group(one)}"
        if advice:
            yield f"  What to do: {advice}"


def _every(record: dict[str, Any]) -> Iterator[str]:
    """Yield every value of the armed state, and every place that was found."""
    for one in record["armed"]:
        sign = "ok   " if one["correct"] else "wrong"
        yield f"  {sign} {one['target']} is {_value(one['found'])}"
        yield f"        {one['meaning']} ({one['mark']})"
    for verdict, count in record["counts"].items():
        if count:
            yield f"{verdict[0].upper()}{verdict[1:]}: {plural(count, 'place')}"
            yield from _places(record["hits"], verdict)


def _group(one: dict[str, Any]) -> str:
    # The path of a file of Windows names its owner.
    owner = f", {one['owner']}" if one["owner"] not in {"", "Windows"} else ""
    # A place may hold it several times, so this is not the number of places.
    times = "once" if one["places"] == 1 else f"{one['places']} times"
    first = f", {'at' if one['places'] == 1 else 'first at'} {one['first']}" if one["first"] else ""
    return f"{one['kind']} {one['value']}: {times} in {one['path']}{owner}{first}."


def _places(hits: list[dict[str, Any]], verdict: str) -> Iterator[str]:
    for one in (hit for hit in hits if hit["verdict"] == verdict):
        where = one["key"] or one["path"] or f"offset {one['offset']}"
        times = f", {one['count']} times" if one["count"] > 1 else ""
        yield f"  {one['kind']} {one['value']} in {where} ({one['place']}, {one['form']}{times})"
        if verdict != _LEFT:
            yield f"      {one['reason']} ({one['mark']})"


def _value(value: object) -> str:
    if value is None:
        return "missing"
    return " ".join(str(value).split()) or "empty"


def comparison(record: dict[str, Any], *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines of `reseal verify --against`: the verdict, the images, and what they share."""
    yield from _conclusion(record)
    yield ""
    yield from capped(_images(record), verbose=verbose, what="image", indent="     ")
    if not record["shared"]:
        return
    yield ""
    if verbose or len(record["images"]) <= _COLUMNS:
        yield from _table(record, verbose=verbose)
        return
    for row in record["shared"][:MOST]:
        yield f"{row['kind']} {row['value']}: shared by {plural(len(row['images']), 'image')}"
    if len(record["shared"]) > MOST:
        yield more(len(record["shared"]) - MOST, "identity")


#: A table with more images is too wide for a terminal.
_COLUMNS = 12


def _images(record: dict[str, Any]) -> Iterator[str]:
    for index, one in enumerate(record["images"]):
        state = "generalized" if one["generalized"] else "not generalized"
        sid = ", new SID at its next boot" if one["new_sid_at_next_boot"] else ""
        name = one["product_name"] or "Windows"
        yield f"{_letter(index):>3}  {one['path']} ({name}, {state}{sid})"


def _table(record: dict[str, Any], *, verbose: bool) -> Iterator[str]:
    letters = {one["path"]: _letter(index) for index, one in enumerate(record["images"])}
    width = max(len(str(row["value"])) for row in record["shared"])
    heads = " ".join(f"{letter:>2}" for letter in letters.values())
    yield f"{'shared':<24} {'value':<{width}} {heads}  verdict"
    for row in record["shared"] if verbose else record["shared"][: 2 * MOST]:
        marks = " ".join(" x" if path in row["images"] else " ." for path in letters)
        verdict = "shared" if row["verdict"] == _LEFT else row["verdict"]
        yield f"{row['kind']:<24} {row['value']:<{width}} {marks}  {verdict}"
    if not verbose and len(record["shared"]) > 2 * MOST:
        yield more(len(record["shared"]) - 2 * MOST, "identity")


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
