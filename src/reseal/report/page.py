"""The record of a run as one self-contained page.

Everything that comes from an image is hostile: the template escapes all of it, and the page's own
policy forbids whatever is not part of it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from reseal.operations import sizes
from reseal.operations.record import DRY_RUN
from reseal.sysprep.entry_points import REASONS

_PACKAGE = "reseal.report"
#: A value above this is shortened; the record as JSON has all of it.
_LONGEST = 400
_LONGEST_HEX = 48
_STATE_ROWS = (
    ("Image state", "image_state"),
    ("Generalization state", "generalization_state"),
    ("Setup type", "setup_type"),
    ("Boot command", "cmd_line"),
    ("OOBE in progress", "oobe_in_progress"),
    ("Audit boot", "audit_boot"),
)
_IDENTITY_ROWS = (
    ("Computer name", "computer_name"),
    ("Machine SID", "machine_sid"),
    ("MachineGuid", "machine_guid"),
    ("Product id", "product_id"),
    ("MAC addresses", "mac_addresses"),
)
#: Widths in units of the chart's own coordinates.
_CHART, _ROW, _LINK = 640, 44, 40
#: The class and the sign of a stage of the boot, by its result: told apart without colours, too.
_KINDS = {
    "passes": "passes",
    "can't be told": "unclear",
    "would ask": "asks",
    "would wait": "asks",
    "would stop": "stops",
}
_SIGNS = {
    "passes": "✓",
    "can't be told": "?",
    "would ask": "!",
    "would wait": "!",
    "would stop": "✗",
}
_PLAN = (
    ("declarative", "Declarative actions, run as they are written"),
    ("emulated", "Entry points of DLLs, emulated offline"),
    ("left_to_windows", "Left to Windows"),
    ("not_carried_out", "Not carried out, here or at the next boot"),
    ("nothing_to_do", "With nothing to do in a powered-off image"),
    ("disabled", "Switched off for this run"),
    ("unknown", "Unknown"),
)


def render(record: Mapping[str, Any]) -> str:
    """Return the page of a run's record, as `reseal.operations.record` describes it."""
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "value": _value,
        "seconds": _seconds,
        "size": sizes.shown,
        "hash": _hash,
    }
    style, script = (Markup(_source(name)) for name in ("page.css", "page.js"))  # noqa: S704  our own
    return environment.get_template("page.html").render(
        record=record,
        style=style,
        script=script,
        verdict=_verdict(record),
        rows=_before_and_after(record),
        sid=_sid(record),
        answers=record.get("unattend"),
        drivers=record.get("drivers") or (),
        chain=_chain(record.get("rehearsal")),
        checks=record.get("checks") or (),
        groups=_groups(record["changes"]),
        timings=_timings(record["timings"]),
        plan=_plan(record),
        marks=Counter(one["mark"] for one in record["changes"]),
        proved=record["proved"] if record["written"] else (),
    )


#: Sections that are open, so that readers notice them.
_OPEN = {"left_to_windows", "not_carried_out", "unknown"}


def _source(name: str) -> str:
    return resources.files(_PACKAGE).joinpath("templates", name).read_text("utf-8")


def _hash(text: str) -> str:
    """The hash that lets the page's policy allow its own style and script."""
    digest = hashlib.sha256(str(text).encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


def _verdict(record: Mapping[str, Any]) -> tuple[str, str]:
    """The state, which selects a colour, and the sentence at the head of the page."""
    if record["result"] == DRY_RUN:
        return "note", "A dry run: nothing was written. This is what a run would do."
    return "good" if record["written"] else "note", record["summary"]


def _before_and_after(record: Mapping[str, Any]) -> list[tuple[str, object, object, str]]:
    before, after = record["before"], record["after"]
    rows = []
    for part, names in (("identity", _IDENTITY_ROWS), ("state", _STATE_ROWS)):
        for title, name in names if before else ():
            old, new = before[part][name], after[part][name]
            note = ""
            if name == "machine_sid" and after["new_sid_at_next_boot"]:
                note = "Windows' setupcl.exe replaces it at the next boot"
            rows.append((title, old, new, note))
    return rows


def _plan(record: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]], bool]] | None:
    """The outcome of the image's own plan; None if the command does not run it."""
    if "coverage" not in record:
        return None
    return [(title, _steps(record, name), name in _OPEN) for name, title in _PLAN]


