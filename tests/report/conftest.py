"""Records of real runs on a sample in memory, one with names that are attacks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from reseal.operations.generalize import Generalize
from reseal.testing.machine import Machine
from tests.builders import session

#: What an image may call things in order to be run as a part of the page.
HOSTILE = (
    "</script><script>document.title='taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "{{ 7 * 7 }}{% raw %}",
    "' onmouseover='document.title=1",
    "javascript:document.title='taken'",
    "\u202egnp.exe \x07\ufffe",
)


def record_of(machine: Machine) -> dict[str, Any]:
    one = session(machine)
    result = Generalize().stage(one)
    written = {
        "hives": one.edited_hives,
        "files": {
            "files_created": 1, "files_deleted": 2, "files_overwritten": 3, "files_renamed": 4,
            "bytes_written": 56789,
        },
    }  # fmt: skip
    record = {
        "image": {"path": "/images/golden.qcow2", "format": "qcow2", "size": 64 << 30},
        **result,
        "changes": [change.to_json() for change in one.changes],
        "notes": one.notes,
        "written": written,
        "traffic": {"bytes_read": 7 << 20, "bytes_written": 1 << 20},
        "timings": {**one.timings, "Writing": 0.2, "Merging": 0.1, "total": 0.9},
    }
    # As the worker hands it over.
    plain: dict[str, Any] = json.loads(json.dumps(record))
    return plain


@pytest.fixture(scope="session")
def record() -> dict[str, Any]:
    return record_of(Machine())


@pytest.fixture(scope="session")
def hostile_record() -> dict[str, Any]:
    one = record_of(Machine(product=HOSTILE[1], computer_name=HOSTILE[0]))
    one["image"]["path"] = f"/tmp/{HOSTILE[1]}"
    one["notes"] = list(HOSTILE)
    one["coverage"]["unknown"] = list(HOSTILE)
    one["checks"][0]["message"] = one["checks"][0]["hint"] = HOSTILE[0]
    for change, text in zip(one["changes"], HOSTILE * 9, strict=False):
        change |= {"provider": text, "target": text, "before": text}
        change["after"] = {"type": text, "data": text}
    one["timings"][HOSTILE[0]] = 0.5
    return one


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: RESEAL_ARTEFACTS, for a build that keeps them, or a passing folder."""
    kept = os.environ.get("RESEAL_ARTEFACTS")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
