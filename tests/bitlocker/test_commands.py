"""The commands on an image whose Windows volume is encrypted, from the outside."""

from __future__ import annotations

import json
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.bitlocker import encryptor
from tests.bitlocker.encryptor import Protector
from tests.bitlocker.windows import encrypted_windows
from tests.end_to_end import judges
from tests.ntfs.judges import judge
from tests.way_in.stage import ANSWERS

READERS = [
    ["inspect", "IMAGE"],
    ["check", "IMAGE"],
    ["verify", "IMAGE"],
    ["boot", "IMAGE", "--status"],
    ["sid", "IMAGE", "--show"],
    ["unattend", "check", "answers.xml", "--image", "IMAGE"],
    ["capture", "IMAGE", "new.wim", "--compress", "none"],
]


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory, recovery: Protector) -> Path:
    """A folder with an image, its key, a wrong key and an answer file."""
    folder = tmp_path_factory.mktemp("locked")
    encrypted_windows(folder / "image.qcow2", [encryptor.tpm(), recovery])
    (folder / "recovery.txt").write_text(encryptor.RECOVERY)
    (folder / "wrong.txt").write_text("-".join(["000011"] * 8))
    (folder / "answers.xml").write_text(ANSWERS.format(name="PC-1"))
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    placed = ["image.qcow2" if one == "IMAGE" else one for one in arguments]
    return judges.reseal(*placed, cwd=folder)


@pytest.mark.parametrize("command", READERS, ids=lambda one: " ".join(one[:2]))
def test_commands_that_read_take_a_key(locked: Path, command: list[str]) -> None:
    before = (locked / "image.qcow2").read_bytes()
    done = run(locked, *command, "--key", "recovery:recovery.txt")
    assert done.returncode in {0, 3}, done.stderr
    assert "BitLocker, and" not in done.stderr
    assert (locked / "image.qcow2").read_bytes() == before
    (locked / "new.wim").unlink(missing_ok=True)
    wrong = ["--key", "recovery:wrong.txt"]
    attempts = [([], "no key was given"), (wrong, "doesn't open")]
    # Each needs its million rounds of SHA-256, so a wrong one is given to two of the commands.
    for key, message in attempts[: 2 if command[0] in {"inspect", "capture"} else 1]:
        refused = run(locked, *command, *key)
        assert refused.returncode == 3
        assert message in refused.stderr
        assert "opened with: TPM, recovery key" in refused.stderr
        assert encryptor.RECOVERY not in refused.stderr + refused.stdout
        assert not (locked / "new.wim").exists()


def test_a_registry_is_queried(locked: Path) -> None:
    path = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName"
    done = run(locked, "reg", "--key", "recovery:recovery.txt", "query", "IMAGE", path)
    assert done.returncode == 0, done.stderr
    assert "ComputerName" in done.stdout
    refused = run(locked, "reg", "query", "IMAGE", path)
    assert refused.returncode == 3


def test_what_is_said_of_an_encrypted_image(locked: Path) -> None:
    done = run(locked, "inspect", "IMAGE", "--json", "--key", "recovery:recovery.txt")
    shown = json.loads(done.stdout)
    assert shown["volume"]["encrypted"] is True
    text = run(locked, "inspect", "IMAGE", "--key", "recovery:recovery.txt").stdout
    assert "encrypted with BitLocker" in text
    assert shown["windows"][0]["product_name"] == "Windows 11 Pro"
    checked = run(locked, "check", "IMAGE", "--json", "--key", "recovery:recovery.txt")
    (one,) = (one for one in json.loads(checked.stdout)["checks"] if one["check"] == "bitlocker")
    assert (one["level"], one["code"]) == ("error", "0x80310039")


def test_what_was_captured_is_whole(locked: Path, tmp_path: Path) -> None:
    wim = tmp_path / "new.wim"
    done = run(locked, "capture", "IMAGE", str(wim), "--key", "recovery:recovery.txt")
    assert done.returncode == 0, done.stderr
    subprocess.run(["wimverify", wim], check=True, capture_output=True)
    listed = subprocess.run(["wimdir", wim, "1"], check=True, capture_output=True, text=True).stdout
    assert "/Windows/System32/config/SYSTEM" in listed


