"""A few of all faults at all points, the same every time; `make faults` draws more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.runs import SUBJECTS
from tests.faults.supervisor import Fault, available, kinds

#: Of so many faults one is tried in `make judges`. A prime, so that each kind has its turn.
STEP = 53
#: How many are tried of each subject in every run of the suite.
FEW = 6


@pytest.mark.skipif(not available(), reason="this system can't supervise system calls")
@pytest.mark.parametrize("few", [True, pytest.param(False, marks=pytest.mark.judges)])
@pytest.mark.parametrize("name", SUBJECTS)
def test_untouched_or_complete_after_any_fault(name: str, few: bool, tmp_path: Path) -> None:
    subject = SUBJECTS[name](tmp_path.resolve())
    outcome, state = subject.run(None)
    assert outcome.code == 0
    assert state in subject.good
    points = [
        Fault(number, kind) for number, call in enumerate(outcome.calls) for kind in kinds(call)
    ]
    assert len(points) > 50
    struck = 0
    # An odd step, as the kinds of the calls repeat in even distances.
    step = max(STEP, len(points) // FEW | 1) if few else STEP
    for fault in points[len(name) :: step]:
        hit, state = subject.run(fault)
        assert state in {"untouched", "resumed", "complete"}
        struck += hit.hit is not None
    assert struck > 0
