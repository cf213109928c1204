"""A machine whose SID stands in every kind of place."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reseal.testing.hives import hive
from reseal.testing.machine import Machine, _merged, user_hive
from reseal.testing.volumes import File, Folder
from tests.ntfs.sddl import descriptor

if TYPE_CHECKING:
    from reseal.windows import Sid

#: Has the form of a machine SID, and is Microsoft's (see the corpus).
CONSTANT = "S-1-5-21-2702878673-795188819-444038987"
TASK = "OneDrive Standalone Update Task-{sid}-1001"
TRIGGER = "CREATE TRIGGER Changed AFTER UPDATE ON User BEGIN SELECT only_in_windows(1); END"
KEY = "0c1b2a39-1234-4abc-9def-0123456789ab"


def task(sid: Sid) -> bytes:
    """A task as Windows stores it: UTF-16 with a byte order mark."""
    text = (
        '<?xml version="1.0" encoding="UTF-16"?>\r\n<Task><Principals><Principal>'
        f"<UserId>{sid}-1001</UserId></Principal></Principals><URI>\\{TASK.format(sid=sid)}</URI>"
        f"<Other>{CONSTANT}-1001 and {sid}7</Other></Task>"
    )
    return text.encode("utf-16")


def database(sid: Sid) -> tuple[bytes, bytes]:
    """A database with a trigger that only Windows can run, and its write-ahead log."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        made = sqlite3.connect(path, isolation_level=None)
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("CREATE TABLE User (Id INTEGER PRIMARY KEY, Sid TEXT UNIQUE, Raw BLOB)")
        made.execute("CREATE INDEX ByRaw ON User (Raw)")
        made.execute(
            "INSERT INTO User VALUES (1, ?, ?)", (f"{sid}-1001", sid.relative(1001).to_bytes())
        )
        made.execute(TRIGGER)
        made.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # The second user is in the log alone.
        made.execute("INSERT INTO User VALUES (2, ?, ?)", (f"{sid}-1002", CONSTANT.encode()))
        data = path.read_bytes(), path.with_name("state-wal").read_bytes()
        made.close()
        return data


def everywhere(machine: Machine) -> Machine:
    """Give a machine its SID, and others' SIDs, in all places that reseal knows."""
    sid = machine.sid
    user = machine.users[0]
    owner = f"O:{sid}-1001G:SYD:"
    profile = descriptor(f"{owner}(A;OICI;FA;;;{sid}-1001)(A;OICI;FA;;;SY)")
    other = descriptor(f"O:{CONSTANT}-5G:SYD:(A;;FA;;;SY)")
    data, log = database(sid)
    name = TASK.format(sid=sid)
    guid = "{11111111-2222-3333-4444-555555555555}"
    cache = {
        "Tasks": {guid: {
            "Path": f"\\{name}", "URI": f"\\{name}",
            "Hash": hashlib.sha256(task(sid)).digest(),
        }},
        "Tree": {name: {"Id": guid}},
    }  # fmt: skip
    protect = {f"{sid}-1001": {KEY: b"key", "Preferred": b"p"}, "CREDHIST": sid.to_bytes()}
    roaming = {"Protect": protect, "Crypto": {"RSA": {f"{sid}-1001": {"k": b"k"}}}}
    machine.software = _merged(
        machine.software,
        {"Microsoft": {"Windows NT": {"CurrentVersion": {"Schedule": {"TaskCache": cache}}},
                       "Windows": {"CurrentVersion": {"Appx": {
                           f"{sid}-1001": {f"{sid}-1001": f"text {sid}-1001 and {CONSTANT}"}}}}}},
    )  # fmt: skip
    home: dict[str, Any] = {
        "owned.txt": File(b"mine", descriptor=profile),
        "AppData": {
            "Roaming": {"Microsoft": roaming},
            "Local": {"Microsoft": {"Windows": {
                "UsrClass.dat": hive({"Local Settings": {"Owner": f"{sid}-1001"}}).to_bytes(),
                "Notifications": {"wpndatabase.db": database(sid)[0]},
            }}},
        },
    }  # fmt: skip
    old_home = machine.files.get("Users", {}).get(user, {"NTUSER.DAT": user_hive(machine, 1001)})
    files: dict[str, Any] = {
        "Windows": {
            "System32": {
                "Tasks": {name: task(sid)},
                "GroupPolicyUsers": {f"{sid}-1001": {"gpt.ini": b"[General]\r\n"}},
                "winevt": {"Logs": {"Other.evtx": b"ElfFile\0" + sid.to_bytes() * 2}},
            }
        },
        "Users": {
            user: Folder({**old_home, **home}, descriptor=profile),
        },
        "ProgramData": {
            "Microsoft": {"Windows": {"AppRepository": {
                "StateRepository-Machine.srd": data,
                "StateRepository-Machine.srd-wal": log,
            }}},
            "kept.txt": File(b"kept", descriptor=other),
        },
        "$Recycle.Bin": {f"{sid}-1001": {"desktop.ini": b"x"}, "S-1-5-18": {}},
    }  # fmt: skip
    for number in range(20):
        files[f"file {number}"] = File(
            b"x", descriptor=descriptor(f"{owner}(A;;FA;;;{sid}-{number + 2000})")
        )
    machine.files = _merged(machine.files, files)
    return machine
