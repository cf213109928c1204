"""What `verify` says of each value and file of the armed state."""

from __future__ import annotations

import pytest

from reseal.proof.armed import Part, armed
from reseal.session import Mark, Session
from reseal.sysprep.arm import Target
from reseal.sysprep.generalize import generalize
from tests.builders import session


def parts(one: Session) -> dict[str, Part]:
    """What the image is armed with, by the names of values and files."""
    return {part.target.rpartition("\\")[2]: part for part in armed(one.installation)}


@pytest.mark.parametrize("target", list(Target))
def test_each_part_carries_the_mark_of_its_fact(target: Target) -> None:
    one = session()
    generalize(one, target)
    one.commit(one.installation.tree)
    found = parts(one)
    assert all(part.correct for part in found.values())
    assert found["SetupType"].mark is Mark.REPORTED
    assert found["CmdLine"].mark is Mark.REPORTED
    audit = target is Target.AUDIT
    assert found["OOBEInProgress"].mark is (Mark.INFERRED if audit else Mark.REPORTED)
    assert found["SystemSetupInProgress"].mark is found["SetupPhase"].mark is Mark.INFERRED
    assert found["SETUPEXECUTE"].mark is Mark.REPORTED
    assert found["State.ini"].mark is Mark.DOCUMENTED


def test_nothing_is_said_of_an_order_in_which_windows_reads_the_image_state() -> None:
    one = session()
    assert parts(one)["State.ini"].meaning == "The third place of the ImageState."
