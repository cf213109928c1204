"""The summary of a fleet in lines."""

from __future__ import annotations

from typing import Any

import pytest

from reseal.report import fleet


def record(machines: int, errors: dict[str, Any]) -> dict[str, Any]:
    return {
        "warnings": [],
        "errors": errors,
        "machines": [{"state": "made"}] * machines,
        "made": machines,
        "seconds": 1.0,
        "there": 0,
        "failed": len(errors),
        "bytes": 0,
        "fleet": "fleet.json",
    }


@pytest.mark.parametrize(
    ("machines", "said"), [(0, "0 machines: "), (1, "1 machine: "), (2, "2 machines: ")]
)
def test_machines_are_counted(machines: int, said: str) -> None:
    first, *_ = fleet.lines(record(machines, {}))

    assert first.startswith(said)


@pytest.mark.parametrize("others", [[], ["a.xml:5:1: error: x"], ["a.xml:5:1: x", "a.xml:6:1: y"]])
def test_an_error_of_several_lines_is_indented(others: list[str]) -> None:
    message = "\n".join(["The answer file has errors.", *others])

    found = list(fleet.lines(record(0, {"PC1": {"message": message, "hint": "Correct it."}})))

    assert found[1:] == [
        "Failed: PC1: The answer file has errors.",
        *(f"  {line}" for line in others),
        "  What to do: Correct it.",
    ]
