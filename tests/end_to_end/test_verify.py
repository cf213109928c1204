"""`reseal verify` on images that are generalized, that are not, and that claim to be."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reseal.disk import FileDevice, Slice
from reseal.disk.partitions import volumes
from reseal.ntfs import Volume
from reseal.regf import Hive, types
from reseal.testing.disks import convert
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.end_to_end import judges, real_machine

SETUP_STATE = r"Microsoft\Windows\CurrentVersion\Setup\State"


def verify(image: Path, *arguments: str | Path, clean: bool) -> dict[str, Any]:
    """Run the command, which must exit with 0 only if the image is clean."""
    done = judges.reseal("verify", image, "--json", "--quiet", *arguments)
    assert done.returncode == (0 if clean else 3), done.stdout + done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def left(record: dict[str, Any]) -> set[str]:
    return {one["key"] or one["path"] for one in record["hits"] if one["verdict"] == "left behind"}


def edit(image: Path, folder: Path, change: Any) -> None:
    """Change the volume of a qcow2 image behind reseal's back."""
    raw = folder / "edited.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", image, raw], check=True)
    device = FileDevice(raw, read_only=False)
    (part,) = volumes(device)
    with Volume.open(
        Slice(device, part.offset, part.size), read_only=False, name="edited"
    ) as volume:
        change(volume)
    device.close()
    convert(raw, image, "qcow2")
    raw.unlink()


def test_a_finished_installation_fails_with_every_reason(sample: Path) -> None:
    record = verify(sample, clean=False)
    machine = Machine()
    assert record["result"] == "not clean"
    assert [one["target"].rpartition("\\")[2] for one in record["armed"] if not one["correct"]] == [
        "SetupType", "CmdLine", "OOBEInProgress", "SystemSetupInProgress", "SetupPhase",
        "GeneralizationState", "setup.exe", "oobeldr.exe", "audit.exe", "SetupFinalTasks",
        "specialize", "auditSystem", "auditUser", "oobeSystem", "ImageState", "ImageState",
        "OperationFlags", "SETUPEXECUTE", "State.ini", "Sysprep_succeeded.tag",
    ]  # fmt: skip
    assert all(one["meaning"] and one["mark"] for one in record["armed"])
    profiles = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"
    keys = r"ProgramData\Microsoft\Crypto\RSA\MachineKeys"
    sids = [str(machine.sid.relative(rid)) for rid in (500, 1001, 1002)]
    assert left(record) == {
        r"HKLM\SECURITY\Policy\PolAcDmS\\",
        r"HKLM\SECURITY\Policy\PolAcDmN\\",
        r"HKLM\SAM\SAM\Domains\Account\\V",
        r"HKLM\SAM\SAM\Domains\Builtin\Aliases\00000220\\C",
        r"HKLM\SAM\SAM\Domains\Builtin\Aliases\00000221\\C",
        rf"HKLM\SAM\SAM\Domains\Builtin\Aliases\Members\{Machine().sid}",
        r"HKLM\SYSTEM\ControlSet001\Control\ComputerName\ComputerName\\ComputerName",
        r"HKLM\SYSTEM\ControlSet001\Services\Tcpip\Parameters\\Hostname",
        r"HKLM\SYSTEM\ControlSet001\Services\Tcpip\Parameters\\NV Hostname",
        r"HKLM\SOFTWARE\Microsoft\Cryptography\\MachineGuid",
        r"Windows\System32\Sysprep\Panther\setupact.log",
        *(rf"{profiles}\{sid}" for sid in sids),
        *(rf"{profiles}\{sid}\\Sid" for sid in sids[1:]),
        *(rf"HKU\{sid}\Software\Microsoft\Protected\\Sid" for sid in sids),
        *(rf"{keys}\{number:032x}_{machine.machine_guid}" for number in range(3)),
    }
    # One line for all places of an identity in one file.
    groups = [one for one in record["groups"] if one["verdict"] == "left behind"]
    assert len(record["failures"]) == 20 + len(groups)
    assert len(groups) < len(left(record))
    found = [one for one in record["hits"] if one["verdict"] == "left behind"]
    assert sum(one["places"] for one in groups) == sum(one["count"] for one in found)
    assert all(one["advice"] for one in groups)


