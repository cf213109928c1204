"""A folder that holds a Windows tree, as a mount or an extracted image would."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from reseal.errors import ImageError
from reseal.folder import Folder, UncleanFolderError, journal, journal_of
from reseal.run import Callables, RunOptions, change
from reseal.run.resume import resume
from reseal.session import Session
from reseal.testing.machine import Machine, software_hive, system_hive, tree
from tests.end_to_end import judges
from tests.faults import supervisor
from tests.faults.supervisor import Fault, Outcome, available

#: Runs that are killed; `make faults` asks for more.
KILLS = int(os.environ.get("RESEAL_KILLS", "10"))
JOURNAL = journal_of(Path("windows")).name


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


@pytest.mark.skipif(not available(), reason="this system can't supervise system calls")
def test_a_killed_run_is_put_back_by_resume(tmp_path: Path) -> None:
    """Killed before its journal is active, while it is, and after its changes were committed."""
    calls = _killed(tmp_path / "whole", None).calls
    before = calls.index(f"mkdir /{JOURNAL} worker")
    during = range(before + 1, calls.index("syncfs /windows reseal") + 1)
    after = next(
        number for number, call in enumerate(calls) if call.startswith("unlinkat /windows/.reseal")
    )
    pieces = max(2, KILLS // 4)
    spread = [during[len(during) * piece // pieces - 1] for piece in range(1, pieces + 1)]
    outcomes = []
    for moment in (before, *spread, after + 1):
        base = tmp_path / str(moment)
        assert _killed(base, Fault(moment, "kill")).hit
        folder = base / "windows"
        shown = judges.reseal("inspect", folder, "--json")
        interrupted = shown.returncode == 4
        if interrupted:
            assert "reseal resume" in shown.stderr
            assert judges.reseal("resume", folder).returncode == 0
            assert {one.name for one in base.iterdir()} == {"windows", "golden"}
            shown = judges.reseal("inspect", folder, "--json")
        state = json.loads(shown.stdout)["state"]
        changed = _contents(folder) != _contents(base / "golden")
        assert changed == (state["generalization_state"] == 4)
        outcomes.append((interrupted, changed))
    assert outcomes == [(False, False), *[(True, False) for _ in spread], (True, True)]


def _killed(base: Path, fault: Fault | None) -> Outcome:
    """Generalize a folder with the command, which is killed at a call."""
    base.mkdir()
    folder = _made(base)
    shutil.copytree(folder, base / "golden")
    return supervisor.command([judges.RESEAL, "generalize", folder], base, fault)


def test_what_a_worker_has_not_handed_over_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _made(tmp_path)
    before = _contents(folder)
    handing_over = Folder.hand_over

    def crash(self: Folder) -> None:
        handing_over(self)
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Folder, "hand_over", crash)
    with pytest.raises(ImageError, match=r"crashed .* the image was not changed"):
        change(folder, Callables(_delete_and_write), RunOptions())
    assert _contents(folder) == before
    assert [one.name for one in tmp_path.iterdir()] == ["windows"]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "it is broken"), KeyboardInterrupt()])
def test_an_error_after_the_commit_says_that_the_run_is_done(
    tmp_path: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _made(tmp_path)

    def fail(root: int) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(journal, "_empty_deleted", fail)
        with pytest.raises(UncleanFolderError, match="changes are kept") as raised:
            change(folder, Callables(_delete_and_write), RunOptions())
    assert raised.value.image_changed
    assert "not changed" not in raised.value.message
    assert "reseal resume" in str(raised.value.hint)
    refused = judges.reseal("inspect", folder)
    assert refused.returncode == 4
    assert "reseal resume" in refused.stderr
    assert "is complete" in resume(folder)
    assert (folder / "new").read_bytes() == b"new"
    assert not (folder / "pagefile.sys").exists()
    assert [one.name for one in tmp_path.iterdir()] == ["windows"]


def test_an_error_before_the_commit_undoes_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _made(tmp_path)
    before = _contents(folder)
    sync = journal._sync_file_system
    errors = [OSError(errno.EIO, "it is broken")]

    def fail(root: int) -> None:
        if errors:
            raise errors.pop()
        sync(root)

    monkeypatch.setattr(journal, "_sync_file_system", fail)
    with pytest.raises(ImageError, match="was not changed: it is broken"):
        change(folder, Callables(_delete_and_write), RunOptions())
    assert _contents(folder) == before
    assert [one.name for one in tmp_path.iterdir()] == ["windows"]


def _delete_and_write(session: Session) -> dict[str, Any]:
    session.delete_file("pagefile.sys")
    session.write_file("new", b"new")
    return {}
