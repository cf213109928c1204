"""The registry engine compared with hivex: whole processes on the same files in one run."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import reseal

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The largest real SYSTEM hive. It is clean, so hivex can open it.
REAL = Path("machines/win7sp1-x86-domain-joined/SYSTEM")

_READ = """
import sys
data = open(sys.argv[1], "rb").read()
"""
_OPEN = """
import mmap, os, sys
from reseal.regf import Hive
file = os.open(sys.argv[1], os.O_RDWR)
hive = Hive.open(mmap.mmap(file, 0, access=mmap.ACCESS_COPY))
"""
_COMMIT = """
for offset, content in hive.patches():
    os.pwrite(file, content, offset)
"""
_SET = _OPEN + "hive.key(sys.argv[2]).set('Bench', 1, b'x\\0\\0\\0')" + _COMMIT
_DELETE = _OPEN + "hive.key(sys.argv[2]).delete()" + _COMMIT
_WALK = (
    _OPEN
    + """
from reseal.regf.reader import Reader
reader = Reader(hive.cells)
for path, offset, key in reader.walk(hive.root_offset):
    for value in reader.values(key):
        pass
"""
)
_SIDS = (
    _OPEN
    + """
from reseal.regf import sids
sids.find(hive, "S-1-5-21-2290304894-658537038-505560459")
"""
)


@dataclass(frozen=True)
class Result:
    """One measurement: seconds of the fastest and the median run, and peak memory in MiB."""

    what: str
    who: str
    best: float
    median: float
    memory: float


_ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(reseal.__file__).parents[1])}
#: python3-hivex belongs to the system's Python.
_SYSTEM_PYTHON = "/usr/bin/python3"

_HIVEX_SET = """
import sys, hivex
hive = hivex.Hivex(sys.argv[1], write=True)
node = hive.root()
for name in sys.argv[2].split(chr(92)):
    node = hive.node_get_child(node, name)
hive.node_set_value(node, {"key": "Bench", "t": 1, "value": bytes(4)})
hive.commit(None)
"""
_MAKE = """
import sys
from reseal.testing.hives import large
open(sys.argv[1], "wb").write(large())
"""


#: Task, tool, command, and its standard input. `HIVE` in command and input is replaced by the hive's path.
Job = tuple[str, str, list[str], str | None]


def _run(command: list[str], script: str | None = None) -> tuple[float, float]:
    """Return the run time of a process in seconds, and its peak memory in MiB."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT,
    )
    assert process.stdin is not None
    process.stdin.write((script or "").encode())
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        msg = f"{command[0]} failed with {process.returncode}"
        raise RuntimeError(msg)
    return seconds, usage.ru_maxrss / 1024


def measure(job: Job, original: Path, runs: int) -> Result:
    """Measure one command, each time on a fresh copy in the page cache.

    Args:
        job: task, tool, command and standard input.
        original: the hive to copy.
        runs: number of runs.
    """
    what, who, command, script = job
    seconds, memory = [], 0.0
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "hive"
            shutil.copyfile(original, copy)
            filled = [part.replace("HIVE", str(copy)) for part in command]
            taken, peak = _run(filled, script and script.replace("HIVE", str(copy)))
        seconds.append(taken)
        memory = max(memory, peak)
    return Result(what, who, min(seconds), statistics.median(seconds), memory)


@cache
def _python() -> str:
    """The Python for all measurements: the one with python3-hivex, if installed."""
    command = [_SYSTEM_PYTHON, "-c", "import hivex"]
    try:
        found = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        found = False
    return _SYSTEM_PYTHON if found else sys.executable


def _ours(code: str, *arguments: str) -> list[str]:
    return [_python(), "-c", code, "HIVE", *arguments]


def _hivexsh(*lines: str) -> str:
    return "\n".join(["load HIVE", *lines, ""])


def _jobs(key: str, doomed: str) -> list[Job]:
    cd = "cd \\" + key
    shell = ["hivexsh", "-w"]
    jobs: list[Job] = [
        ("read the file", "python", _ours(_READ), None),
        ("set a value", "reseal", _ours(_SET, key), None),
        ("set a value", "hivexsh", shell, _hivexsh(cd, "setval 1", "Bench", "string:x", "commit")),
        ("delete 10,000 keys", "reseal", _ours(_DELETE, doomed), None),
        ("delete 10,000 keys", "hivexsh", shell, _hivexsh("cd \\" + doomed, "del", "commit")),
        ("walk all", "reseal", _ours(_WALK), None),
        ("walk all", "hivexml", ["hivexml", "HIVE"], None),
        ("find a SID", "reseal", _ours(_SIDS), None),
    ]
    if _python() == _SYSTEM_PYTHON:
        command = [_SYSTEM_PYTHON, "-c", _HIVEX_SET, "HIVE", key]
        jobs.insert(3, ("set a value", "python3-hivex", command, None))
    return jobs


def compare(corpus: Path, runs: int = 5) -> list[Result]:
    """Measure all tasks on a generated hive of 100 MB and on a real SYSTEM hive, if available."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "large"
        # Use another process, so that this one, which is forked for the measurements, stays small.
        subprocess.run([sys.executable, "-c", _MAKE, str(made)], env=_ENVIRONMENT, check=True)
        for job in _jobs(r"Key0000003\Key0000050\Key0000020", "Key0000007"):
            results.append(measure((f"100 MB: {job[0]}", *job[1:]), made, runs))
    if (corpus / REAL).is_file():
        for job in _jobs(r"ControlSet001\Control\Windows", r"ControlSet001\Enum"):
            label = job[0].replace("10,000 keys", "Enum")
            results.append(measure((f"SYSTEM: {label}", *job[1:]), corpus / REAL, runs))
    return results


def lines() -> Iterator[str]:
    """Measure, and yield the lines of the table, one group per task."""
    corpus = Path(__file__).parents[2] / "shared" / "corpus"
    groups: dict[str, list[Result]] = {}
    for result in compare(Path(os.environ.get("RESEAL_CORPUS", corpus))):
        groups.setdefault(result.what, []).append(result)
    for what, results in groups.items():
        yield f"hive, {what}"
        for one in results:
            name = one.who if one.who == "reseal" else f"{one.who} (peer)"
            yield f"  {name:<24} {one.median:7.3f} s  (best {one.best:.3f}, {one.memory:.0f} MiB)"


def main() -> None:
    """Measure and print."""
    for line in lines():
        print(line)


if __name__ == "__main__":
    main()