def test_a_generalized_one_is_clean(sample: Path, tmp_path: Path) -> None:
    identity = tmp_path / "identity.json"
    judges.generalize(sample, "--save-identity", identity)
    assert identity.stat().st_mode & 0o777 == 0o600
    record = verify(sample, "--identity", identity, clean=True)
    assert record["failures"] == []
    assert record["identity"]["computer_name"] == Machine().computer_name
    assert all(one["correct"] for one in record["armed"])
    assert {
        one["kind"] for one in record["hits"] if one["verdict"] == "replaced at first boot"
    } == {"machine SID"}
    assert all(one["reason"] for one in record["hits"])
    reported = {one["kind"] for one in record["hits"] if one["verdict"] == "reported only"}
    assert "volume id" in reported
    assert verify(sample, clean=True)["identity"]["computer_name"] is None
    shown = judges.reseal("verify", sample, "--identity", identity).stdout
    assert record["result"] == "as after Sysprep"
    assert shown.startswith("As after Sysprep: the image is armed")
    verify(sample, "--identity", identity, "--strict", clean=False)
    assert len(shown.splitlines()) < 24


def test_with_the_sid_done_now_nothing_is_left_for_the_first_boot(
    sample: Path, tmp_path: Path
) -> None:
    identity = tmp_path / "identity.json"
    record = judges.generalize(sample, "--sid-now", "--save-identity", identity)
    old, new = str(Machine().sid), record["sid"]["new"]
    assert (record["sid"]["old"], record["after"]["identity"]["machine_sid"]) == (old, new)
    assert not record["after"]["new_sid_at_next_boot"]
    assert not any("PendingRequest" in one["target"] for one in record["changes"])
    found = verify(sample, "--identity", identity, clean=True)
    assert found["identity"]["machine_sid"] == old
    assert not [one for one in found["hits"] if one["verdict"] == "replaced at first boot"]
    assert all(one["correct"] for one in found["armed"])
    assert not {"OperationFlags", "SETUPEXECUTE"} & {
        one["target"].rpartition("\\")[2] for one in found["armed"]
    }
    again = judges.generalize(sample, "--sid-now")
    assert (again["result"], again["changes"], again["sid"]) == ("already generalized", [], None)


def test_a_pending_sid_can_be_done_later(sample: Path, tmp_path: Path) -> None:
    identity = tmp_path / "identity.json"
    judges.generalize(sample, "--save-identity", identity)
    record = judges.generalize(sample, "--sid-now")
    assert record["result"] == "already generalized"
    assert record["sid"]["old"] == str(Machine().sid)
    found = verify(sample, "--identity", identity, clean=True)
    assert not [one for one in found["hits"] if one["verdict"] == "replaced at first boot"]


def test_audit_mode_is_armed_too(sample: Path) -> None:
    judges.generalize(sample, "--audit")
    verify(sample, clean=True)


def test_an_image_state_alone_proves_nothing(sample: Path, tmp_path: Path) -> None:
    name = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"

    def pretend(volume: Volume) -> None:
        path = r"Windows\System32\config\SOFTWARE"
        hive = Hive.open(volume.read(path))
        data = types.encode(types.REG_SZ, name)
        hive.root.create(SETUP_STATE).set("ImageState", types.REG_SZ, data)
        volume.write(path, hive.to_bytes())
        volume.write(r"Windows\Setup\State\State.ini", f"[State]\r\nImageState={name}\r\n".encode())

    edit(sample, tmp_path, pretend)
    record = verify(sample, clean=False)
    wrong = {one["target"].rpartition("\\")[2] for one in record["armed"] if not one["correct"]}
    assert {"GeneralizationState", "SetupType", "OperationFlags", "SETUPEXECUTE"} <= wrong
    assert "State.ini" not in wrong
    assert r"HKLM\SOFTWARE\Microsoft\Cryptography\\MachineGuid" in left(record)


