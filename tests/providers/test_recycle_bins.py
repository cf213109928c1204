from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect


def test_what_users_deleted_goes() -> None:
    sid = str(Machine().sid.relative(1001))
    bins = {sid: {"desktop.ini": b"i", "$RABC.txt": b"secret", "$IABC.txt": b"info"}}
    done = effect("recycle-bins", Machine(files={"$Recycle.Bin": bins}))
    folder = rf"-$Recycle.Bin\{sid}"
    assert done.changes == {folder, *(rf"{folder}\{name}" for name in bins[sid])}
    assert done.after.files.stat("$Recycle.Bin")
