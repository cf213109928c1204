"""A sample of all faults at all points, the same every time; `make faults-all` tries every one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults import power
from tests.faults.runs import SUBJECTS
from tests.faults.supervisor import Fault, available, kinds

#: Of so many faults one is tried. A prime, so that each kind has its turn.
STEP = 97
#: The subjects of every run of the tests; the others are for the judges.
ALWAYS = (
    *("generalize qcow2", "generalize raw", "two volumes", "snapshot", "folder", "engine"),
    *("resume qcow2", "resume folder", "outputs", "reg file", "answer file"),
)
REST = [pytest.param(name, marks=pytest.mark.judges) for name in SUBJECTS if name not in ALWAYS]
#: How many faults of the others are tried.
FEW = 8


@pytest.mark.skipif(not available(), reason="this system can't supervise system calls")
@pytest.mark.parametrize("name", [*ALWAYS, *REST])
def test_untouched_or_complete_after_any_fault(name: str, tmp_path: Path) -> None:
    subject = SUBJECTS[name](tmp_path.resolve())
    outcome, state = subject.run(None)
    assert outcome.code == 0
    assert state in subject.good
    points = [
        Fault(number, kind) for number, call in enumerate(outcome.calls) for kind in kinds(call)
    ]
    assert len(points) > 20
    struck = 0
    step = STEP if name in ALWAYS else len(points) // FEW
    for fault in points[len(name) % len(points) :: step]:
        hit, state = subject.run(fault)
        assert state in {"untouched", "resumed", "complete"}
        struck += hit.hit is not None
    assert struck > 0


@pytest.mark.judges
@pytest.mark.parametrize("kind", power.MAKERS)
@pytest.mark.parametrize("name", ["generalize qcow2", "customize folder", "reg file"])
def test_untouched_or_complete_after_a_loss_of_power(name: str, kind: str, tmp_path: Path) -> None:
    if not (available() and power.available(kind)):
        pytest.skip("root, loop devices and the programs that make the file systems are needed")

    def some(count: int) -> list[int]:
        return sorted({*random.Random(name).sample(range(count), min(FEW, count)), count - 1})

    states = [
        state
        for _, _, state in power.losses(
            SUBJECTS[name], tmp_path.resolve(), kind, eager=True, wanted=some
        )
    ]
    assert not [one for one in states if one.startswith("failed")]
    assert "complete" in states