@pytest.mark.parametrize(
    ("path", "stream", "data"),
    [
        (r"Users\Alice\note.txt", "", b"I was desktop-SAMPLE1 once"),
        (r"Users\Alice\note.txt", "hidden", "DESKTOP-SAMPLE1".encode("utf-16-le")),
        (r"Users\Alice\large.bin", "", bytes(1 << 20) + b"DESKTOP-SAMPLE1" + bytes(99_999)),
        (r"Windows\sid.bin", "", bytes(4091) + Machine().sid.relative(1001).to_bytes()),
        (r"Windows\DESKTOP-SAMPLE1.txt", "", b""),
    ],
)
def test_what_is_left_anywhere_is_found(
    sample: Path, tmp_path: Path, path: str, stream: str, data: bytes
) -> None:
    identity = tmp_path / "identity.json"
    judges.generalize(sample, "--save-identity", identity)

    def leave(volume: Volume) -> None:
        volume.create(path, b"" if stream else data)
        if stream:
            volume.write(path, data, stream=stream)

    edit(sample, tmp_path, leave)
    record = verify(sample, "--identity", identity, clean=False)
    assert left(record) == {f"{path}:{stream}" if stream else path}


def test_unallocated_clusters_are_searched_when_asked_for(sample: Path, tmp_path: Path) -> None:
    identity = tmp_path / "identity.json"
    judges.generalize(sample, "--save-identity", identity)

    def forget(volume: Volume) -> None:
        volume.create(r"Windows\gone.bin", b"DESKTOP-SAMPLE1" * 1000)
        volume.delete(r"Windows\gone.bin")

    edit(sample, tmp_path, forget)

    def unallocated(record: dict[str, Any]) -> set[str]:
        return {one["kind"] for one in record["hits"] if one["place"] == "unallocated"}

    assert unallocated(verify(sample, "--identity", identity, clean=True)) == set()
    deep = verify(sample, "--identity", identity, "--deep", clean=True)
    assert "computer name" in unallocated(deep)
    assert all(
        one["verdict"] == "reported only" for one in deep["hits"] if one["place"] == "unallocated"
    )


def test_user_names_are_searched_on_request(sample: Path, tmp_path: Path) -> None:
    identity = tmp_path / "identity.json"
    judges.generalize(sample, "--save-identity", identity)
    data = json.loads(identity.read_text())
    assert data["user_names"] == []
    identity.write_text(json.dumps(data | {"user_names": ["Alice"]}))
    record = verify(sample, "--identity", identity, clean=False)
    assert r"Users\Alice" in left(record)
    assert r"HKLM\SAM\SAM\Domains\Account\Users\Names\Alice" in left(record)


