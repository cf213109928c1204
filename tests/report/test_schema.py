"""The published schema of the record. Records of whole runs: `tests/end_to_end/test_record.py`."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jsonschema
import pytest

from reseal.operations.record import SCHEMA


@pytest.fixture(scope="module")
def validator() -> Any:
    text = resources.files("reseal.report").joinpath("schema", f"{SCHEMA}.json").read_text("utf-8")
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def problems(validator: Any, record: dict[str, Any]) -> list[str]:
    return [f"{one.json_path}: {one.message}" for one in validator.iter_errors(record)]


def test_a_folder_is_too(validator: Any, record: dict[str, Any]) -> None:
    folder = record | {"image": {"path": "/mnt", "format": "folder", "size": None}}
    assert problems(validator, folder) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"result": "done"},
        {"schema": "record-2"},
        {"changes": [{"provider": "x"}]},
        {"timings": {}},
        {"written": {}},
    ],
)
def test_the_schema_is_not_content_with_anything(
    validator: Any, record: dict[str, Any], broken: dict[str, Any]
) -> None:
    assert problems(validator, record | broken)
