"""A new machine SID for the sample and for a real machine's hives, judged by others."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import struct
from pathlib import Path
from typing import Any

import pytest

from reseal.regf import Hive
from reseal.sid import choose
from reseal.testing.disks import BASIC_DATA, gpt_disk
from reseal.testing.machine import Machine, software_hive, tree
from reseal.testing.volumes import File, Folder, ntfs_volume, populate
from reseal.testing.windows import windows
from reseal.windows import Sid
from tests.end_to_end import judges, real_machine
from tests.ntfs import oracle
from tests.ntfs.conftest import writable
from tests.ntfs.judges import audit
from tests.ntfs.sddl import descriptor
from tests.oracles import Tree
from tests.sid import machines
from tests.sid.machines import CONSTANT, KEY, TASK, everywhere

CHOSEN = "S-1-5-21-3004336341-3177238912-782003339"
TASKS = r"Windows\System32\Tasks"
CURRENT = r"Microsoft\Windows NT\CurrentVersion"


def sid(image: Path, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    """Run `reseal sid` and return the record of the run."""
    done = judges.reseal("sid", image, "--json", "--quiet", *arguments)
    assert done.returncode == code, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    return record


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "sample.qcow2"
    windows(path, everywhere(Machine()))
    return path


@pytest.fixture
def image(golden: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "image"
    folder.mkdir()
    return Path(shutil.copyfile(golden, folder / "sample.qcow2"))


def forms(text: str) -> dict[str, re.Pattern[bytes]]:
    """A machine SID as bytes, each form as it can stand anywhere."""
    numbers = Sid.parse(text).to_bytes()[12:]
    wide, narrow = text[2:].encode("utf-16-le"), text[2:].encode()
    return {
        "binary": re.compile(re.escape(numbers)),
        "utf-16": re.compile(re.escape(wide) + rb"(?![0-9]\0)"),
        "text": re.compile(re.escape(narrow) + rb"(?![0-9])"),
    }


def owners(volume: Path, text: str) -> dict[str, int]:
    """How often a SID stands in allocated clusters of a volume, by the file that owns them."""
    data = volume.read_bytes()
    hits = [match.start() for form in forms(text).values() for match in form.finditer(data)]
    found: dict[str, int] = {}
    with oracle.mounted(volume) as ntfs:
        size = ntfs.cluster_size
        bitmap = ntfs.mft.get(6).open().read()
        extents: list[tuple[int, int, str]] = []
        for record in ntfs.mft.segments():
            for attributes in record.attributes.values():
                for attribute in attributes:
                    if attribute.resident:
                        continue
                    name = record.full_path() or f"record {record.segment}"
                    extents += [
                        (cluster * size, (cluster + count) * size, name)
                        for cluster, count in attribute.dataruns()
                        if cluster is not None
                    ]
        for hit in hits:
            cluster = hit // size
            if not bitmap[cluster // 8] >> cluster % 8 & 1:
                continue
            owner = next((name for start, end, name in extents if start <= hit < end), "nobody")
            if owner.strip("/") == "$MFT":
                owner = _record_of(ntfs, data, hit)
            found[owner] = found.get(owner, 0) + 1
    return found


def _record_of(ntfs: Any, data: bytes, hit: int) -> str:
    """The file whose record holds a byte, or the free space of a record."""
    at = hit - hit % 1024
    assert data[at : at + 4] == b"FILE"
    (used, _, _, _, number) = struct.unpack_from("<IIQII", data, at + 24)
    if hit - at >= used or not data[at + 22] & 1:
        return f"free space of {ntfs.mft.get(number).full_path()}"
    return str(ntfs.mft.get(number).full_path())


def prove(before: Path, after: Path, record: dict[str, Any]) -> None:
    """Let others say that the new SID stands wherever the old one stood."""
    old, new = record["old"], record["new"]
    one, two = judges.Volume(before), judges.Volume(after)
    audit(after)
    new_numbers = Sid.parse(new).to_bytes()[12:]

    def renewed(data: bytes) -> bytes:
        for form, pattern in forms(old).items():
            to = {"binary": new_numbers, "utf-16": new[2:].encode("utf-16-le"),
                  "text": new[2:].encode()}[form]  # fmt: skip
            data = pattern.sub(lambda _, to=to: to, data)  # type: ignore[misc]
        return data

    for path in record["hives"]:
        logs = {
            suffix: one.read(f"{path}.{suffix}")
            for suffix in ("LOG1", "LOG2")
            if _exists(before, f"{path}.{suffix}")
        }
        whole = Hive.open(one.read(path), {name: log for name, log in logs.items() if log})
        was, now = judges.agreed(whole.to_bytes()), judges.agreed(two.read(path))
        assert _without_hashes(now) == _without_hashes(
            {
                renewed(key.encode("utf-16-le")).decode("utf-16-le"): {
                    renewed(name.encode("utf-16-le")).decode("utf-16-le"): (kind, renewed(data))
                    for name, (kind, data) in values.items()
                }
                for key, values in was.items()
            }
        ), path
        raw = two.read(path)
        assert not any(pattern.search(raw) for pattern in forms(old).values()), path
    with oracle.mounted(before) as first, oracle.mounted(after) as second:
        used = {
            record.attributes[0x10][0].security_id
            for record in first.mft.segments()
            if 0x10 in record.attributes
        } - {0, None}
        for number in used:
            was_said, now_said = (_said(ntfs.secure.lookup(number)) for ntfs in (first, second))
            assert now_said == [new + one.removeprefix(old) if one.startswith(old) else one
                                for one in was_said]  # fmt: skip


def _without_hashes(tree: Tree) -> Tree:
    """The hash of a task is judged by the task."""
    return {
        key: {name: data for name, data in values.items() if name != "Hash"}
        for key, values in tree.items()
    }


def _said(descriptor: Any) -> list[str]:
    """All SIDs of a descriptor, as dissect reads it."""
    entries = descriptor.dacl.ace if descriptor.dacl else []
    return [str(descriptor.owner), str(descriptor.group), *(str(one.sid) for one in entries)]


def _exists(volume: Path, path: str) -> bool:
    with oracle.mounted(volume) as ntfs:
        try:
            ntfs.mft.get(path)
        except Exception:  # noqa: BLE001  dissect's own
            return False
        return True


def volume(image: Path, tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return judges.Volume.of(image, folder).path


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.corpus)])
def test_the_new_sid_stands_wherever_the_old_one_stood(
    real: bool, golden: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    image = tmp_path / "machine.qcow2"
    if real:
        machine = everywhere(real_machine.machine(request.getfixturevalue("corpus")))
        # The software hive is built, and was built before the machine was given its SID everywhere.
        machine.files["Windows"]["System32"]["config"]["SOFTWARE"] = software_hive(machine)
        windows(image, machine, size=real_machine.SIZE)
    else:
        shutil.copyfile(golden, image)
    before = volume(image, tmp_path, "before")
    record = sid(image, "--new", "--yes")
    after = volume(image, tmp_path, "after")
    old, new = record["old"], record["new"]
    assert record["result"] == "changed"
    assert old != new
    assert [len(part) for part in old.split("-")] == [len(part) for part in new.split("-")]
    assert sid(image)["machine_sid"] == new
    prove(before, after, record)

    system = next(one for one in record["descriptors"])
    assert system["with_sid"] > 20
    assert system["changed"]

    left = {one["path"] for one in record["left"]}
    residue = owners(after, old)
    assert {name.replace("/", "\\").lstrip("\\") for name in residue} <= left
    kept, still = owners(before, CONSTANT), owners(after, CONSTANT)
    assert {"$Secure", judges.HIVES["SOFTWARE"]} <= kept.keys()
    for name in ("$Secure", *judges.HIVES.values()):
        assert kept.get(name) == still.get(name)

    made = judges.Volume(after)
    name = TASK.format(sid=new)
    assert made.read(rf"{TASKS}\{name}") == machines.task(Sid.parse(new)).replace(
        f"{new}7".encode("utf-16-le"), f"{old}7".encode("utf-16-le")
    )
    software = judges.agreed(made.read(judges.HIVES["SOFTWARE"]))
    ((_, task),) = (
        (key, values)
        for key, values in software.items()
        if key.startswith(rf"{CURRENT}\Schedule\TaskCache\Tasks" + "\\")
    )
    assert task["Hash"][1] == hashlib.sha256(made.read(rf"{TASKS}\{name}")).digest()
    _check_database(made, new, tmp_path)
    user = record["names"]
    assert sorted(path.rpartition("\\")[2] for path in user) == sorted(
        [f"{old}-1001"] * 4 + [TASK.format(sid=old)]
    )
    assert made.read(rf"$Recycle.Bin\{new}-1001\desktop.ini") == b"x"
    assert any(KEY in effect for effect in record["effects"])


def _check_database(made: judges.Volume, new: str, tmp_path: Path) -> None:
    path = r"ProgramData\Microsoft\Windows\AppRepository\StateRepository-Machine.srd"
    copy = tmp_path / "state"
    copy.write_bytes(made.read(path))
    assert made.read(f"{path}-wal") == b""
    database = sqlite3.connect(copy)
    rows = database.execute("SELECT Id, Sid, Raw FROM User ORDER BY Id").fetchall()
    assert rows == [
        (1, f"{new}-1001", Sid.parse(new).relative(1001).to_bytes()),
        (2, f"{new}-1002", CONSTANT.encode()),
    ]
    (sql,) = database.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'").fetchone()
    assert sql == machines.TRIGGER
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def system_tree(image: Path, tmp_path: Path, name: str) -> Tree:
    return judges.agreed(judges.Volume(volume(image, tmp_path, name)).read(judges.HIVES["SYSTEM"]))


def test_a_chosen_sid_waits_for_the_next_boot_or_is_taken_now(image: Path, tmp_path: Path) -> None:
    old = sid(image)["machine_sid"]
    assert sid(image, "--pending", "--set", CHOSEN)["result"] == "pending"
    shown = sid(image)
    assert shown["machine_sid"] == old
    assert shown["pending"] == {"requested": True, "chosen": CHOSEN}
    setup = system_tree(image, tmp_path, "pending")
    request = setup[r"Setup\SetupCl\PendingRequest"]
    assert request["SidAccountDomainNew"] == (3, Sid.parse(CHOSEN).to_bytes())
    assert request["OperationFlags"] == (4, b"\4\0\0\0")
    data = image.read_bytes()
    assert sid(image, "--pending", "--set", CHOSEN)["written"] is None
    assert image.read_bytes() == data
    # Now: and Windows must not change it again.
    record = sid(image, "--set", CHOSEN, "--yes")
    assert record["new"] == CHOSEN
    assert sid(image)["pending"] == {"requested": False, "chosen": None}
    setup = system_tree(image, tmp_path, "now")
    assert setup[r"Setup\SetupCl\PendingRequest"] == {}
    manager = setup[r"ControlSet001\Control\Session Manager"]
    assert b"setupcl" not in manager["SETUPEXECUTE"][1].decode("utf-16-le").lower().encode()
    assert sid(image, "--set", CHOSEN, "--yes")["result"] == "unchanged"


def test_generalize_leaves_a_request_that_takes_a_chosen_sid(image: Path) -> None:
    judges.generalize(image)
    assert sid(image)["pending"] == {"requested": True, "chosen": None}
    drawn = sid(image, "--pending", "--new")["new"]
    assert sid(image)["pending"] == {"requested": True, "chosen": drawn}


def test_what_a_sid_breaks_needs_consent(image: Path) -> None:
    data = image.read_bytes()
    done = judges.reseal("sid", image, "--new", input="")
    assert done.returncode == 2
    assert "DPAPI" in done.stderr
    assert KEY in done.stderr
    assert sid(image, "--new", "--dry-run")["result"] == "dry run"
    assert sid(image, "--set", CONSTANT, "--yes", code=2)["result"] == "error"
    assert sid(image, "--set", "S-1-5-32-544", "--yes", code=2)["result"] == "error"
    assert sid(image, "--set", "nobody", "--yes", code=2)["result"] == "error"
    assert image.read_bytes() == data


def test_a_member_of_a_domain_is_refused(tmp_path: Path) -> None:
    image = tmp_path / "member.qcow2"
    domain = Sid.parse("S-1-5-21-11-22-33")
    windows(image, Machine(domain_sid=domain))
    data = image.read_bytes()
    assert "domain" in sid(image, "--new", "--yes", code=3)["error"]["message"]
    assert sid(image, "--set", str(domain), "--yes", "--force", code=3)["result"] == "error"
    assert image.read_bytes() == data
    sid(image, "--new", "--yes", "--force")
    assert sid(image)["domain_sid"] == str(domain)


def test_new_sids_differ_and_keep_their_digits() -> None:
    old = Sid.parse("S-1-5-21-7-88-4294967295")
    drawn = {choose(old, os.urandom) for _ in range(200)}
    assert len(drawn) > 100
    for one in drawn:
        assert [len(part) for part in str(one).split("-")] == [len(p) for p in str(old).split("-")]
        assert one != old
        assert Sid.parse(str(one)) == one


def test_a_chosen_sid_of_another_length_rewrites_texts(image: Path, tmp_path: Path) -> None:
    old, new = sid(image)["machine_sid"], "S-1-5-21-7-88-999"
    before = volume(image, tmp_path, "before")
    record = sid(image, "--set", new, "--yes")
    after = volume(image, tmp_path, "after")
    assert sid(image)["machine_sid"] == new
    prove(before, after, record)
    assert {name.replace("/", "\\") for name in owners(after, old)} <= {
        one["path"] for one in record["left"]
    }
    _check_database(judges.Volume(after), new, tmp_path)


def test_other_volumes_change_only_when_asked_to(tmp_path: Path) -> None:
    machine = everywhere(Machine())
    volumes = []
    own = File(b"x", descriptor=descriptor(f"O:{machine.sid}-1001G:SYD:(A;;FA;;;SY)"))
    for name, spec in (("system", tree(machine)), ("data", {"file": own})):
        path = tmp_path / name
        ntfs_volume(path, 96 << 20)
        with writable(path) as opened:
            populate(opened, spec)
        volumes.append((path, BASIC_DATA, name))
    image = gpt_disk(tmp_path / "disk.raw", volumes)
    start = image.stat().st_size

    def data_volume() -> bytes:
        with image.open("rb") as file:
            file.seek((1 << 20) + (96 << 20))
            return file.read(96 << 20)

    before = data_volume()
    record = sid(image, "--new", "--yes")
    assert [(one["volume"], one["changed"]) for one in record["descriptors"]] == [
        (1, True),
        (2, False),
    ]
    assert any("--all-volumes" in note for note in record["notes"])
    assert data_volume() == before
    old, new = record["new"], record["old"]
    other = tmp_path / "other.raw"
    other.write_bytes(before)
    # And back, this time with the data volume, whose descriptors never left the first SID.
    record = sid(image, "--set", new, "--yes", "--all-volumes")
    assert (record["old"], record["new"]) == (old, new)
    record = sid(image, "--set", CHOSEN, "--yes", "--all-volumes")
    assert [one["changed"] for one in record["descriptors"]] == [True, True]
    other.write_bytes(data_volume())
    audit(other)
    with oracle.mounted(other) as ntfs:
        number = ntfs.mft.get("file").attributes[0x10][0].security_id
        assert str(ntfs.secure.lookup(number).owner) == f"{CHOSEN}-1001"
    assert image.stat().st_size == start


def test_a_folder_gets_the_new_sid_too(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    _unpack(folder, tree(everywhere(Machine())))
    old = sid(folder)["machine_sid"]
    record = sid(folder, "--new", "--yes")
    assert sid(folder)["machine_sid"] == record["new"] != old
    assert (folder / "$Recycle.Bin" / f"{record['new']}-1001").is_dir()
    assert any("permissions" in note for note in record["notes"])


def _unpack(path: Path, spec: Any) -> None:
    if isinstance(spec, bytes):
        path.write_bytes(spec)
    elif isinstance(spec, File):
        path.write_bytes(spec.data)
    else:
        path.mkdir()
        for name, content in (spec.entries if isinstance(spec, Folder) else spec).items():
            _unpack(path / name, content)
