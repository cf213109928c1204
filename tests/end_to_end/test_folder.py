"""A folder that holds a Windows tree, as a mount or an extracted image would."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from pathlib import Path
from typing import Any

from reseal.testing.machine import Machine, software_hive, system_hive, tree
from tests.end_to_end import judges

#: Runs that are killed; `make faults` asks for more.
KILLS = int(os.environ.get("RESEAL_KILLS", "10"))


def _extract(folder: Path, spec: dict[str, Any]) -> None:
    for name, content in spec.items():
        if isinstance(content, dict):
            (folder / name).mkdir(parents=True)
            _extract(folder / name, content)
        else:
            (folder / name).write_bytes(content)


def _made(tmp_path: Path) -> Path:
    folder = tmp_path / "windows"
    folder.mkdir()
    _extract(folder, tree(Machine()))
    return folder


def _contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(one.relative_to(folder)): one.read_bytes() if one.is_file() else None
        for one in folder.rglob("*")
    }


def test_a_folder_is_generalized_in_place(tmp_path: Path) -> None:
    folder = _made(tmp_path)
    record = judges.generalize(folder)
    assert record["image"] == {"path": str(folder), "format": "folder", "size": None}
    config = folder / "Windows" / "System32" / "config"
    for name, before in (
        ("SYSTEM", system_hive(Machine())),
        ("SOFTWARE", software_hive(Machine())),
    ):
        after = judges.agreed((config / name).read_bytes())
        unexplained = judges.unexplained(judges.agreed(before), after, record["changes"], name)
        assert unexplained == set()
    assert not (folder / "pagefile.sys").exists()
    shown = json.loads(judges.reseal("inspect", folder, "--json").stdout)
    assert shown["state"]["generalization_state"] == 4
    assert [one.name for one in tmp_path.iterdir()] == ["windows"]


def test_a_set_of_hives_without_software_still_inspects(corpus: Path, tmp_path: Path) -> None:
    config = tmp_path / "Windows" / "System32" / "config"
    config.mkdir(parents=True)
    source = corpus / "machines" / "win10-1709"
    for name in ("SYSTEM", "SYSTEM.LOG1", "SYSTEM.LOG2"):
        (config / name).write_bytes((source / name).read_bytes())
    record = json.loads(judges.reseal("inspect", tmp_path, "--json").stdout)
    (found,) = record["windows"]
    assert found["architecture"] == "amd64"
    assert {found[name] for name in ("product_name", "edition", "version", "build")} == {None}
    assert record["identity"]["computer_name"] == "DESKTOP-PM6C56D"
    assert record["identity"]["machine_sid"] is None
    assert record["state"]["image_state"] is None
    assert record["state"]["generalization_state"] == 7
    assert record["hives"]["SYSTEM"]["dirty"] is True
    assert record["hives"]["SYSTEM"]["log_entries_applied"] == 24


def test_options_for_disk_images_are_refused(tmp_path: Path) -> None:
    folder = _made(tmp_path)
    before = _contents(folder)
    for option in (["--chkdsk-at-boot"], ["--output", str(tmp_path / "x.qcow2")]):
        assert judges.reseal("generalize", folder, *option).returncode == 2
    assert _contents(folder) == before


def test_a_folder_without_windows_says_so(tmp_path: Path) -> None:
    done = judges.reseal("generalize", tmp_path)
    assert done.returncode == 4
    assert "has no Windows" in done.stderr


def test_a_damaged_hive_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    folder = _made(tmp_path)
    hive = folder / "Windows" / "System32" / "config" / "SECURITY"
    hive.write_bytes(hive.read_bytes()[:5000])
    before = _contents(folder)
    done = judges.reseal("generalize", folder)
    assert done.returncode == 4
    assert "SECURITY" in done.stderr
    assert _contents(folder) == before


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    folder = _made(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.log").write_text("keep")
    panther = folder / "Windows" / "Logs"
    panther.mkdir()
    (panther / "CBS").symlink_to(outside)
    judges.generalize(folder)
    assert (outside / "secret.log").read_text() == "keep"


def test_a_killed_run_is_put_back_by_resume(tmp_path: Path) -> None:
    drawn = random.Random("folder")
    put_back = 0
    for moment in range(max(4, KILLS // 4)):
        base = tmp_path / str(moment)
        base.mkdir()
        folder = _made(base)
        before = _contents(folder)
        run = subprocess.Popen(
            [judges.RESEAL, "generalize", folder],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(os.environ),
        )  # fmt: skip
        assert run.stderr
        for _ in range(6):
            run.stderr.readline()
        time.sleep(drawn.uniform(0, 0.05))
        run.kill()
        run.communicate(timeout=30)
        shown = judges.reseal("inspect", folder, "--json")
        if shown.returncode == 4:
            assert "reseal resume" in shown.stderr
            assert judges.reseal("resume", folder).returncode == 0
            put_back += 1
        shown = judges.reseal("inspect", folder, "--json")
        state = json.loads(shown.stdout)["state"]
        assert _contents(folder) == before or state["generalization_state"] == 4
        assert [one.name for one in base.iterdir()] == ["windows"]
    assert put_back > 0
