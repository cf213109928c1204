"""The record of a run that made a fleet, and its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reseal.clone import CloneResult
from reseal.clone.record import MADE, NAME
from reseal.operations import sizes
from reseal.report.outcome import MOST, more, plural, shown


def summary(
    results: list[CloneResult], output_dir: Path, warnings: list[str], seconds: float
) -> dict[str, Any]:
    """Describe a run.

    Args:
        results: what became of each machine.
        output_dir: the folder of the clones.
        warnings: warnings about the run itself; those of the machines are added.
        seconds: time that the run took.

    Returns:
        `result` (`made` or `incomplete`), `fleet` (path of fleet.json), `made`, `there` (before this
        run) and `failed` as counts, `machines` (entries of fleet.json), `errors` by name, `warnings`,
        `seconds`, `bytes` of the new files, and the peak `memory` of one of the processes in bytes.
    """
    failed = [one for one in results if one.error]
    fresh = [one for one in results if one.fresh and not one.error]
    told = {text for one in fresh for text in one.made["outcome"]["warnings"]}
    return {
        "result": "incomplete" if failed else "made",
        "fleet": str(output_dir / NAME),
        "made": len(fresh),
        "there": len(results) - len(fresh) - len(failed),
        "failed": len(failed),
        "machines": [asdict(one.entry) for one in results],
        "errors": {one.entry.name: one.error for one in failed},
        "warnings": [*warnings, *sorted(told)],
        "seconds": seconds,
        "bytes": sum(one.entry.size or 0 for one in fresh),
        "memory": max((one.made["memory"] for one in fresh), default=0),
    }


def line(result: CloneResult, number: int, total: int) -> str:
    """Return the line for one machine, if any.

    Args:
        result: what became of the machine.
        number: count of the machines so far, from 1.
        total: count of all machines.
    """
    entry = result.entry
    counted = f"({number} of {total})"
    if result.error:
        return f"{entry.name} failed {counted}: {result.error['message']}"
    if not result.fresh:
        return f"{entry.name} is there {counted}"
    sid = entry.identity.get("machine_sid") or "a SID that Windows generates"
    return f"{entry.name} is made {counted}, {entry.seconds:.2f} s, {sid}"


def lines(record: dict[str, Any], *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines of a summary: the outcome, the machines that failed, then warnings."""
    made = sum(one["state"] == MADE for one in record["machines"])
    parts = [f"{record['made']} made in {record['seconds']:.2f} s"]
    if record["there"]:
        parts.append(f"{record['there']} were there")
    if record["failed"]:
        parts.append(f"{record['failed']} failed")
    size = sizes.shown(record["bytes"])
    done = f"{plural(made, 'machine')}: {', '.join(parts)}; {size} written. All of it: {record['fleet']}."
    failed = list(record["errors"].items())
    yield from shown(
        record, [done, *_failures(failed if verbose else failed[:MOST])],
        [more(len(failed) - MOST, "failed machine")] if len(failed) > MOST and not verbose else [],
        verbose=verbose,
    )  # fmt: skip


def _failures(failed: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    for name, error in failed:
        first, *others = error["message"].split("\n")
        yield f"Failed: {name}: {first}"
        yield from (f"  {line}" for line in others)
        if error.get("hint"):
            yield f"  What to do: {error['hint']}"
