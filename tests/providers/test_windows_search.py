from __future__ import annotations

from typing import Any

from reseal.testing.machine import Machine
from tests.builders import effect

COMPLETED = r"SOFTWARE\Microsoft\Windows Search\SetupCompletedSuccessfully"
INDEX = r"ProgramData\Microsoft\Search\Data\Applications\Windows"


def _machine(search: dict[str, Any]) -> Machine:
    index = {"Windows.edb": b"ESE" * 100, "edb.log": b"log", "GatherLogs": {"SystemIndex": {}}}
    data = {"Data": {"Applications": {"Windows": index}, "Temp": {"keep": b"k"}}}
    return Machine(
        software={"Microsoft": {"Windows Search": search}},
        files={"ProgramData": {"Microsoft": {"Search": data}}},
    )


def test_the_index_is_deleted_never_edited_and_set_up_again() -> None:
    done = effect("windows-search", _machine({"SetupCompletedSuccessfully": 1, "Keep": 2}))
    assert done.changes == {
        COMPLETED,
        rf"-{INDEX}\Windows.edb",
        rf"-{INDEX}\edb.log",
        rf"-{INDEX}\GatherLogs",
        rf"-{INDEX}\GatherLogs\SystemIndex",
    }
    assert (
        done.after.registry.number(r"HKLM\SOFTWARE\Microsoft\Windows Search", COMPLETED[-26:]) == 0
    )
    assert "write_file" not in {change.kind for change in done.session.changes}


def test_a_system_that_never_set_it_up_gets_no_value() -> None:
    changes = effect("windows-search", _machine({"Keep": 2})).changes
    assert COMPLETED not in changes
    assert rf"-{INDEX}\Windows.edb" in changes
