"""What settle.cmd collects: the script under Wine's cmd, and the reader on a zip that is made up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from reseal.testing.machine import action_file
from tools.windows_proof.settle import SettleError, answers, read, report

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "windows_proof" / "settle.cmd"
SETUP = r"HKEY_LOCAL_MACHINE\SYSTEM\Setup"
CURRENT = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion"
NT = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion"


def registry(guid: str = "1a2b", **setup: str) -> str:
    values = {
        "SetupType": "REG_DWORD    0x2", "CmdLine": r"REG_SZ    oobe\windeploy.exe",
        "OOBEInProgress": "REG_DWORD    0x1", "SystemSetupInProgress": "REG_DWORD    0x0",
        "SetupPhase": "REG_DWORD    0x4",
    } | setup  # fmt: skip
    lines = ["reseal settle 1", "", NT, "    CurrentBuild    REG_SZ    26100", "", SETUP]
    lines += [f"    {name}    {value}" for name, value in values.items()]
    lines += [
        "", rf"{SETUP}\Status\SysprepStatus", "    GeneralizationState    REG_DWORD    0x4",
        "    CleanupState    REG_DWORD    0x7", "",
        rf"{SETUP}\SetupCl\PendingRequest", "    OperationFlags    REG_DWORD    0x1f04", "",
        r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager",
        r"    SETUPEXECUTE    REG_MULTI_SZ    setupcl.exe", "",
        rf"{CURRENT}\Setup\State",
        "    ImageState    REG_SZ    IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE", "",
        rf"{CURRENT}\Setup\Sysprep", "    SysprepMode    REG_DWORD    0x1", "",
        f"MachineGuid starts {guid}", "Sysprep_succeeded.tag is present",
    ]  # fmt: skip
    return "\r\n".join(lines)


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        for name, data in files.items():
            out.writestr(name, data)
    return path


@pytest.fixture
def collected(tmp_path: Path) -> Path:
    """All three stages; Windows PowerShell separates folders with backslashes."""
    state = b"[State]\r\nImageState=IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE\r\n"
    plan = action_file(26100)
    odd = plan.replace(b"Sysprep_Generalize_MountPointManager", b"Sysprep_Generalize_New")
    files = {
        r"before\registry.txt": registry(SetupType="REG_DWORD    0x0").encode(),
        r"before\ReAgent.xml": b"<WindowsRE/>",
        r"before\Generalize.xml": odd,
        r"before\Specialize.xml": plan,
        "sealed/registry.txt": registry().encode(),
        "sealed/State.ini": state,
        "sealed/ReAgent.xml": b"<WindowsRE/>",
        "after/registry.txt": registry(guid="3c4d").encode(),
    }
    return packed(tmp_path / "settle.zip", files)


def test_the_answers_stand_next_to_what_reseal_assumes(collected: Path) -> None:
    found = {one.question: one for one in answers(read(collected))}
    assert (found["CleanupState, sealed"].found, found["CleanupState, sealed"].agrees) == (
        "7 (REG_DWORD)",
        False,
    )
    in_progress = found[r"HKLM\SYSTEM\Setup\\SystemSetupInProgress (inferred)"]
    assert (in_progress.found, in_progress.assumed) == ("0 (REG_DWORD)", "1 (REG_DWORD)")
    assert in_progress.agrees is False
    assert found[r"HKLM\SYSTEM\Setup\\SetupPhase (inferred)"].agrees
    assert found[r"HKLM\SYSTEM\Setup\\CmdLine (reported)"].agrees
    request = found["OperationFlags, and what SETUPEXECUTE starts"]
    assert "0x1f04" in request.found
    assert request.agrees
    assert found["SysprepMode, sealed"].found == "1 (REG_DWORD)"
    assert found["State.ini"].agrees
    assert found["MachineGuid, its first digits"].found == "before 1a2b, sealed 1a2b, after 3c4d"
    assert found["MachineGuid, its first digits"].agrees
    assert found["ReAgent.xml"].found == "unchanged"
    (plan,) = [one for name, one in found.items() if name.startswith("generalize.xml")]
    assert plan.found == "spmpm.dll,Sysprep_Generalize_New"
    assert plan.agrees is False


def test_the_command_prints_a_table(collected: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.windows_proof", "settle", collected],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == report(collected)
    assert done.stdout.startswith("# Answers of build '26100' (REG_SZ): before, sealed, after\n")
    assert (
        "SystemSetupInProgress (inferred) | 0 (REG_DWORD) | 1 (REG_DWORD) | DIFFERS |"
        in done.stdout
    )


def test_quotes_in_state_ini_are_an_answer(tmp_path: Path) -> None:
    state = b'[State]\r\nImageState="IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"\r\n'
    files = {"sealed/registry.txt": registry().encode(), "sealed/State.ini": state}
    (one,) = [
        each
        for each in answers(read(packed(tmp_path / "x.zip", files)))
        if each.question == "State.ini"
    ]
    assert one.found == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE, with quotes"
    assert one.agrees is False


@pytest.mark.parametrize(
    "files",
    [
        {"sealed/registry.txt": b"\xff\xfe\0HKEY_LOCAL_MACHINE\\\r\n    x    REG_DWORD    z\r\n"},
        {"sealed/registry.txt": b"", "sealed/Generalize.xml": b"<x", "sealed/State.ini": b"\xff"},
        {"sealed/evil|name.xml": b"<x/>", "../../sealed/registry.txt": b"    a    REG_SZ    b"},
    ],
)
def test_a_hostile_file_gives_a_table(tmp_path: Path, files: dict[str, bytes]) -> None:
    text = report(packed(tmp_path / "x.zip", files))
    assert {line.count("|") - line.count("\\|") for line in text.splitlines()[2:]} == {5}
    assert list(tmp_path.iterdir()) == [tmp_path / "x.zip"]


def test_what_is_not_of_settle_is_refused(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"no zip")
    big = packed(tmp_path / "big.zip", {f"sealed/{number}": b"" for number in range(200)})
    for path in (plain, tmp_path / "missing", packed(tmp_path / "x.zip", {"a/b": b""}), big):
        with pytest.raises(SettleError):
            read(path)


def test_the_script_has_the_line_ends_of_windows_and_reads_no_secret() -> None:
    data = SCRIPT.read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n")
    assert all(len(line) < 8000 for line in data.splitlines())
    commands = [line for line in data.decode("ascii").splitlines() if not line.startswith("rem")]
    text = "\n".join(commands)
    assert r"HKLM\SAM" not in text
    assert r"HKLM\SECURITY" not in text
    assert "RegisteredOwner" not in text
    assert "SidAccountDomain" not in text


@pytest.mark.judges
@pytest.mark.skipif(not shutil.which("wine"), reason="Wine is not installed (apt install wine)")
def test_the_script_runs_in_cmd(tmp_path: Path) -> None:
    """Under Wine, which has neither Sysprep nor PowerShell: it collects what there is."""
    prefix = tmp_path / "wine"
    environment = {**os.environ, "WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "DISPLAY": ""}

    def wine(*arguments: str, typed: str = "") -> str:
        done = subprocess.run(
            ["wine", *arguments], env=environment, input=typed, capture_output=True, text=True,
            timeout=600, check=False,
        )  # fmt: skip
        return done.stdout

    try:
        wine(
            "reg",
            "add",
            r"HKLM\SYSTEM\Setup",
            "/v",
            "SetupType",
            "/t",
            "REG_DWORD",
            "/d",
            "2",
            "/f",
        )
        wine(
            "reg",
            "add",
            r"HKLM\SYSTEM\Setup",
            "/v",
            "UnattendFile",
            "/d",
            r"C:\Users\Jo\a.xml",
            "/f",
        )
        state = prefix / "drive_c" / "windows" / "Setup" / "State"
        state.mkdir(parents=True)
        (state / "State.ini").write_bytes(b"[State]\r\nImageState=IMAGE_STATE_COMPLETE\r\n")
        script = f"Z:{SCRIPT}".replace("/", "\\")
        assert "Usage:" in wine("cmd", "/c", script)
        assert "snapshot" in wine("cmd", "/c", script, "seal", typed="no\n")
        assert not (prefix / "drive_c" / "settle").exists()
        assert "settle" in wine("cmd", "/c", script, "before")
    finally:
        subprocess.run(["wineserver", "-k"], env=environment, check=False)
    folder = prefix / "drive_c" / "settle" / "before"
    files = {f"before/{one.name}": one.read_bytes() for one in folder.iterdir()}
    assert set(files) == {"before/registry.txt", "before/State.ini"}
    assert b"Jo" not in b"".join(files.values())
    stage = read(packed(tmp_path / "settle.zip", files))["before"]
    assert stage.value(r"HKLM\SYSTEM\Setup", "SetupType") == "2 (REG_DWORD)"
    assert len(stage.guid) == 4
