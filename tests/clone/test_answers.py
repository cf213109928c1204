"""The answer file of one machine: what its table leaves open is said."""

from __future__ import annotations

import pytest

from reseal.answerfile import check
from reseal.clone import answers
from tests.answerfile.samples import SHELL, document, one


@pytest.mark.parametrize(
    ("value", "name"),
    [("__zone__", "zone"), ("{{ zone }}", "zone"), ("$ZONE$", "ZONE"), ("@zone@", "zone")],
)
def test_a_variable_without_a_column_is_said(value: str, name: str) -> None:
    found = check(document(one("specialize", SHELL, f"<TimeZone>{value}</TimeZone>")))

    (said,) = answers.unfilled(found)
    assert said == (
        f"unattend.xml:5:11: TimeZone holds the variable {name}, and no column of the table has this "
        "name. Windows uses it literally."
    )


@pytest.mark.parametrize("value", ["UTC", "CET", "Mars"])
def test_other_findings_are_no_variables(value: str) -> None:
    found = check(document(one("specialize", SHELL, f"<TimeZone>{value}</TimeZone>")))

    assert answers.unfilled(found) == []
