"""The machine SID in SQLite databases, such as StateRepository.

SQLite itself does the work, on a copy with its write-ahead log. Triggers call functions that
only Windows registers (inferred), so they are dropped first and created again unchanged, in the
transaction that changes the rows. A database that SQLite can't change for the same reason, or finds
damaged afterwards, stays as it is and is listed.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from tempfile import gettempdir

from reseal.disk import DiskError
from reseal.errors import ImageError
from reseal.interruption import temporary_folder
from reseal.session import Session
from reseal.sid import places
from reseal.sid.replacement import Replacement
from reseal.tree import TreeError

MAGIC = b"SQLite format 3\0"
_MAX_SIZE = 1 << 30
#: A hostile schema could keep SQLite busy forever.
_MAX_SECONDS = 60.0
_STEPS_BETWEEN_LOOKS = 100_000
#: What SQLite says where the system fails below its copy: that is not the database's fault.
_SYSTEM = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM}
_LOG, _SHARED_MEMORY = "-wal", "-shm"


@dataclass(slots=True)
class Databases:
    """What became of the databases.

    Attributes:
        changed: the files, with the number of cells that changed in each.
        refused: files that hold the SID and stay as they are, with the reason.
    """

    changed: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def replace(session: Session, replacement: Replacement) -> Databases:
    """Stage the new SID in every database that is known to hold SIDs."""
    result = Databases()
    for path, entry in places.files(session, *places.DATABASES).items():
        if entry.size > _MAX_SIZE:
            result.refused[path] = "it is larger than any real one"
            continue
        try:
            data = session.files.read(path)
            log_path = path + _LOG
            log = session.files.read(log_path) if session.files.stat(log_path) else b""
        except TreeError as error:
            session.note(f"{path} was not examined: {error.message}")
            continue
        if not data.startswith(MAGIC) or not replacement.count(data) + replacement.count(log):
            continue
        try:
            new, cells = rewrite(data, log, replacement)
        except DiskError:
            raise
        except (sqlite3.Error, ImageError) as error:
            result.refused[path] = str(error)
            continue
        if not cells:
            result.refused[path] = "the SID is only in its free space"
            continue
        session.write_file(path, new)
        if log:
            # Its content is in the database now; Windows takes an empty log for none.
            session.write_file(log_path, b"")
        result.changed[path] = cells
    return result


def rewrite(data: bytes, log: bytes, replacement: Replacement) -> tuple[bytes, int]:
    """Return a database with the new SID, and how many cells changed.

    Args:
        data: the database.
        log: its write-ahead log, empty where there is none.
        replacement: old and new.

    Raises:
        sqlite3.Error: SQLite can't open or change it.
        ImageError: its schema is not the same afterwards, or it is damaged.
        DiskError: the temporary folder can't be used.
    """
    try:
        return _rewrite_copy(data, log, replacement)
    except OSError as error:
        reason = error.strerror or str(error)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _SYSTEM:
            raise
        reason = str(error)
    raise DiskError(
        f"The temporary folder {gettempdir()} can't be used: {reason}.",
        hint="Set TMPDIR to a folder that can be written and has enough free space.",
    )


def _rewrite_copy(data: bytes, log: bytes, replacement: Replacement) -> tuple[bytes, int]:
    with temporary_folder() as folder:
        path = folder / "database"
        path.write_bytes(data)
        if log:
            path.with_name(path.name + _LOG).write_bytes(log)
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            cells = _change(database, replacement)
        return path.read_bytes(), cells


def _change(database: sqlite3.Connection, replacement: Replacement) -> int:
    end = time.monotonic() + _MAX_SECONDS
    database.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
    # A damaged file may hold text that is none.
    database.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "foreign_keys = OFF",
                   "recursive_triggers = OFF", "secure_delete = ON"):  # fmt: skip
        database.execute(f"PRAGMA {pragma}")
    database.create_function("reseal_replace", 1, lambda cell: _cell(cell, replacement))
    database.execute("BEGIN IMMEDIATE")
    schema = _schema(database)
    triggers = [(name, sql) for kind, name, _, sql in schema if kind == "trigger"]
    for name, _ in triggers:
        database.execute(f"DROP TRIGGER {_quoted(name)}")
    cells = 0
    for kind, name, _, sql in schema:
        if kind == "table" and not name.startswith("sqlite_") and not _is_virtual(sql):
            cells += _change_table(database, name)
    for _, sql in triggers:
        database.execute(sql or "")
    if sorted(_schema(database)) != sorted(schema):
        database.execute("ROLLBACK")
        raise ImageError("its schema would not be the same afterwards")
    database.execute("COMMIT")
    (verdict,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise ImageError(f"it is damaged: {verdict}")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return cells


def _schema(database: sqlite3.Connection) -> list[tuple[str, str, str, str]]:
    rows = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid")
    return [(kind, name, table, sql or "") for kind, name, table, sql in rows]


def _is_virtual(sql: str) -> bool:
    return sql.lstrip().upper().startswith("CREATE VIRTUAL")


def _change_table(database: sqlite3.Connection, table: str) -> int:
    """Change every cell of a table that holds the SID; returns how many did."""
    cells = 0
    columns = database.execute(f"PRAGMA table_xinfo({_quoted(table)})").fetchall()
    for _, name, _, _, _, _, hidden in columns:
        if hidden:  # generated from others
            continue
        column = _quoted(name)
        cursor = database.execute(
            f"UPDATE {_quoted(table)} SET {column} = reseal_replace({column}) "  # noqa: S608  quoted
            f"WHERE typeof({column}) IN ('text', 'blob') AND reseal_replace({column}) IS NOT {column}"
        )
        cells += max(cursor.rowcount, 0)
    return cells


def _cell(cell: str | bytes, replacement: Replacement) -> str | bytes:
    if isinstance(cell, bytes):
        cell = cell.replace(replacement.old_binary, replacement.new_binary)
        # A cell of bytes may say how long a text in it is.
        return replacement.in_bytes(cell) if replacement.same_length else cell
    return replacement.in_text(cell)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
