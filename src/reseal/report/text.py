"""Records as text that fits a terminal."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

from reseal.report import answer_file, customization, drivers, sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS = {True: "yes", False: "no", None: "unknown"}
_NAMES_SHOWN = 12
_WIDTH = 96


def inspection(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of `reseal inspect`."""
    image = record["image"]
    size = f", {sizes.shown(image['size'])}" if image["size"] else ""
    yield f"Image     {image['path']} ({image['format']}{size})"
    for one in record["windows"]:
        name = one["product_name"] or "Windows (no SOFTWARE hive)"
        details = [one["version"], f"build {one['build']}" if one["build"] else None]
        details += [one["architecture"], one["edition"]]
        shown = ", ".join(detail for detail in details if detail)
        yield f"Windows   {name}{f' ({shown})' if shown else ''}"
        yield f"          volume {one['volume']}, folder {one['root']}"
    if record["identity"] is None:
        yield "          Choose one with --volume to see its identity and state."
        return
    identity, state = record["identity"], record["state"]
    domain = identity["domain"]
    joined = f"member of {domain['name']}" if domain["joined"] else _WORDS[domain["joined"]]
    yield f"Identity  name {identity['computer_name'] or 'unknown'}"
    pending = ", replaced at the next boot" if identity["new_sid_at_next_boot"] else ""
    yield f"          machine SID {identity['machine_sid'] or 'unknown'}{pending}"
    yield f"          MachineGuid {identity['machine_guid'] or 'unknown'}"
    yield f"          in a domain: {joined}"
    yield f"State     {state['image_state'] or 'ImageState unknown'}"
    yield (
        f"          GeneralizationState {_shown(state['generalization_state'])}, "
        f"SetupType {_shown(state['setup_type'])}, CmdLine {state['cmd_line'] or 'empty'}"
    )
    for name, hive in record["hives"].items():
        if hive["error"]:
            yield f"Hive      {name}: {hive['error']}"
        elif hive["dirty"]:
            yield f"Hive      {name} is dirty, {hive['log_entries_applied']} log entries apply"
    if record["storage"]:
        yield from drivers.storage_lines(record["storage"])
    volume = record["volume"]
    if volume and volume["dirty"]:
        yield "Volume    marked dirty: Windows wants to check it"
    if volume and volume["hibernation"] != "none":
        yield f"Volume    Windows was not shut down fully ({volume['hibernation']})"


def checks(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of `reseal check`: errors first, then warnings and notes."""
    windows = record["windows"]
    name = windows["product_name"] or "Windows"
    build = f", build {windows['build']}" if windows["build"] else ""
    yield f"{record['image']['path']}: {name}{build} (volume {windows['volume']}, {windows['root']})"
    found: dict[str, list[dict[str, Any]]] = {}
    for one in record["checks"]:
        found.setdefault(one["level"], []).append(one)
    for level in ("error", "warning", "note"):
        for one in found.get(level, ()):
            yield ""
            code = f" ({one['code']})" if one["code"] else ""
            yield f"{level.capitalize():<8} {one['check']}{code}"
            yield f"    {one['message']}"
            yield from (f"      - {item}" for item in one["items"])
            if one["sysprep_says"]:
                yield f"    Sysprep: {one['sysprep_says']}"
            if one["hint"]:
                yield f"    What to do: {one['hint']}"
    yield ""
    counts = {level: len(found.get(level, ())) for level in ("error", "warning", "note")}
    shown = ", ".join(
        f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items()
    )
    yield f"{shown}; {len(found.get('ok', ()))} checks found nothing."
    if not counts["error"]:
        yield "This image can be generalized."
    elif any(one["damaged"] for one in found["error"]):
        yield "This image is damaged, and can't be generalized as it is."
    else:
        yield "This image can't be generalized as it is; --force CHECK overrides an error by name."


def generalization(
    record: dict[str, Any], *, dry_run: bool, output: str | None, verbose: bool = False
) -> Iterator[str]:
    """Yield the lines of `reseal generalize`; without `verbose` they fit a screen."""
    for one in record["checks"]:
        if one["level"] in {"warning", "note"}:
            yield f"{one['level'].capitalize()}: {one['message']}"
    if record["unattend"]:
        yield from answer_file.lines(record)
    if record["drivers"]:
        yield from drivers.added_lines(record["drivers"])
    if record["result"] == "already generalized":
        done = "the answer file is in it now" if record["unattend"] else "nothing was changed"
        if record["drivers"]:
            done = "the drivers are in it now"
        if record["sid"]:
            done = f"its machine SID is {record['sid']['new']} now"
        yield f"{record['image']['path']} is generalized already; {done}."
        return
    if verbose:
        for change in record["changes"]:
            yield f"  {change['provider']}: {change['kind'].replace('_', ' ')} {change['target']}"
            yield f"      {_state(change['before'])} -> {_state(change['after'])} ({change['mark']})"
    by_provider = Counter(change["provider"] for change in record["changes"])
    total = len(record["changes"])
    yield f"{total} change{'' if total == 1 else 's'}, by provider:"
    counts = ", ".join(f"{provider} {count}" for provider, count in by_provider.items())
    yield from textwrap.wrap(
        counts,
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    coverage = record["coverage"]
    yield (
        f"The image's own plan: {len(coverage['declarative'])} declarative actions, "
        f"{len(coverage['emulated'])} entry points emulated, "
        f"{len(coverage['left_to_windows'])} left to Windows, "
        f"{len(coverage['not_carried_out'])} not carried out, "
        f"{len(coverage['nothing_to_do'])} with nothing to do, "
        f"{len(coverage['unknown'])} unknown."
    )
    if coverage["unknown"]:
        shown = coverage["unknown"][:_NAMES_SHOWN]
        more = len(coverage["unknown"]) - len(shown)
        yield f"Unknown: {', '.join(shown)}{f' and {more} more' if more else ''}."
    if coverage["disabled"]:
        yield f"Entry points switched off: {', '.join(coverage['disabled'])}."
    for note in record["notes"]:
        yield f"Note: {note}"
    total = record["timings"]["total"]
    if dry_run:
        yield f"Nothing was written: a dry run of {total:.2f} s."
        return
    files = record["written"]["files"]
    yield (
        f"Written: {', '.join(record['written']['hives'])}; files created "
        f"{files['files_created']}, deleted {files['files_deleted']}, overwritten "
        f"{files['files_overwritten']}, renamed {files['files_renamed']}."
    )
    yield from customization.space(record)
    where = output or record["image"]["path"]
    yield (
        f"{where} is generalized ({total:.2f} s). Its next boot runs specialize, then "
        f"{'audit mode' if record['target'] == 'audit' else 'OOBE'}."
    )
    if record["sid"]:
        yield f"Its machine SID is {record['sid']['new']} now; setupcl.exe has nothing to replace."
    yield "Proved: structure and state. Not proved: a boot (Windows did not run here)."


def _shown(value: object) -> str:
    return "missing" if value is None else str(value)


def _state(value: object) -> str:
    """What was or is there, on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return " ".join(str(one) for one in value.values())
    return str(value)
