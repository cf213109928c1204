"""A sample of all faults at all points, the same every time; `make faults` tries every one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.runs import SUBJECTS
from tests.faults.supervisor import Fault, available, kinds

#: Of so many faults one is tried. A prime, so that each kind has its turn.
STEP = 53


@pytest.mark.skipif(not available(), reason="this system can't supervise system calls")
@pytest.mark.parametrize("name", SUBJECTS)
def test_untouched_or_complete_after_any_fault(name: str, tmp_path: Path) -> None:
    subject = SUBJECTS[name](tmp_path.resolve())
    outcome, state = subject.run(None)
    assert outcome.code == 0
    assert state in subject.good
    points = [
        Fault(number, kind) for number, call in enumerate(outcome.calls) for kind in kinds(call)
    ]
    assert len(points) > 50
    struck = 0
    for fault in points[len(name) :: STEP]:
        hit, state = subject.run(fault)
        assert state in {"untouched", "resumed", "complete"}
        struck += hit.hit is not None
    assert struck > 0
