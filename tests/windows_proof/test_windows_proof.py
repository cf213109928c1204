"""The proof that needs Windows, as far as it can be checked without: it was not run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reseal.testing.windows import windows
from tests.end_to_end import judges
from tools.windows_proof import answers, compare
from tools.windows_proof.__main__ import boot_copies
from tools.windows_proof.machine import FIRMWARE, Machine

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["setup", "first_boot"])
def test_its_answer_files_have_no_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / "answers.xml"
    path.write_text(getattr(answers, name)())
    done = judges.reseal("unattend", "check", path, "--json", "--level", "error")
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["counts"]["error"] == 0


@pytest.mark.skipif(
    not shutil.which("qemu-system-x86_64") or not all(one.exists() for one in FIRMWARE),
    reason="QEMU and OVMF are not installed (apt install qemu-system-x86 ovmf)",
)
def test_qemu_takes_its_command_line_and_starts(tmp_path: Path) -> None:
    disk, iso, stick = tmp_path / "disk.qcow2", tmp_path / "windows.iso", tmp_path / "stick"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "64G"], check=True)
    iso.write_bytes(bytes(1 << 20))
    stick.mkdir()
    (stick / "Autounattend.xml").write_text(answers.setup())
    machine = Machine(disk, tmp_path, iso=iso, answers=stick, accelerator="tcg")
    # Paused: what is asked here is whether every device is there.
    with subprocess.Popen([*machine.command(), "-S"], stderr=subprocess.PIPE) as process:
        try:
            for _ in range(600):
                if machine.socket.exists() or process.poll() is not None:
                    break
                time.sleep(0.1)
            assert process.poll() is None, process.stderr and process.stderr.read()
            blocks = machine.tell("query-block")["return"]
            assert isinstance(blocks, list)
            assert {"disk", "cd", "stick"} <= {one["device"] for one in blocks}
            assert "error" not in machine.tell("send-key", keys=[{"type": "qcode", "data": "ret"}])
            machine.tell("quit")
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_the_comparison_tells_both_apart(tmp_path: Path) -> None:
    base, ours, theirs = (tmp_path / f"{name}.qcow2" for name in ("base", "ours", "theirs"))
    windows(base)
    shutil.copyfile(base, ours)
    judges.generalize(ours)
    shutil.copyfile(ours, theirs)
    key = r"HKLM\SOFTWARE\OnlySysprep"
    assert judges.reseal("reg", "set", theirs, key, "Name", "x").returncode == 0
    guid = r"HKLM\SOFTWARE\Microsoft\Cryptography"
    assert judges.reseal("reg", "set", theirs, guid, "MachineGuid", "y").returncode == 0
    text = compare.report(base, ours, theirs)
    assert "| Both, differently | 1 |" in text
    assert "| Sysprep alone | 2 |" in text
    assert "| reseal alone | 0 |" in text
    assert r"OnlySysprep\\Name" in text


@pytest.mark.parametrize("draws", ["all", pytest.param("no MachineGuid", marks=pytest.mark.judges)])
def test_copies_and_clones_are_booted_and_compared(draws: str, tmp_path: Path) -> None:
    golden = tmp_path / "golden.qcow2"
    windows(golden)
    judges.generalize(golden)
    booted = []

    def boot(disk: Path) -> None:
        """What Windows is expected to do at its first boot, done by reseal."""
        booted.append(disk.stem)
        kept = compare.reseal("inspect", disk, "--allow-backing")["identity"]["machine_guid"]
        given = ("--sid", "new", "--now", "--yes", "--quiet", "--computer-name", "*")
        assert judges.reseal("specialize", disk, *given, "--allow-backing").returncode == 0
        if draws != "all" and disk.stem.startswith("copy"):
            key = r"HKLM\SOFTWARE\Microsoft\Cryptography"
            assert judges.reseal("reg", "set", disk, key, "MachineGuid", kept).returncode == 0

    text = boot_copies(golden, tmp_path, boot)
    assert booted == ["copy-1", "copy-2", "PROOF-01", "PROOF-02"]
    assert text.count("\n| ") == 6
    shared = "nothing" if draws == "all" else "machine_guid"
    assert f"copy-1 and copy-2 share {shared}." in text
    assert "PROOF-01 and PROOF-02 share nothing." in text


def test_it_says_that_it_was_not_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.windows_proof", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "--iso" in done.stdout
    words = (ROOT / "tools" / "windows_proof" / "__init__.py").read_text()
    assert "It was not run" in words
    assert "it was not run" in (ROOT / "docs/explanation/what-was-proved.md").read_text()
