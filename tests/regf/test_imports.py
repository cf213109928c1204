"""What it takes to open a hive: nothing but the engine is loaded, and a process is soon done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import reseal
from reseal.regf import Hive, types
from tests.cpu import cpu_time, empty_program

_CODE = "import sys, reseal.regf; print(*sys.modules)"
#: `reseal reg set` may take as many times the CPU time of a program that only loads click.
MOST = 6


def test_the_engine_needs_nothing_but_the_standard_library() -> None:
    source = Path(reseal.__file__).parents[1]
    # -S: what the environment itself imports at its start is not ours.
    done = subprocess.run(
        [sys.executable, "-S", "-c", _CODE],
        env=os.environ | {"PYTHONPATH": str(source)},
        capture_output=True,
        check=True,
    )
    loaded = set(done.stdout.decode().split())
    assert "reseal.regf.hive" in loaded
    others = {one for one in loaded if one.partition(".")[0] == "reseal"}
    others = {one for one in others if not f"{one}.".startswith("reseal.regf.")}
    assert others == {"reseal", "reseal.errors", "reseal.version"}
    known = {"__main__", "reseal", *sys.stdlib_module_names}
    assert {one.partition(".")[0] for one in loaded} <= known
    # Of the standard library, what takes as long as all of the engine.
    assert loaded & {"asyncio", "ctypes", "email", "multiprocessing", "tempfile", "xml"} == set()


@pytest.mark.parametrize(
    "arguments",
    [("set", "Key", "Value", "1", "--type", "REG_DWORD"), ("query", "Key")],
    ids=lambda arguments: arguments[0],
)
def test_a_command_on_a_small_hive_takes_a_few_times_an_empty_program(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    hive = Hive.new()
    hive.root.create("Key").set("Value", types.REG_DWORD, bytes(4))
    file = tmp_path / "hive"
    file.write_bytes(hive.to_bytes())
    verb, *rest = arguments
    reseal = Path(sys.executable).with_name("reseal")
    assert cpu_time(reseal, "reg", verb, file, *rest) < MOST * empty_program()
