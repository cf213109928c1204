from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect

SUM = r"Windows\System32\LogFiles\Sum"


def test_the_databases_go_and_other_logs_stay() -> None:
    logs = {"Sum": {"SystemIdentity.mdb": b"ESE", "Current.mdb": b"ESE"}, "Fax": {"x.log": b"x"}}
    machine = Machine(files={"Windows": {"System32": {"LogFiles": logs}}})
    done = effect("user-access-logging", machine)
    assert done.changes == {rf"-{SUM}\SystemIdentity.mdb", rf"-{SUM}\Current.mdb"}
    assert done.after.files.stat(SUM)