@pytest.mark.parametrize(
    "place", [["--output", "new.qcow2"], ["--in-place"]], ids=["new", "in place"]
)
def test_a_generalized_image_is_plain_and_clean(
    locked: Path, tmp_path: Path, place: list[str]
) -> None:
    golden = locked / "image.qcow2"
    image = tmp_path / "image.qcow2"
    image.write_bytes(golden.read_bytes())
    (tmp_path / "recovery.txt").write_text(encryptor.RECOVERY)
    done = run(
        tmp_path,
        *("generalize", "IMAGE", "--decrypt", "--key", "recovery:recovery.txt", "--json"),
        *("--save-identity", "identity.json", "--report", "run.html", "--report", "run.json"),
        *("--prevent-device-encryption", *place),
    )
    assert done.returncode == 0, done.stderr
    assert "Decrypting volume 1" in done.stderr
    result = image if place == ["--in-place"] else tmp_path / "new.qcow2"
    if result is not image:
        assert image.read_bytes() == golden.read_bytes()
    record = json.loads(done.stdout)
    assert record["decrypted"]["volume"] == 1
    assert any("Volume 1 was decrypted" in note for note in record["notes"])
    for file in ("run.html", "run.json", "identity.json"):
        assert encryptor.RECOVERY not in (tmp_path / file).read_text()
    folder = tmp_path / "judged"
    folder.mkdir()
    volume = judges.Volume.of(result, folder)
    judge(volume.path)
    content = volume.path.read_bytes()
    assert b"-FVE-FS-" not in content
    assert content[3:11] == b"NTFS    "
    for name, path in judges.HIVES.items():
        assert judges.agreed(volume.read(path)), name
    verified = judges.reseal("verify", result, "--identity", tmp_path / "identity.json", "--json")
    assert verified.returncode == 0, verified.stdout
    # As the sample that never was encrypted: tests/end_to_end/test_verify.py.
    assert json.loads(verified.stdout)["result"] == "as after Sysprep"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--decrypt"], "needs either --output"),
        (["--prevent-device-encryption"], "goes with --decrypt"),
        (["--decrypt", "--in-place", "--output", "new.qcow2"], "takes no --output"),
        (["--decrypt", "--in-place", "--key", "recovery.txt"], "takes a kind and a file"),
        (["--decrypt", "--in-place", "--key", "recovery:missing.txt"], "No such file"),
    ],
)
def test_calls_that_are_wrong(locked: Path, arguments: list[str], message: str) -> None:
    before = (locked / "image.qcow2").read_bytes()
    done = run(locked, "generalize", "IMAGE", *arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert (locked / "image.qcow2").read_bytes() == before


def test_in_place_alone_decrypts_nothing(locked: Path) -> None:
    """It also allows to change a block device, which needs no --decrypt."""
    before = (locked / "image.qcow2").read_bytes()
    done = run(locked, "generalize", "IMAGE", "--in-place")
    assert done.returncode == 3, done.stderr
    assert "Nothing was changed." in done.stderr
    assert "Add --decrypt" in done.stderr
    assert (locked / "image.qcow2").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Error: Decrypting needs either --output"),
        (["--in-place", "--output", "new.qcow2"], "takes no --output"),
        (["--thin", "--in-place"], "it needs --output"),
        (["--metadata", "--output", "new.qcow2"], "--metadata changes nothing"),
        (["--metadata", "--in-place"], "--metadata changes nothing"),
        (["--metadata", "--sparse"], "--metadata changes nothing"),
        (["--metadata", "--volume", "C:"], "is not the number of a volume"),
        (["--in-place", "--volume", "C:"], "is not the number of a volume"),
    ],
)
def test_calls_of_decrypt_that_are_wrong(locked: Path, arguments: list[str], message: str) -> None:
    before = (locked / "image.qcow2").read_bytes()
    done = run(locked, "decrypt", "IMAGE", *arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert not done.stdout
    assert (locked / "image.qcow2").read_bytes() == before
    assert not (locked / "new.qcow2").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["customize", "IMAGE", "--mkdir", r"C:\Tools"],
        ["sid", "IMAGE", "--new", "--yes"],
        ["boot", "IMAGE", "--oobe"],
        ["unattend", "apply", "IMAGE", "answers.xml"],
        ["specialize", "IMAGE", "--computer-name", "PC-1", "--sid", "new", "--now", "--yes"],
    ],
    ids=lambda one: one[0],
)
def test_every_command_that_changes_an_image_decrypts_it(
    locked: Path, tmp_path: Path, command: list[str]
) -> None:
    for name in ("image.qcow2", "answers.xml", "recovery.txt"):
        (tmp_path / name).write_bytes((locked / name).read_bytes())
    refused = run(tmp_path, *command)
    assert refused.returncode == 3
    # These look at the image first, and ask for the key that this takes.
    assert ("--key" if command[0] in {"sid", "specialize"} else "--decrypt") in refused.stderr
    key = ["--key", "recovery:recovery.txt"]
    done = run(tmp_path, *command, "--decrypt", "--in-place", *key)
    assert done.returncode == 0, done.stderr
    shown = run(tmp_path, "inspect", "IMAGE", "--json")
    assert json.loads(shown.stdout)["volume"]["encrypted"] is False


