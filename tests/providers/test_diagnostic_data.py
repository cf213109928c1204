from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect

FOLDER = r"ProgramData\Microsoft\Diagnosis\ETLLogs"


def test_traces_go_and_the_service_s_settings_stay() -> None:
    logs = {
        "AutoLogger": {"AutoLogger-Diagtrack-Listener.etl": b"trace", "note.txt": b"keep"},
        "ShutdownLogger": {"AutoLogger-Diagtrack-Listener.ETL": b"trace"},
    }
    diagnosis = {"ETLLogs": logs, "DownloadedSettings": {"utc.app.json": b"{}"}}
    machine = Machine(files={"ProgramData": {"Microsoft": {"Diagnosis": diagnosis}}})
    assert effect("diagnostic-data", machine).changes == {
        rf"-{FOLDER}\AutoLogger\AutoLogger-Diagtrack-Listener.etl",
        rf"-{FOLDER}\ShutdownLogger\AutoLogger-Diagtrack-Listener.ETL",
    }
