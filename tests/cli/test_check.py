"""`reseal check`, and --force, as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from reseal.checks import CHECKS
from reseal.cli import commands
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.checks.problems import APP, PROBLEMS, merged


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Windows with a Store app that is not provisioned, and an interrupted Sysprep."""
    path = tmp_path_factory.mktemp("check") / "image.qcow2"
    fields: dict[str, Any] = {}
    for name in ("store-apps", "sysprep-state"):
        fields = merged(fields, PROBLEMS[name].machine)
    windows(path, Machine(**fields), size=32 << 20)
    return path


def reseal(*arguments: str | Path) -> Result:
    """Run the command line."""
    return CliRunner().invoke(commands.reseal, [str(one) for one in arguments])


def test_json_holds_image_windows_and_checks(image: Path) -> None:
    result = reseal("check", image, "--json")
    assert result.exit_code == 3
    record = json.loads(result.stdout)
    assert list(record) == ["image", "windows", "checks"]
    assert record["image"]["path"] == str(image)
    assert record["windows"]["build"] == 22631
    assert [one["check"] for one in record["checks"]] == [one.id for one in CHECKS]
    errors = [one for one in record["checks"] if one["level"] == "error"]
    assert [one["code"] for one in errors] == ["0x8007001f", "0x80073cf2"]


def test_text_says_what_and_what_to_do(image: Path) -> None:
    result = reseal("check", image)
    assert result.exit_code == 3
    assert "[store-apps, 0x80073cf2]" in result.stdout
    assert f"Package {APP} was installed for a user, but not provisioned" in result.stdout
    assert f"Remove-AppxPackage -AllUsers -Package {APP}" in result.stdout
    silent = len(CHECKS) - 4
    assert f"2 errors, 0 warnings, 2 notes; {silent} checks found nothing." in result.stdout
    assert "--force CHECK overrides" in result.stdout


def test_an_image_is_fit_once_every_error_is_overridden(image: Path) -> None:
    result = reseal("check", image, "--force", "store-apps", "--force", "sysprep-state", "--json")
    assert result.exit_code == 0
    forced = [one for one in json.loads(result.stdout)["checks"] if one["forced"]]
    assert [(one["check"], one["level"]) for one in forced] == [
        ("sysprep-state", "warning"),
        ("store-apps", "warning"),
    ]
    assert reseal("check", image, "--force", "store-apps").exit_code == 3


def test_generalize_is_refused_by_the_same_checks_and_takes_the_same_consent(image: Path) -> None:
    before = image.read_bytes()
    refused = reseal("generalize", image, "--dry-run", "--quiet")
    assert refused.exit_code == 3
    assert "SysprepCorrupt is set" in refused.stderr
    assert "Contoso.Notes" in refused.stderr
    forced = ("--force", "store-apps", "--force", "sysprep-state")
    result = reseal("generalize", image, "--dry-run", *forced)
    assert result.exit_code == 0
    assert "You overrode this with --force store-apps." in result.stdout
    assert image.read_bytes() == before


def test_generalize_resets_an_invalid_state_that_was_overridden(
    image: Path, tmp_path: Path
) -> None:
    output = tmp_path / "sealed.qcow2"
    forced = ("--force", "store-apps", "--force", "sysprep-state")
    result = reseal("generalize", image, "--output", output, "--quiet", *forced)
    assert result.exit_code == 0, result.stderr
    record = json.loads(reseal("check", output, "--json").stdout)
    found = {one["check"]: one for one in record["checks"]}
    assert found["sysprep-state"]["level"] == "ok"
    assert found["windows-setup"]["level"] == "note"


@pytest.mark.parametrize("command", ["check", "generalize"])
def test_a_wrong_name_is_refused_before_the_image_is_touched(command: str, tmp_path: Path) -> None:
    result = reseal(command, tmp_path / "missing.qcow2", "--force", "nonsense")
    assert result.exit_code == 2
    assert "nonsense is not a known check." in result.stderr
    assert "store-apps" in result.stderr


def test_an_image_that_can_t_be_read(tmp_path: Path) -> None:
    path = tmp_path / "empty.raw"
    path.write_bytes(bytes(1 << 20))
    assert reseal("check", path).exit_code == 4


def test_a_windows_that_does_not_exist(image: Path) -> None:
    result = reseal("check", image, "--volume", "7")
    assert result.exit_code == 3
    assert "has no Windows in volume 7" in result.stderr
