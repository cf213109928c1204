"""What a new user stumbles over: each is handled, or has one true hint."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reseal.cli.commands import reseal
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.way_in.stage import VIRTUAL

ANSWERS = """<?xml version="1.0" encoding="utf-8"?>
<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="oobeSystem">
<component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64" language="neutral"
publicKeyToken="31bf3856ad364e35" versionScope="nonSxS"><TimeZone>UTC</TimeZone></component>
</settings></unattend>
"""
IN_IMAGE = r"Windows\System32\Sysprep\unattend.xml"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(reseal, [str(one) for one in arguments], prog_name="reseal")


def hint(result: Result) -> str:
    """Return what an error says to do."""
    (found,) = [line for line in result.stderr.splitlines() if line.startswith("What to do: ")]
    return found


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a machine in a virtual one, and the same generalized."""
    folder = tmp_path_factory.mktemp("samples")
    sysprep = {"unattend.xml": ANSWERS.encode()}
    files = {"Windows": {"System32": {"Sysprep": sysprep}}}
    windows(folder / "sample.qcow2", Machine(system=VIRTUAL, files=files), size=48 << 20)
    shutil.copyfile(folder / "sample.qcow2", folder / "gold.qcow2")
    assert run("generalize", folder / "gold.qcow2", "--quiet").exit_code == 0
    return folder


@pytest.fixture
def folder(samples: Path, tmp_path: Path) -> Path:
    """The same folder, to be changed."""
    for one in samples.glob("*.qcow2"):
        shutil.copyfile(one, tmp_path / one.name)
    return tmp_path


def test_a_new_sid_is_verified_without_the_old_identity(folder: Path) -> None:
    """Row 1b."""
    image = folder / "sample.qcow2"
    assert run("generalize", image, "--sid-now", "--quiet").exit_code == 0
    assert run("verify", image).exit_code == 0


def test_internal_snapshots_are_warned_of_and_not_clean(folder: Path) -> None:
    """Row 2."""
    image = folder / "sample.qcow2"
    subprocess.run(["qemu-img", "snapshot", "-c", "before", image], check=True)
    done = run("generalize", image)
    assert "Warning: " in done.stdout
    assert "internal snapshots that this run does not change: before" in done.stdout
    assert "What to do: --delete-snapshots" in done.stdout
    found = run("verify", image)
    assert found.exit_code == 3
    assert found.stdout.startswith("Not clean: ")


