"""Every fault at every point: `python -m tests.faults [SUBJECT…]`. Prints how many points were tried."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults.runs import SUBJECTS
from tests.faults.supervisor import Fault, kinds


def main() -> int:
    """Try all; returns the exit code."""
    total, failures = 0, 0
    for name in sys.argv[1:] or SUBJECTS:
        start = time.monotonic()
        states: Counter[str] = Counter()
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            subject = SUBJECTS[name](Path(folder).resolve())
            outcome, _ = subject.run(None)
            for number, call in enumerate(outcome.calls):
                for kind in kinds(call):
                    try:
                        hit, state = subject.run(Fault(number, kind))
                    except AssertionError as error:
                        print(f"FAILED: {name}: {error}: {error.__cause__}", flush=True)
                        failures += 1
                        continue
                    states[state] += hit.hit is not None
        points = sum(states.values())
        total += points
        shown = ", ".join(f"{state} {count}" for state, count in sorted(states.items()))
        seconds = time.monotonic() - start
        print(
            f"{name}: {points} points in {len(outcome.calls)} calls ({shown}; {seconds:.0f} s)",
            flush=True,
        )
    print(f"{total} points tried, {failures} failures.")
    return min(failures, 1)


if __name__ == "__main__":
    raise SystemExit(main())
