"""Providers of other packages. The example of the documentation is installed as pip would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from reseal.testing.machine import Machine, _merged
from reseal.testing.windows import windows

EXAMPLE = Path(__file__).parents[2] / "examples" / "provider"


def install(folder: Path) -> Path:
    """Lay the example out as an installed package: its modules, and what its metadata declare."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    shutil.copytree(EXAMPLE / "src", folder)
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


def reseal(site: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("reseal")), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(site)}
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True)


def machine() -> Machine:
    one = Machine()
    agent = {"Contoso": {"Agent": {"MachineId": "1234", "Server": "https://contoso.example"}}}
    one.software = _merged(one.software, agent)
    return one


def test_it_is_listed_and_runs_with_the_others(tmp_path: Path) -> None:
    site, image = install(tmp_path / "site"), tmp_path / "image.qcow2"
    windows(image, machine())
    listed = json.loads(reseal(site, "providers", "--json").stdout)["providers"]
    assert listed[-1]["id"] == "contoso-agent"
    assert "the Contoso server knows this machine" in listed[-1]["description"]
    done = reseal(site, "generalize", image, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    changes = json.loads(done.stdout)["changes"]
    (own,) = [one for one in changes if one["provider"] == "contoso-agent"]
    assert own["target"] == r"HKLM\SOFTWARE\Contoso\Agent\\MachineId"
    assert own["mark"] == "documented"
    left = reseal(site, "reg", "query", image, r"HKLM\SOFTWARE\Contoso\Agent").stdout
    assert "Server" in left
    assert "MachineId" not in left


def test_it_can_be_switched_off_and_without_the_package_it_is_not_there(tmp_path: Path) -> None:
    site, image = install(tmp_path / "site"), tmp_path / "image.qcow2"
    windows(image, machine())
    before = image.read_bytes()
    done = reseal(site, "generalize", image, "--dry-run", "--json", "--disable", "contoso-agent")
    assert "contoso-agent" not in {one["provider"] for one in json.loads(done.stdout)["changes"]}
    none = tmp_path / "none"
    none.mkdir()
    done = reseal(none, "generalize", image, "--dry-run", "--disable", "contoso-agent")
    assert done.returncode == 2
    assert image.read_bytes() == before


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("contoso_agent = 7", "was not declared"),
        ("raise RuntimeError('no license')", "no license"),
        ("from reseal.providers.plugins import own\ncontoso_agent = own()[0]", "is taken"),
    ],
)
def test_a_broken_one_is_named_and_nothing_is_changed(tmp_path: Path, code: str, why: str) -> None:
    site, image = install(tmp_path / "site"), tmp_path / "image.qcow2"
    (site / "reseal_contoso" / "__init__.py").write_text(code)
    image.write_bytes(b"x")
    done = reseal(site, "generalize", image)
    assert done.returncode == 2, done.stderr
    assert why in done.stderr
    assert "reseal-contoso" in done.stderr
    assert image.read_bytes() == b"x"
