"""The records of whole runs are what the published schema says."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lxml import html

from reseal.operations.record import SCHEMA
from reseal.testing.windows import MEBIBYTE, windows
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


ANSWERS = """<unattend xmlns="urn:schemas-microsoft-com:unattend">
<settings pass="specialize"><component name="Microsoft-Windows-Shell-Setup"
 processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral"
 versionScope="nonSxS"><ComputerName>NEW-PC</ComputerName></component></settings></unattend>
"""
KEY = r"HKLM\SOFTWARE\Example"


def test_every_command_that_changes_an_image_keeps_its_record(tmp_path: Path) -> None:
    image, answers, reg = (tmp_path / name for name in ("image.qcow2", "a.xml", "a.reg"))
    windows(image, size=48 * MEBIBYTE, firmware="uefi")
    answers.write_text(ANSWERS)
    reg.write_text(f'REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Other]\r\n"n"="{KEY[5:]}"\r\n')
    runs: dict[str, tuple[tuple[str | Path, ...], str, str]] = {
        "reg set": ((image, KEY, "Name", "old"), "changed", KEY),
        "reg import": ((image, reg), "changed", r"HKLM\SOFTWARE\Other\\n"),
        "reg rename": ((image, KEY, "Renamed"), "changed", r"HKLM\SOFTWARE\Renamed"),
        "reg delete": ((image, r"HKLM\SOFTWARE\Renamed"), "changed", r"HKLM\SOFTWARE\Renamed"),
        "bcd set": ((image, "{default}", "nx", "AlwaysOn"), "changed", "{default} nx"),
        "bcd delete": ((image, "{default}", "nx"), "changed", "{default} nx"),
        "unattend apply": ((image, answers), "applied", "nattend.xml"),
        "customize": ((image, "--mkdir", r"C:\Tools"), "customized", "Tools"),
        "sid": ((image, "--new", "--yes"), "changed", r"HKLM\SECURITY"),
        "specialize": (
            (image, "--computer-name", "PC-7", "--sid", "new", "--now", "--yes"),
            "specialized",
            "ComputerName",
        ),
        "boot": ((image, "--audit"), "armed", "SetupType"),
        "sysprep": ((image, "/generalize", "/oobe"), "generalized", "MachineGuid"),
    }
    for command, (arguments, result, target) in runs.items():
        page, data = tmp_path / "report.html", tmp_path / "report.json"
        reports = ("--report", page, "--report", data)
        done = judges.reseal(*command.split(), *reports, *arguments)
        assert done.returncode == 0, (command, done.stderr)
        record = json.loads(data.read_text())
        assert problems(record) == [], command
        assert record["command"] == {"sysprep": "generalize"}.get(command, command)
        assert record["result"] == result
        assert any(target in one["target"] for one in record["changes"]), (command, record)
        assert record["traffic"]["bytes_read"] > record["traffic"]["bytes_written"] > 0
        tree = html.parse(page)
        assert record["summary"] in tree.xpath("//section[1]")[0].text_content()
        assert len(tree.xpath("//section[@id='changes']//tbody/tr")) == len(record["changes"])
        page.unlink()
        data.unlink()


def test_a_run_that_changes_nothing_has_no_report(sample: Path, tmp_path: Path) -> None:
    for arguments in (("boot", sample, "--status"), ("sid", sample)):
        done = judges.reseal(*arguments, "--report", tmp_path / "report.html")
        assert done.returncode == 2, done.stderr
        assert "changes nothing, so --report" in done.stderr
