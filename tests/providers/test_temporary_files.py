from __future__ import annotations

from reseal.testing.machine import Machine
from reseal.testing.memory import Link
from tests.builders import effect


def test_temporary_files_of_the_system_and_of_users_go_and_their_folders_stay() -> None:
    local = {"AppData": {"Local": {"Temp": {"setup": {"a.msi": b"m"}}, "Keep": {"k": b"k"}}}}
    machine = Machine(files={
        "Windows": {
            "Temp": {"x.tmp": b"x", "link": Link()},
            "ServiceProfiles": {"NetworkService": local},
        },
        "Users": {"Bob": local},
    })  # fmt: skip
    done = effect("temporary-files", machine)
    below = r"AppData\Local\Temp\setup"
    assert done.changes == {
        r"-Windows\Temp\x.tmp",
        r"-Windows\Temp\link",
        *(
            rf"-{profile}\{below}{file}"
            for profile in (r"Windows\ServiceProfiles\NetworkService", r"Users\Bob")
            for file in ("", r"\a.msi")
        ),
    }
    assert done.after.files.stat(r"Windows\Temp")


def test_a_folder_that_is_a_link_is_not_entered() -> None:
    assert effect("temporary-files", Machine(files={"Windows": {"Temp": Link()}})).changes == set()
