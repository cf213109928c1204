"""What is written about the steps is made of what they declare."""

from __future__ import annotations

from pathlib import Path

import pytest

from reseal.customize import STEPS, Step
from tools.customize_steps import page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "customize-steps.md"


def test_the_reference_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("step", STEPS.values(), ids=lambda step: step.id)
def test_every_step_says_what_it_is(step: Step) -> None:
    assert step.title.endswith(".")
    assert step.source
    assert step.mark
    assert all(one.help for one in step.arguments)
    assert bool(step.example) == bool(step.arguments)
