"""Fuzz every parser: `python -m tests.fuzz [SECONDS [TARGET…]]`. Prints how many inputs were tried,
and which share of the lines that whole inputs run damaged ones reach.
"""

from __future__ import annotations

import faulthandler
import resource
import sys
import time

from tests.fuzz.coverage import reached
from tests.fuzz.exercise import Surprise, inputs, tried
from tests.fuzz.targets import TARGETS

#: Seconds after which an input hangs, and memory that none may need.
HANGS, MEMORY = 60, 4 << 30


def main() -> int:
    """Fuzz; returns the exit code."""
    seconds = float(sys.argv[1]) if sys.argv[1:] else 60.0
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    total, surprises = 0, 0
    for name in sys.argv[2:] or TARGETS:
        count, end = 0, time.monotonic() + seconds
        for number, data in inputs(name):
            if time.monotonic() > end:
                break
            faulthandler.dump_traceback_later(HANGS, exit=True)
            try:
                tried(name, number, data)
            except Surprise as error:
                print(f"{error}: {error.__cause__!r}", flush=True)
                surprises += 1
            count += 1
        faulthandler.cancel_dump_traceback_later()
        total += count
        # A worker is another process, into which this one can't look.
        deep = (
            ""
            if TARGETS[name].workers
            else f"; damaged ones reach {reached(name):.0%} of the lines"
        )
        print(f"{name}: {count} inputs{deep}", flush=True)
    print(f"{total} inputs tried, {surprises} surprises.")
    return min(surprises, 1)


if __name__ == "__main__":
    raise SystemExit(main())
