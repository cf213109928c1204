"""Faults at the points of many runs: `python -m tests.faults [--all FILE] [--seconds N] [SUBJECT…]`.

Without `--all` a sample is drawn that takes so many seconds; its seed is printed, and `--seed` draws the
same again. With it every fault is tried at every point. Each result is added to the file, and points that
it has already are left out, so that a run that was stopped goes on where it was. `--kind kill` tries faults
of this kind only. `--table FILE` prints the table of a record.

A point is a fault at one call of a run, or what a loss of power at one moment leaves on the disk.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults import power
from tests.faults.runs import SUBJECTS
from tests.faults.subject import Subject
from tests.faults.supervisor import Fault, kinds

#: Seconds that a sample takes.
SECONDS = 15 * 60 - 60
#: Subjects whose power is cut: one for each way to end a run.
POWER = (
    *("generalize qcow2", "generalize raw", "generalize vdi", "snapshot", "outputs", "customize"),
    *("decrypt", "new image", "thin image", "capture", "capture append", "apply folder", "clone"),
    *("folder", "customize folder", "reg file", "bcd file", "answer file", "bcd set", "reg import"),
    *("resume qcow2", "resume raw", "resume folder"),
)
LOSSES = [
    f"power {kind} {how}: {name}"
    for name in POWER
    for kind in power.MAKERS
    for how in ("lazy", "eager")
]
#: Seconds of a subject's turn; building it takes some of them.
TURN = 25.0


def main() -> int:
    """Try them; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", type=Path, metavar="FILE")
    parser.add_argument("--table", type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument(
        "--kind", action="append", help="try only faults of this kind, such as kill"
    )
    parser.add_argument("subjects", nargs="*")
    given = parser.parse_args()
    record = given.all or given.table
    known = list(_recorded(record)) if record else []
    if given.table:
        return _summary(known)
    seconds = given.seconds or (float("inf") if given.all else SECONDS)
    if not given.all:
        print(f"Seed {given.seed}", flush=True)
    chosen = tuple(given.kind or ())
    for point in _points(given.subjects, known, random.Random(given.seed), seconds, chosen):
        known.append(point)
        if point["state"] == "failed":
            print(f"FAILED: {point['subject']}: {point['why']}", flush=True)
        if given.all:
            with given.all.open("a") as file:
                file.write(json.dumps(point) + "\n")
    return _summary(known)


def _points(
    names: list[str],
    known: list[dict[str, Any]],
    chance: random.Random,
    seconds: float,
    chosen: tuple[str, ...] = (),
) -> Iterator[dict[str, Any]]:
    """Try points until the time is over; each subject has its turn, again and again."""
    begun = time.monotonic()
    end = begun + seconds
    done = {(one["subject"], one["number"], one["kind"]) for one in known}
    wanted = names or [*SUBJECTS, *(one for one in LOSSES if power.available(one.split(" ")[1]))]
    chance.shuffle(wanted)
    turn = min(TURN, seconds / len(wanted))
    while wanted:
        for name in [*wanted]:
            if time.monotonic() > end:
                return
            with tempfile.TemporaryDirectory(prefix="faults-") as folder:
                over = time.monotonic() + turn
                for point in _tried(name, Path(folder).resolve(), done, chance, chosen):
                    done.add((name, point["number"], point["kind"]))
                    yield point
                    if time.monotonic() > over:
                        break
                else:
                    wanted.remove(name)


def _tried(
    name: str,
    folder: Path,
    done: set[tuple[str, int, str]],
    chance: random.Random,
    chosen: tuple[str, ...],
) -> Iterator[dict[str, Any]]:
    """Try the points of a subject in any order, one at a time."""
    if name.startswith("power "):
        head, _, of = name.partition(": ")
        _, kind, how = head.split(" ")

        def wanted(count: int) -> list[int]:
            numbers = [one for one in range(count) if (name, one, "power") not in done]
            chance.shuffle(numbers)
            return numbers

        found = power.losses(SUBJECTS[of], folder, kind, eager=how == "eager", wanted=wanted)
        for number, when, state in found:
            yield _point(name, number, "power", state, when)
        return
    subject = SUBJECTS[name](folder)
    outcome = subject.hit(None)
    points = [
        Fault(number, kind) for number, call in enumerate(outcome.calls) for kind in kinds(call)
    ]
    points = [
        one for one in points if (name, *one) not in done and (not chosen or one.kind in chosen)
    ]
    chance.shuffle(points)
    for fault in points:
        yield _point(name, *fault, *_struck(subject, fault))


def _struck(subject: Subject, fault: Fault) -> tuple[str, str]:
    try:
        hit, state = subject.run(fault)
    except Exception as error:  # noqa: BLE001  a run that goes on for hours must not end with it
        return f"failed: {error!r}: {error.__cause__!r}", ""
    return state if hit.hit else "not reached", str(hit.hit)


def _point(name: str, number: int, kind: str, state: str, where: str) -> dict[str, Any]:
    point = {"subject": name, "number": number, "kind": kind, "where": where, "state": state}
    if state.startswith("failed: "):
        point |= {"state": "failed", "why": state.removeprefix("failed: ")}
    return point


def _recorded(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the points of a record; a line that was cut off is none."""
    if file.exists():
        for line in file.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def _summary(known: list[dict[str, Any]]) -> int:
    for name in dict.fromkeys(one["subject"] for one in known):
        states = Counter(one["state"] for one in known if one["subject"] == name)
        shown = ", ".join(f"{state} {count}" for state, count in sorted(states.items()))
        print(f"{name}: {shown}")
    kinds_of = Counter(one["kind"] for one in known if one["state"] != "not reached")
    print(", ".join(f"{kind} {count}" for kind, count in sorted(kinds_of.items())))
    failures = sum(one["state"] == "failed" for one in known)
    tried = sum(one["state"] != "not reached" for one in known)
    print(f"{tried} points tried, {failures} failures.")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
