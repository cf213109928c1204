"""What it takes to open a hive: nothing but the engine is loaded, and a process is soon done."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import reseal
from reseal.regf import Hive, types

_CODE = "import sys, reseal.regf; print(*sys.modules)"
_EMPTY = "import click; click.command()(lambda: None)(standalone_mode=False)"
#: `reseal reg set` may take as many times the CPU time of a program that only loads click.
MOST = 6
RUNS = 5


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


def _cpu(*arguments: str | Path) -> float:
    """The least CPU time of several runs, in seconds."""
    times = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(arguments, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


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
    taken = _cpu(reseal, "reg", verb, file, *rest)
    assert taken < MOST * _cpu(sys.executable, "-c", _EMPTY)
