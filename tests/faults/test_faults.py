"""A few of all faults at all points, the same every time; `make faults` draws more."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests import devices
from tests.faults import power
from tests.faults.runs import SUBJECTS
from tests.faults.supervisor import Fault, available, kinds

#: Of so many faults one is tried in `make judges`. A prime, so that each kind has its turn.
STEP = 97
#: The subjects of every run of the tests, with few faults; the others are for the judges.
ALWAYS = (
    *("generalize qcow2", "generalize raw", "two volumes", "snapshot", "folder", "engine"),
    *("resume qcow2", "resume folder", "outputs", "reg file", "answer file", "device"),
)
#: How many faults are tried of each subject in every run of the suite, and of the others by the judges.
FEW = 6


@pytest.mark.skipif(not available(), reason="this system can't supervise system calls")
@pytest.mark.parametrize(
    ("name", "few"),
    [
        *((name, True) for name in ALWAYS),
        *(pytest.param(name, name not in ALWAYS, marks=pytest.mark.judges) for name in SUBJECTS),
    ],
)
def test_untouched_or_complete_after_any_fault(name: str, few: bool, tmp_path: Path) -> None:
    if name not in SUBJECTS:
        pytest.skip(devices.MISSING)
    subject = SUBJECTS[name](tmp_path.resolve())
    outcome, state = subject.run(None)
    assert outcome.code == 0
    assert state in subject.good
    points = [
        Fault(number, kind) for number, call in enumerate(outcome.calls) for kind in kinds(call)
    ]
    assert len(points) > 20
    struck = 0
    # An odd step, as the kinds of the calls repeat in even distances.
    step = max(STEP, len(points) // FEW | 1) if few else STEP
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