def _steps(record: Mapping[str, Any], name: str) -> list[tuple[str, str]]:
    """The steps of one kind, with the reason where one is known."""
    reasons = {what.value: table for what, table in REASONS.items()}.get(name, {})
    return [(one, reasons.get(one.lower(), "")) for one in record["coverage"].get(name) or ()]


def _sid(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """The places where the machine SID was replaced, with the action; None if it was not replaced."""
    sid = record.get("sid") or record.get("sid_change")
    sid = sid or (record if "descriptors" in record else None)
    if not sid:
        return None
    rows = [
        (path, ", ".join(f"{count} × {kind}" for kind, count in counts.items()) or "nothing")
        for path, counts in sid["hives"].items()
    ]
    for one in sid["descriptors"]:
        done = "" if one["changed"] else ", left as they are"
        count = f"{one['with_sid']} of {one['distinct']} descriptors{done}"
        rows.append((f"volume {one['volume']}: $Secure", count))
    rows += [(path, f"{count} places") for path, count in sid["files"].items()]
    rows += [(path, "renamed") for path in sid["names"]]
    old, new = (record[when]["identity"]["machine_sid"] for when in ("before", "after"))
    return {"old": old, "new": new, "rows": rows, "left": sid["left"]}


def _groups(changes: Iterable[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for change in changes:
        groups.setdefault(change["provider"], []).append(change)
    return list(groups.items())


def _timings(timings: dict[str, float]) -> dict[str, Any]:
    """The bars of the chart, in the order of the steps."""
    steps = [(name, seconds) for name, seconds in timings.items() if name != "total"]
    total = max(timings.get("total", 0.0), sum(seconds for _, seconds in steps), 1e-9)
    bars, begin = [], 0.0
    for index, (name, seconds) in enumerate(steps):
        bars.append(
            {
                "name": name,
                "seconds": seconds,
                "x": round(begin / total * _CHART, 1),
                "width": round(max(seconds / total * _CHART, 2), 1),
                "y": index * _ROW,
            }
        )
        begin += seconds
    return {
        "bars": bars,
        "total": timings.get("total", total),
        "width": _CHART,
        "height": max(len(bars), 1) * _ROW,
        "row": _ROW,
    }


def _chain(rehearsal: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The stages of the next boot as a chain of marks; None if it was not rehearsed."""
    if not rehearsal:
        return None
    links = [
        {**one, "y": index * _LINK, "kind": _KINDS[one["result"]], "sign": _SIGNS[one["result"]]}
        for index, one in enumerate(rehearsal["stages"])
    ]
    return {
        "links": links,
        "statement": rehearsal["statement"],
        "machine": rehearsal["machine"],
        "width": _CHART,
        "height": len(links) * _LINK,
        "link": _LINK,
    }


def _value(value: object) -> str:
    """A registry value or a file's state, human-readable."""
    if value is None:
        return "—"
    if isinstance(value, dict):
        text = _described(value)
    elif isinstance(value, list | tuple):
        text = ", ".join(map(str, value)) or "none"
    else:
        text = str(value)
    text = text or "(empty)"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def _described(value: dict[str, Any]) -> str:
    if "type" in value:
        data = value.get("data", value.get("hex"))
        if isinstance(data, list):
            data = json.dumps(data, ensure_ascii=False)
        more = ""
        if data == value.get("hex") and isinstance(data, str) and len(data) > _LONGEST_HEX:
            more = f"… ({value.get('length', len(data) // 2)} bytes)"
            data = data[:_LONGEST_HEX]
        return f"{value['type']} {data}{more}"
    if "keys" in value:
        return f"tree of keys: {value['keys']}, values: {value['values']}"
    if value.get("directory"):
        return "folder"
    if "size" in value:
        return f"file of {sizes.shown(value['size'])}"
    return ", ".join(f"{name} {one}" for name, one in value.items())


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