@pytest.mark.parametrize(
    "command",
    [
        ["clone", "IMAGE", "--machines", "fleet.csv", "--output-dir", "out"],
        ["deploy", "IMAGE", "disk.qcow2", "--size", "8G", "--firmware", "uefi"],
        ["reg", "set", "IMAGE", r"HKLM\SOFTWARE\X", "Y", "REG_SZ", "Z"],
    ],
    ids=lambda one: one[0],
)
def test_other_commands_refuse_an_encrypted_image(
    tmp_path: Path, command: list[str], clear: Path
) -> None:
    image = tmp_path / "image.qcow2"
    image.write_bytes(clear.read_bytes())
    (tmp_path / "fleet.csv").write_text("name\nPC-1\n")
    done = run(tmp_path, *command)
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert "BitLocker is on" in done.stderr
    assert "reseal decrypt" in done.stderr
    assert image.read_bytes() == clear.read_bytes()


@pytest.fixture(scope="session")
def clear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key lies on the disk; nothing is asked for."""
    return encrypted_windows(tmp_path_factory.mktemp("clear") / "image.qcow2", [encryptor.clear()])


def test_a_clear_key_is_used_without_being_asked_for(clear: Path, tmp_path: Path) -> None:
    output = tmp_path / "new.qcow2"
    done = judges.reseal("generalize", clear, "--decrypt", "--output", output, "--quiet")
    assert done.returncode == 0, done.stderr
    assert judges.reseal("inspect", clear).returncode == 0


def test_metadata_needs_no_key(locked: Path) -> None:
    done = run(locked, "decrypt", "IMAGE", "--metadata", "--json")
    record: dict[str, Any] = json.loads(done.stdout)
    (one,) = record["volumes"]
    assert [protector["kind"] for protector in one["protectors"]] == ["TPM", "recovery key"]
    text = run(locked, "decrypt", "IMAGE", "--metadata").stdout
    assert "AES-XTS 128-bit" in text
    assert str(encryptor.VOLUME) in text


def test_a_key_is_in_no_process_list_and_no_file(locked: Path, tmp_path: Path) -> None:
    """All that other users see of a run is its arguments and its files."""
    for name in ("image.qcow2", "recovery.txt"):
        (tmp_path / name).write_bytes((locked / name).read_bytes())
    trace = tmp_path / "trace"
    if judges.RESEAL.exists() and not Path("/usr/bin/strace").exists():
        pytest.skip("strace is not installed")
    command = [
        *("strace", "-f", "-e", "trace=execve,prctl", "-s", "4096", "-o", str(trace)),
        *(str(judges.RESEAL), "decrypt", str(tmp_path / "image.qcow2"), "--in-place", "--sparse"),
        *("--key", "recovery:-"),
    ]
    done = subprocess.run(
        command, input=encryptor.RECOVERY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    text = trace.read_text()
    assert "PR_SET_DUMPABLE, SUID_DUMP_DISABLE" in text
    assert encryptor.RECOVERY not in text + done.stdout + done.stderr
    secret = encryptor.MASTER
    for file in tmp_path.iterdir():
        if file.name != "recovery.txt":
            content = file.read_bytes()
            assert encryptor.RECOVERY.encode() not in content
            assert secret not in content
            assert encryptor.volume_key(encryptor.XTS_128) not in content


def test_the_record_is_as_the_schema_says(clear: Path, tmp_path: Path) -> None:
    report = tmp_path / "run.json"
    for place in (["--output", str(tmp_path / "new.qcow2")], ["--dry-run"]):
        done = judges.reseal(
            "generalize", clear, "--decrypt", *place, "--quiet", "--report", report
        )
        assert done.returncode == 0, done.stderr
        record = json.loads(report.read_text())
        schema = resources.files("reseal.report").joinpath("schema", f"{record['schema']}.json")
        jsonschema.Draft202012Validator(json.loads(schema.read_text("utf-8"))).validate(record)
        report.unlink()
