from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect

REPORT = {"AppCrash_x.exe_1": {"Report.wer": b"report"}}
USER = r"Users\Alice\AppData\Local"


def test_reports_and_dumps_of_the_machine_and_its_users_go() -> None:
    queue = {"ReportQueue": REPORT, "ReportArchive": {}, "ERC": {"keep.db": b"k"}}
    local = {
        "Microsoft": {"Windows": {"WER": {"ReportArchive": REPORT}}},
        "CrashDumps": {"x.exe.1.dmp": b"MDMP", "readme.txt": b"keep"},
    }
    machine = Machine(files={
        "ProgramData": {"Microsoft": {"Windows": {"WER": queue}}},
        "Users": {"Alice": {"AppData": {"Local": local}}},
        "Windows": {"MEMORY.DMP": b"PAGEDU64", "Minidump": {"1.dmp": b"PAGE"}},
    })  # fmt: skip
    reports = {
        rf"{place}\AppCrash_x.exe_1{file}"
        for place in (
            r"-ProgramData\Microsoft\Windows\WER\ReportQueue",
            rf"-{USER}\Microsoft\Windows\WER\ReportArchive",
        )
        for file in ("", r"\Report.wer")
    }
    assert effect("error-reporting", machine).changes == reports | {
        rf"-{USER}\CrashDumps\x.exe.1.dmp",
        r"-Windows\MEMORY.DMP",
        r"-Windows\Minidump\1.dmp",
    }
