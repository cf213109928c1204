"""Faults at the points of many runs: `python -m tests.faults [--all FILE] [--seconds N] [SUBJECT…]`.

Without `--all` a sample is drawn that takes so many seconds; its seed is printed, and `--seed` draws the
same again. With it every fault is tried at every point. Each result is added to the file, and points that
it has already are left out, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.faults.runs import SUBJECTS, Subject
from tests.faults.supervisor import Fault, kinds

#: Seconds that a sample takes.
SECONDS = 15 * 60 - 60


def main() -> int:
    """Try them; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("subjects", nargs="*")
    given = parser.parse_args()
    known = list(_recorded(given.all)) if given.all else []
    seconds = given.seconds or (float("inf") if given.all else SECONDS)
    if not given.all:
        print(f"Seed {given.seed}", flush=True)
    end = time.monotonic() + seconds
    with ExitStack() as stack:
        points = []
        subjects: dict[str, Subject] = {}
        for name in given.subjects or SUBJECTS:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-"))
            subjects[name] = SUBJECTS[name](Path(folder).resolve())
            outcome, _ = subjects[name].run(None)
            points += [
                (name, Fault(number, kind))
                for number, call in enumerate(outcome.calls)
                for kind in kinds(call)
            ]
        print(f"{len(points)} points in {len(subjects)} runs", flush=True)
        done = {(one["subject"], one["number"], one["kind"]) for one in known}
        points = [(name, one) for name, one in points if (name, *one) not in done]
        # In any order: a run that is stopped has seen something of everything.
        random.Random(given.seed).shuffle(points)
        for name, fault in points:
            if time.monotonic() > end:
                break
            known.append(_try(name, subjects[name], fault))
            if given.all:
                with given.all.open("a") as file:
                    file.write(json.dumps(known[-1]) + "\n")
    return _summary(known)


def _try(name: str, subject: Subject, fault: Fault) -> dict[str, Any]:
    point = {"subject": name, "number": fault.number, "kind": fault.kind}
    try:
        hit, state = subject.run(fault)
    except AssertionError as error:
        print(f"FAILED: {name}: {error}: {error.__cause__}", flush=True)
        return {**point, "state": "failed", "why": f"{error}: {error.__cause__}"}
    return {**point, "state": state if hit.hit else "not reached"}


def _recorded(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the points of a record; a line that was cut off is none."""
    if file.exists():
        for line in file.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def _summary(known: list[dict[str, Any]]) -> int:
    for name in SUBJECTS:
        states = Counter(one["state"] for one in known if one["subject"] == name)
        shown = ", ".join(f"{state} {count}" for state, count in sorted(states.items()))
        print(f"{name}: {shown or 'none tried'}")
    failures = sum(one["state"] == "failed" for one in known)
    tried = sum(one["state"] != "not reached" for one in known)
    print(f"{tried} points tried, {failures} failures.")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