def test_a_folder_is_searched_too(sample: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"

    def copy(volume: Volume) -> None:
        pending = [""]
        while pending:
            path = pending.pop()
            target = folder.joinpath(*path.split("\\")) if path else folder
            target.mkdir(parents=True, exist_ok=True)
            for entry in volume.list(path):
                inner = f"{path}\\{entry.name}".strip("\\")
                if entry.is_directory:
                    pending.append(inner)
                else:
                    (target / entry.name).write_bytes(volume.read(inner))

    edit(sample, tmp_path, copy)
    image, of_folder = verify(sample, clean=False), verify(folder, clean=False)
    assert left(of_folder) == left(image)
    identity = tmp_path / "identity.json"
    judges.generalize(folder, "--save-identity", identity)
    verify(folder, "--identity", identity, clean=True)


# Comparison


def test_copies_share_what_makes_a_machine(sample: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clones"
    folder.mkdir()
    for name in ("one", "two"):
        shutil.copyfile(sample, folder / f"{name}.qcow2")
    windows(folder / "other.qcow2", Machine(computer_name="OTHER-PC"))
    done = judges.reseal("verify", sample, "--against", folder, "--json", "--quiet")
    assert done.returncode == 3
    record = json.loads(done.stdout)
    copies = [str(sample), str(folder / "one.qcow2"), str(folder / "two.qcow2")]
    everything = sorted({*copies, str(folder / "other.qcow2")})
    shared = {row["kind"]: row for row in record["shared"]}
    assert sorted(shared["machine SID"]["images"]) == everything
    assert sorted(shared["MachineGuid"]["images"]) == everything
    assert sorted(shared["computer name"]["images"]) == sorted(copies)
    assert shared["computer name"]["verdict"] == "left behind"
    table = judges.reseal("verify", sample, "--against", folder).stdout
    assert "were copied without being generalized" in table
    assert "computer name" in table


def test_a_generalized_copy_shares_only_what_its_first_boot_replaces(
    sample: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.qcow2"
    shutil.copyfile(sample, other)
    judges.generalize(other)
    done = judges.reseal("verify", sample, "--against", other, "--json", "--quiet")
    assert done.returncode == 0, done.stdout
    record = json.loads(done.stdout)
    assert record["result"] == "shared until the first boot"
    assert {(row["kind"], row["verdict"]) for row in record["shared"]} == {
        ("machine SID", "replaced at first boot"),
        ("volume id", "reported only"),
        ("disk or partition id", "reported only"),
    }


@pytest.mark.parametrize("target", ["--oobe", "--audit"])
def test_two_copies_of_a_generalized_image_share_things_until_their_first_boot(
    target: str, sample: Path, tmp_path: Path
) -> None:
    judges.generalize(sample, target)
    other = tmp_path / "other.qcow2"
    shutil.copyfile(sample, other)
    done = judges.reseal("verify", sample, "--against", other, "--json", "--quiet")
    assert done.returncode == 0, done.stdout
    record = json.loads(done.stdout)
    assert record["result"] == "shared until the first boot"
    shared = {row["kind"]: row["verdict"] for row in record["shared"]}
    assert shared["machine SID"] == shared["computer name"] == "replaced at first boot"
    assert shared["MachineGuid"] == "as after Sysprep"
    table = judges.reseal("verify", sample, "--against", other).stdout
    assert "Until their first boot" in table
    assert "MachineGuid that is there is not known" in table


@pytest.mark.parametrize("pending", [True, False])
def test_copies_past_their_first_boot_that_share_an_identity_fail(
    pending: bool, sample: Path, tmp_path: Path
) -> None:
    judges.generalize(sample, *([] if pending else ["--sid-now"]))

    def boot(volume: Volume) -> None:
        system = Hive.open(volume.read(judges.HIVES["SYSTEM"]))
        system.root.create(r"Setup\Status\SysprepStatus").set(
            "GeneralizationState", types.REG_DWORD, (7).to_bytes(4, "little")
        )
        flags = system.root.create(r"Setup\SetupCl\PendingRequest")
        flags.set("OperationFlags", types.REG_DWORD, bytes(4))
        volume.write(judges.HIVES["SYSTEM"], system.to_bytes())

    edit(sample, tmp_path, boot)
    other = tmp_path / "other.qcow2"
    shutil.copyfile(sample, other)
    done = judges.reseal("verify", sample, "--against", other, "--json", "--quiet")
    assert done.returncode == 3, done.stdout
    shared = {row["kind"]: row["verdict"] for row in json.loads(done.stdout)["shared"]}
    assert shared["machine SID"] == shared["MachineGuid"] == "left behind"


@pytest.mark.parametrize(
    "program", [r"Windows\System32\setupcl.exe", r"Windows\System32\oobe\windeploy.exe"]
)
def test_no_verdict_rests_on_a_program_that_is_not_there(
    program: str, sample: Path, tmp_path: Path
) -> None:
    judges.generalize(sample)
    edit(sample, tmp_path, lambda volume: volume.delete(program))
    record = verify(sample, clean=False)
    assert any(program in one and "missing" in one for one in record["failures"])
    replaced = [one for one in record["hits"] if one["verdict"] == "replaced at first boot"]
    assert bool(replaced) == ("setupcl" not in program)


def test_calls_that_make_no_sense_are_refused(sample: Path, tmp_path: Path) -> None:
    assert judges.reseal("verify", sample, "--against", sample).returncode == 2
    assert judges.reseal("verify", sample, "--against", sample, "--deep").returncode == 2
    assert judges.reseal("verify", sample, "--identity", tmp_path / "none").returncode == 2
    nowhere = tmp_path / "none" / "identity.json"
    done = judges.reseal("generalize", sample, "--save-identity", nowhere)
    assert done.returncode == 2
    assert "can't be written" in done.stderr


# A real machine


@pytest.mark.corpus
def test_a_real_machine_is_clean_after_it_was_generalized(corpus: Path, tmp_path: Path) -> None:
    image, identity = tmp_path / "machine.qcow2", tmp_path / "identity.json"
    real_machine.build(corpus, image)
    before = verify(image, clean=False)
    assert len(left(before)) > 100
    judges.generalize(image, "--save-identity", identity)
    record = verify(image, "--identity", identity, "--deep", clean=True)
    assert len(record["identity"]["mac_addresses"]) == 4
    assert record["counts"]["replaced at first boot"] > 100
    assert not record["search"]["not_searched"]
