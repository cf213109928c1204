"""Templates: variables get values, or an error says where one is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.answerfile import AnswerFileError, Position, Secret, fill, variables
from tests.answerfile.samples import SHELL, document, one

TEXT = one(
    "specialize",
    SHELL,
    "<!-- ${comment} --><ComputerName>${name}</ComputerName>\n"
    "<RegisteredOwner>${owner} of ${name}, $${literally}, ${env:TEMP}, $name</RegisteredOwner>",
)


def test_variables_with_their_places() -> None:
    assert variables(document(TEXT)) == {
        "name": [Position(5, 34), Position(6, 18)],
        "owner": [Position(6, 18)],
    }


def test_filling() -> None:
    filled = fill(document(TEXT), {"name": "PC<1>", "owner": Secret("A & B"), "unused": ""})

    assert [setting.value for setting in filled.settings()] == [
        "PC<1>",
        "A & B of PC<1>, ${literally}, ${env:TEMP}, $name",
    ]
    assert b"<!-- ${comment} -->" in filled.to_bytes()


def test_a_variable_without_a_value_is_an_error_with_its_place() -> None:
    with pytest.raises(AnswerFileError, match=r"^unattend.xml:6:18: the variable owner has no"):
        fill(document(TEXT), {"name": "PC"})


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn"))))
def test_values_are_taken_as_they_are(value: str) -> None:
    filled = fill(document(one("specialize", SHELL, "<OEMName>a${x}b</OEMName>")), {"x": value})

    assert [setting.value for setting in filled.settings()] == [f"a{value}b"]
