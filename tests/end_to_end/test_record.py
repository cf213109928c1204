"""The records of whole runs are what the published schema says."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lxml import html

from reseal.report.generalization import SCHEMA
from tests.end_to_end import judges, real_machine


def problems(record: dict[str, Any]) -> list[str]:
    text = resources.files("reseal.report").joinpath("schema", f"{SCHEMA}.json").read_text("utf-8")
    validator = jsonschema.Draft202012Validator(json.loads(text))
    return [f"{one.json_path}: {one.message}" for one in validator.iter_errors(record)]


def test_every_outcome_is_as_the_schema_says(sample: Path) -> None:
    for arguments in (["--dry-run", "--audit"], [], []):
        record = judges.generalize(sample, *arguments)
        assert problems(record) == []
    assert record["result"] == "already generalized"


@pytest.mark.corpus
def test_of_a_real_machine_too(corpus: Path, tmp_path: Path) -> None:
    image = tmp_path / "machine.qcow2"
    real_machine.build(corpus, image)
    assert problems(judges.generalize(image)) == []


def test_a_run_keeps_its_record_as_page_and_as_data(sample: Path, tmp_path: Path) -> None:
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    record = judges.generalize(sample, "--report", page, "--report", data)
    assert json.loads(data.read_text()) == record
    tree = html.parse(page)
    assert (
        "is generalized" in tree.xpath("//section[contains(@class, 'verdict')]")[0].text_content()
    )
    assert page.stat().st_mode & 0o077 == 0


def test_an_unknown_form_of_report_is_refused_before_anything_is_changed(
    sample: Path, tmp_path: Path, untouched: Any
) -> None:
    check = untouched(sample)
    for name in ("report.pdf", "none/report.html"):
        done = judges.reseal("generalize", sample, "--report", tmp_path / name)
        assert done.returncode == 2, done.stderr
    check()