@pytest.mark.parametrize(
    "line",
    [
        "/generalize /oobe /mode:vm /quiet /quit",
        "/quiet /generalize /oobe /mode:VM /shutdown",
        "/generalize /oobe /shutdown /mode:vm /unattend:answers.xml",
        "-generalize -OOBE -mode:vm",
        "/oobe -Generalize /UNATTEND:answers.xml",
    ],
)
def test_lines_of_public_recipes_are_taken(
    line: str, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows 3 and 4: in front of the image, and behind it."""
    monkeypatch.chdir(tmp_path)
    Path("answers.xml").write_text(ANSWERS)
    image, words, more = str(samples / "sample.qcow2"), line.split(), ("--dry-run", "--json")
    for arguments in ([image, *words, *more], [*words, image, *more]):
        done = run("sysprep", *arguments)
        assert done.exit_code == 0, done.stderr
        record = json.loads(done.stdout)
        assert (record["command"], record["target"]) == ("generalize", "oobe")
        assert bool(record["unattend"]) == ("unattend" in line.lower())
        vm_and_more = "mode" in line and ("quiet" in line or "unattend" in line)
        assert ("public recipes" in done.stderr) == vm_and_more


@pytest.mark.parametrize(
    "path", [rf"C:\{IN_IMAGE}", r"%WINDIR%\system32\SYSPREP\unattend.xml", rf"\{IN_IMAGE}"]
)
def test_windows_paths_of_answer_files_are_paths_in_the_image(path: str, samples: Path) -> None:
    image = samples / "sample.qcow2"
    done = run("sysprep", image, "/generalize", "/oobe", f"/unattend:{path}", "--dry-run", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["unattend"]["file"] == path


def test_dead_ends_of_sysprep_s_line(samples: Path) -> None:
    image = samples / "sample.qcow2"
    gone = run("sysprep", image, "/oobe", r"/unattend:C:\gone.xml")
    assert gone.exit_code == 2
    assert r"has no file C:\gone.xml" in gone.stderr
    assert "quotes" in hint(run("sysprep", image, "/oobe", "/unattend:C:Windowsgone.xml"))
    assert "Name the image first" in hint(run("sysprep", "/generalize", "/oobe"))
    assert "The syntax is" in hint(run("sysprep", image, "-generalise"))


def test_an_image_of_a_wim_is_chosen_everywhere(folder: Path) -> None:
    """Row 5."""
    wim = folder / "w.wim"
    assert run("capture", folder / "gold.qcow2", wim, "--quiet").exit_code == 0
    more = ("--append", "--name", "two", "--quiet")
    assert run("capture", folder / "sample.qcow2", wim, *more).exit_code == 0
    for command in (
        ("customize", wim, "--mkdir", r"C:\T"),
        ("specialize", wim, "--computer-name", "X"),
        ("sysprep", wim, "/oobe"),
    ):
        assert "--index" in hint(run(*command)), command
        assert run(*command, "--index", "2", "--dry-run").exit_code == 0, command


def test_clones_are_read_without_allow_backing(folder: Path) -> None:
    """Row 6: the mark of the golden image proves the relation, and nothing else does."""
    (folder / "fleet.csv").write_text("name\nWS-01\n")
    gold, fleet = folder / "gold.qcow2", folder / "fleet"
    options = ("--machines", folder / "fleet.csv", "--output-dir", fleet)
    assert run("clone", gold, *options, "--quiet").exit_code == 0
    clone = fleet / "WS-01.qcow2"
    assert "WS-01" in run("inspect", clone).stdout
    assert run("sid", clone).exit_code == 0
    assert run("verify", gold, "--against", fleet).exit_code == 0
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    copied = elsewhere / "WS-01.qcow2"
    shutil.copyfile(clone, copied)
    refused = run("inspect", copied)
    assert refused.exit_code == 4
    assert "--allow-backing" in hint(refused)
    mark = folder / ".gold.qcow2.reseal-golden"
    mark.unlink()
    assert run("inspect", clone).exit_code == 4


def test_a_machine_that_would_stay_the_same_is_refused(folder: Path) -> None:
    """Row 7."""
    image, output = folder / "sample.qcow2", folder / "x.qcow2"
    refused = run("specialize", image, "--output", output)
    assert refused.exit_code == 3
    assert "--computer-name" in hint(refused)
    assert not output.exists()
    done = run("specialize", image, "--output", output, "--computer-name", "PC-7")
    assert done.exit_code == 0
    assert "is not a machine of its own: it keeps the machine SID" in done.stdout
    assert run("specialize", folder / "gold.qcow2", "--dry-run").exit_code == 0


@pytest.mark.parametrize("firmware", ["uefi", "bios"])
def test_no_firmware_is_recommended_that_can_t_start_it(firmware: str, folder: Path) -> None:
    """Row 8."""
    disk = folder / "d.qcow2"
    refused = run("deploy", folder / "gold.qcow2", disk, "--size", "1G", "--firmware", firmware)
    assert refused.exit_code == 4
    assert "--firmware" not in hint(refused)
    assert not disk.exists()


def test_a_copy_of_a_generalized_image_is_named(folder: Path) -> None:
    """Row 9."""
    output = folder / "again.qcow2"
    done = run("generalize", folder / "gold.qcow2", "--output", output)
    assert f"{output} is a copy of it; nothing was changed in it." in done.stdout
    assert output.exists()


def test_media_are_named(tmp_path: Path) -> None:
    """Row 10: the parts of a VMDK are tested in tests/disk."""
    iso = tmp_path / "win.iso"
    iso.write_bytes(bytes(32768) + b"\x01CD001" + bytes(4096))
    for command in (
        ("inspect", iso),
        ("deploy", iso, tmp_path / "d.qcow2", "--size", "1G", "--firmware", "uefi"),
    ):
        assert "sources/install.wim" in hint(run(*command))


def test_reg_lists_what_there_is(samples: Path) -> None:
    """Row 11."""
    image = samples / "gold.qcow2"
    listed = run("reg", "query", image).stdout
    assert r"HKEY_LOCAL_MACHINE\SYSTEM" in listed
    assert r"HKEY_USERS\.DEFAULT" in listed
    assert r"HKEY_LOCAL_MACHINE" not in run("reg", "query", image, "HKU").stdout
    assert run("reg", "verify", image).stdout.count("no violations") == len(listed.splitlines())
    for command in (("export", image), ("query", image, "HKXX\\X"), ("set", image, "", "x", "y")):
        refused = run("reg", *command)
        assert refused.exit_code == 2, command
        assert r"HKEY_LOCAL_MACHINE\SYSTEM" in hint(refused), command
    for name in ("set", "delete", "rename"):
        refused = run("reg", name, image)
        assert refused.exit_code == 2
        assert "Missing argument 'PATH'" in refused.stderr
        assert r"HKEY_LOCAL_MACHINE\SYSTEM" in refused.stderr
    gone = run("reg", "query", image, r"HKLM\SYSTEM\Setup\Gone\Key")
    assert "Setup has " in hint(gone)
    setup = ("reg", "query", image, r"HKLM\SYSTEM\Setup", "--volume", "3")
    assert run(*setup).exit_code in {0, 3}


def test_reg_writes_roots_as_regedit_does(samples: Path, tmp_path: Path) -> None:
    image, file = samples / "gold.qcow2", tmp_path / "x.reg"
    assert run("reg", "export", image, r"hklm\system\Setup\Status", "-o", file).exit_code == 0
    assert r"[HKEY_LOCAL_MACHINE\SYSTEM\Setup\Status]" in file.read_text("utf-16")


def test_the_module_is_the_command() -> None:
    """Row 12."""
    done = subprocess.run(
        [sys.executable, "-m", "reseal", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("reseal ")
    assert run("-h").exit_code == 0


def test_quiet_prints_nothing(samples: Path) -> None:
    """Row 13."""
    for command in (
        ("generalize", samples / "sample.qcow2", "--dry-run"),
        ("verify", samples / "gold.qcow2"),
        ("check", samples / "sample.qcow2"),
    ):
        done = run(*command, "--quiet")
        assert (done.exit_code, done.output) == (0, ""), command


def test_several_images_have_a_result_each_and_a_table(samples: Path, tmp_path: Path) -> None:
    images = (samples / "gold.qcow2", tmp_path / "gone.qcow2", samples / "sample.qcow2")
    for command, code in (("inspect", 4), ("check", 4), ("verify", 4)):
        done = run(command, *images)
        assert done.exit_code == code
        table = done.stdout.splitlines()[-3:]
        assert [line.split()[0] for line in table] == [str(one) for one in images]
        assert "error: " in table[1]
        data = [json.loads(line) for line in run(command, *images, "--json").stdout.splitlines()]
        assert [one["image"]["path"] for one in data] == [str(one) for one in images]
        assert data[1]["error"]["exit_code"] == 4
    assert run("verify", images[0], images[2]).exit_code == 3
    assert run("check", images[0], images[2]).exit_code == 0
