"""What is said where the system fails below a copy of a database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reseal.disk import DiskError
from reseal.sid import databases
from reseal.sid.replacement import Replacement
from reseal.windows import Sid

OLD, NEW = (Sid.parse(f"S-1-5-21-1004336348-1177238915-{last}") for last in (682003330, 682003331))


@pytest.fixture
def database(tmp_path: Path) -> bytes:
    path = tmp_path / "database"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE User(sid TEXT)")
        made.execute("INSERT INTO User VALUES (?)", (str(OLD),))
        made.commit()
    return path.read_bytes()


def _raise(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def _sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as if")
    error.sqlite_errorcode = code
    return error


def test_a_database_is_changed(database: bytes) -> None:
    new, cells = databases.rewrite(database, b"", Replacement(OLD, NEW))
    assert cells == 1
    assert str(NEW).encode() in new
    assert str(OLD).encode() not in new


@pytest.mark.parametrize(
    "error",
    [
        OSError(5, "Input/output error"),
        _sqlite(sqlite3.SQLITE_IOERR_FSYNC),
        _sqlite(sqlite3.SQLITE_FULL),
        _sqlite(sqlite3.SQLITE_CANTOPEN),
    ],
    ids=["file", "fsync", "full", "open"],
)
def test_a_temporary_folder_that_fails_is_not_the_databases_fault(
    error: Exception, database: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_change", _raise(error))
    with pytest.raises(DiskError, match=r"^The temporary folder .* can't be used: ") as caught:
        databases.rewrite(database, b"", Replacement(OLD, NEW))
    assert "TMPDIR" in str(caught.value.hint)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_ERROR, sqlite3.SQLITE_BUSY])
def test_what_the_database_itself_refuses_stays_its_reason(
    code: int, database: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_change", _raise(_sqlite(code)))
    with pytest.raises(sqlite3.OperationalError):
        databases.rewrite(database, b"", Replacement(OLD, NEW))
