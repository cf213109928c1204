"""The workflows follow GitHub's published schema, and they run what `.ci/run` runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def follows_schema(
    path: Path, schema: str = "vendor.github-workflows"
) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("check-jsonschema")
    return subprocess.run(
        [tool, "--builtin-schema", schema, path],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda one: one.name)
def test_a_workflow_follows_the_published_schema(path: Path) -> None:
    done = follows_schema(path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FORMS, ids=lambda one: one.name)
def test_an_issue_form_follows_the_published_schema(path: Path) -> None:
    done = follows_schema(path, "vendor.github-issue-forms")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("runs-on: ubuntu-24.04", "runs_on: ubuntu-24.04"),
        ("timeout-minutes: 90", "timeout-minutes: long"),
        ("permissions:\n  contents: read", "permissions:\n  contents: maybe"),
    ],
)
def test_the_schema_refuses_a_mistake(good: str, bad: str, tmp_path: Path) -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    assert good in text
    broken = tmp_path / "ci.yml"
    broken.write_text(text.replace(good, bad), "utf-8")
    assert follows_schema(broken).returncode != 0


def test_the_hosted_runner_runs_what_a_clean_checkout_must_pass() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    commands = [step["run"] for step in workflow["jobs"]["check"]["steps"] if "run" in step]
    assert commands == ["bash .ci/run"]


def test_every_hook_is_a_tool_of_this_repository() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [one["repo"] for one in hooks["repos"]] == ["local"]
    for hook in hooks["repos"][0]["hooks"]:
        program = ROOT / hook["entry"].split()[0]
        assert program.name in {"ruff", "mypy", "lint-imports"}, hook
