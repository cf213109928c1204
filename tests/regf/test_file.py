from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from reseal.regf import RegfError
from reseal.regf.file import HiveFile
from reseal.testing.hives import hive
from tests.regf.test_recovery import opened

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def dirty(corpus: Path, tmp_path: Path) -> Path:
    for source in (corpus / "machines/win10-21h1").glob("DEFAULT*"):
        target = tmp_path / source.name.replace(".LOG", ".log")
        shutil.copyfile(source, target)
    return tmp_path / "DEFAULT"


def test_logs_are_found_in_any_case_and_emptied(corpus: Path, dirty: Path) -> None:
    file = HiveFile(dirty)
    assert file.hive.recovery.entries_applied == 5
    file.hive.root.create("new")
    dirty.chmod(0o640)
    kept = file.replace(file.hive.to_bytes(), backup=True)
    assert kept is not None
    assert kept.read_bytes() == (corpus / "machines/win10-21h1/DEFAULT").read_bytes()
    assert HiveFile(kept).hive.recovery.entries_applied == 5
    assert [dirty.with_name(f"DEFAULT.log{n}").stat().st_size for n in (1, 2)] == [0, 0]
    assert dirty.stat().st_mode & 0o777 == 0o640
    again = HiveFile(dirty)
    assert not again.hive.recovery.dirty
    assert again.hive.key("new") is not None
    assert not again.hive.changed


def test_a_link_leads_to_the_hive(dirty: Path, tmp_path: Path) -> None:
    (tmp_path / "link").mkdir()
    link = tmp_path / "link" / "elsewhere"
    link.symlink_to(dirty)
    file = HiveFile(link)
    file.hive.root.create("new")
    file.replace(file.hive.to_bytes())
    assert link.is_symlink()
    assert opened(dirty).key("new") is not None


def test_a_failed_write_leaves_the_old_file(dirty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in dirty.parent.iterdir()}

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    file = HiveFile(dirty)
    file.hive.root.create("new")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RegfError, match="No space left"):
        file.replace(file.hive.to_bytes())
    assert {path.name: path.read_bytes() for path in dirty.parent.iterdir()} == before


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(RegfError, match="can't be read"):
        HiveFile(tmp_path / "absent")
    with pytest.raises(RegfError, match="can't be read"):
        HiveFile(tmp_path)
    (tmp_path / "empty").touch()
    with pytest.raises(RegfError, match="0 bytes"):
        _ = HiveFile(tmp_path / "empty").hive
    (tmp_path / "ok").write_bytes(hive({"a": {}}).to_bytes())
    assert HiveFile(tmp_path / "ok").hive.key("a") is not None
