"""One machine from an image, judged by other people's readers."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from reseal.regf import types
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from reseal.windows import Sid
from tests.answerfile.samples import SHELL, one, unattend
from tests.end_to_end import judges, real_machine
from tests.oracles import Tree
from tests.sid.test_sid import forms

CHOSEN = "S-1-5-21-3004336341-3177238912-782003339"
CACHE = r"Windows\Panther\unattend.xml"
NAMESPACE = "{urn:schemas-microsoft-com:unattend}"
NAME = r"ControlSet001\Control\ComputerName\ComputerName"
PARAMETERS = r"ControlSet001\Services\Tcpip\Parameters"
REQUEST = r"Setup\SetupCl\PendingRequest"
CURRENT = r"Microsoft\Windows NT\CurrentVersion"
#: Identifiers that generalize replaces, beside those that the sample has anyway.
IDENTIFIERS = {
    "ControlSet001": {"Services": {"LanmanServer": {"Parameters": {"Guid": bytes(range(16))}}}},
    "RNG": {"Seed": bytes(76)},
}


def run(image: Path, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    """Run `reseal specialize` and return the record of the run."""
    done = judges.reseal("specialize", image, "--json", "--quiet", *arguments)
    assert done.returncode == code, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def text(value: tuple[int, bytes]) -> str:
    return value[1].decode("utf-16-le").rstrip("\0")


def machine() -> Machine:
    return Machine(system=IDENTIFIERS, users=("Alice",))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample that is not generalized."""
    path = tmp_path_factory.mktemp("finished") / "image.qcow2"
    windows(path, machine(), size=48 << 20)
    return path


@pytest.fixture(scope="module")
def generalized(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generalized") / "image.qcow2"
    shutil.copyfile(finished, path)
    judges.generalize(path)
    return path


class Look:
    """A machine as others read it."""

    def __init__(self, image: Path, folder: Path) -> None:
        folder.mkdir()
        self.volume = judges.Volume.of(image, folder)
        assert self.volume.is_clean()

    def hive(self, name: str) -> Tree:
        return judges.seen(self.volume.read(judges.HIVES[name]))

    def answers(self, path: str = CACHE) -> ElementTree.Element:
        data = self.volume.read(path)
        subprocess.run(["xmllint", "--noout", "-"], input=data, check=True)
        return ElementTree.fromstring(data)


def answer(root: ElementTree.Element, configuration_pass: str, path: str) -> list[str | None]:
    below = "/".join(NAMESPACE + part for part in path.split("/"))
    found = root.findall(
        f"{NAMESPACE}settings[@pass='{configuration_pass}']/{NAMESPACE}component/{below}"
    )
    return [element.text for element in found]


def test_windows_takes_over_name_sid_and_answers_at_its_first_boot(
    generalized: Path, tmp_path: Path
) -> None:
    image = tmp_path / "machine.qcow2"
    record = run(
        generalized, "--computer-name", "ws-001", "--sid", CHOSEN,
        "--set", "Shell-Setup/RegisteredOwner=Ben & Söhne",
        "--set", "oobeSystem:Microsoft-Windows-Shell-Setup/OOBE/HideEULAPage=true",
        "--output", image,
    )  # fmt: skip
    assert (record["computer_name"], record["machine_sid"]) == ("ws-001", CHOSEN)
    assert record["sid_when"] == "next boot"
    before, after = Look(generalized, tmp_path / "before"), Look(image, tmp_path / "after")
    old, new = before.hive("SYSTEM"), after.hive("SYSTEM")
    assert new[REQUEST]["SidAccountDomainNew"] == (3, Sid.parse(CHOSEN).to_bytes())
    assert new[REQUEST]["OperationFlags"] == (4, b"\4\0\0\0")
    assert text(new[NAME]["ComputerName"]) == "WS-001"
    assert text(new[PARAMETERS]["Hostname"]) == text(new[PARAMETERS]["NV Hostname"]) == "ws-001"
    domain = after.hive("SECURITY")[r"Policy\PolAcDmN"][""][1]
    assert domain[8:].decode("utf-16-le").rstrip("\0") == "WS-001"
    guid = r"ControlSet001\Services\LanmanServer\Parameters"
    assert new[guid]["Guid"] != old[guid]["Guid"]
    assert new["RNG"]["Seed"] != old["RNG"]["Seed"]
    cryptography = r"Microsoft\Cryptography"
    found = text(after.hive("SOFTWARE")[cryptography]["MachineGuid"])
    assert (
        found
        == record["machine_guid"]
        != text(before.hive("SOFTWARE")[cryptography]["MachineGuid"])
    )
    root = after.answers()
    assert answer(root, "specialize", "ComputerName") == ["ws-001"]
    assert answer(root, "specialize", "RegisteredOwner") == ["Ben & Söhne"]
    assert answer(root, "oobeSystem", "OOBE/HideEULAPage") == ["true"]
    # What is written stands in the record, and the image is as armed as it was.
    for hive in ("SYSTEM", "SOFTWARE", "SECURITY", "SAM"):
        assert not judges.unexplained(
            before.hive(hive), after.hive(hive), record["changes"], hive
        ), hive
    checked = json.loads(judges.reseal("inspect", image, "--json").stdout)
    assert checked["state"]["image_state"] == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"


def test_now_there_is_nothing_left_for_windows_to_change(generalized: Path, tmp_path: Path) -> None:
    image = tmp_path / "machine.qcow2"
    # What a SID breaks is said first.
    assert run(generalized, "--sid", "new", "--now", code=2)["result"] == "error"
    record = run(
        generalized, "--computer-name", "WS-002", "--sid", "new", "--now", "--yes",
        "--set", "Shell-Setup/RegisteredOwner=ACME", "--output", image,
    )  # fmt: skip
    new = record["machine_sid"]
    assert record["sid_when"] == "now"
    after = Look(image, tmp_path / "after")
    system = after.hive("SYSTEM")
    assert "OperationFlags" not in system[REQUEST]
    execute = system[r"ControlSet001\Control\Session Manager"]["SETUPEXECUTE"]
    assert "setupcl" not in text(execute).lower()
    assert system[r"Setup\DJOIN"]["DismComputerNameSet"] == (4, b"\1\0\0\0")
    assert text(after.hive("SOFTWARE")[CURRENT]["RegisteredOwner"]) == "ACME"
    policy = after.hive("SECURITY")[r"Policy\PolAcDmS"][""]
    assert policy[1] == Sid.parse(new).to_bytes()
    for name in judges.HIVES:
        raw = after.volume.read(judges.HIVES[name])
        for pattern in forms(str(machine().sid)).values():
            assert not pattern.search(raw), name


@pytest.mark.parametrize(
    ("made", "prefix"),
    [(Machine(users=()), "DESKTOP-"),
     (Machine(users=(), build=20348, product="Windows Server 2022 Standard",
              install_type="Server", edition="ServerStandard",
              system={"ControlSet001": {"Control": {"ProductOptions": {
                  "ProductType": "ServerNT"}}}}), "WIN-")],
)  # fmt: skip
def test_a_random_name_has_the_form_of_windows_own(
    made: Machine, prefix: str, tmp_path: Path
) -> None:
    image = tmp_path / "image.qcow2"
    windows(image, made, size=48 << 20)
    judges.generalize(image)
    names = {run(image, "--computer-name", "*", "--dry-run")["computer_name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith(prefix) and len(name) == 15 for name in names)


def test_an_answer_file_of_its_own_and_one_that_would_win(
    generalized: Path, tmp_path: Path
) -> None:
    image = Path(shutil.copyfile(generalized, tmp_path / "image.qcow2"))
    file = tmp_path / "own.xml"
    file.write_text(one("specialize", SHELL, "<ComputerName>OTHER</ComputerName>"))
    # The file's name counts where no other is given; one that is given wins.
    assert run(image, "--unattend", file, "--dry-run")["computer_name"] == "OTHER"
    run(image, "--unattend", file, "--computer-name", "WS-003")
    look = Look(image, tmp_path / "look")
    assert answer(look.answers(), "specialize", "ComputerName") == ["WS-003"]
    assert text(look.hive("SYSTEM")[NAME]["ComputerName"]) == "WS-003"
    # A second machine of the same image keeps the answers, with its own name among them.
    again = run(image, "--computer-name", "WS-004", "--sid", "pending")
    assert again["machine_sid"] is None
    look = Look(image, tmp_path / "again")
    assert answer(look.answers(), "specialize", "ComputerName") == ["WS-004"]


def test_the_answer_file_that_wins_gets_the_settings(tmp_path: Path) -> None:
    first = one("oobeSystem", SHELL, "<TimeZone>UTC</TimeZone>").encode()
    made = Machine(users=(), files={"Windows": {"Panther": {"Unattend": {"unattend.xml": first}}}})
    image = tmp_path / "image.qcow2"
    windows(image, made, size=48 << 20)
    judges.generalize(image)
    run(image, "--computer-name", "WS-005")
    look = Look(image, tmp_path / "look")
    root = look.answers(r"Windows\Panther\Unattend\unattend.xml")
    assert answer(root, "specialize", "ComputerName") == ["WS-005"]
    assert answer(root, "oobeSystem", "TimeZone") == ["UTC"]


def test_a_finished_installation_is_changed_at_once_or_not_at_all(
    finished: Path, tmp_path: Path
) -> None:
    image = Path(shutil.copyfile(finished, tmp_path / "image.qcow2"))
    data = image.read_bytes()
    file = tmp_path / "own.xml"
    file.write_text(unattend())
    owner = ("--set", "Shell-Setup/RegisteredOwner=ACME")
    refused = run(image, "--unattend", file, code=3)
    assert "not generalized" in refused["error"]["message"]
    assert run(image, *owner, code=3)["result"] == "error"
    assert run(image, "--set", "Shell-Setup/TimeZone=UTC", "--now", code=3)["result"] == "error"
    assert run(image, "--sid", "new", code=2)["result"] == "error"
    assert image.read_bytes() == data
    record = run(image, "--computer-name", "PC-9", "--sid", CHOSEN, "--yes", "--now", *owner)
    assert (record["sid_when"], record["machine_sid"]) == ("now", CHOSEN)
    assert any("not generalized" in note for note in record["notes"])
    look = Look(image, tmp_path / "look")
    assert text(look.hive("SYSTEM")[NAME]["ComputerName"]) == "PC-9"
    assert text(look.hive("SOFTWARE")[CURRENT]["RegisteredOwner"]) == "ACME"
    assert look.hive("SECURITY")[r"Policy\PolAcDmS"][""][1] == Sid.parse(CHOSEN).to_bytes()


def test_a_member_of_a_domain_keeps_its_name(tmp_path: Path) -> None:
    image = tmp_path / "member.qcow2"
    windows(image, Machine(users=(), domain_sid=Sid.parse("S-1-5-21-11-22-33")), size=48 << 20)
    data = image.read_bytes()
    assert "domain" in run(image, "--computer-name", "PC-9", code=3)["error"]["message"]
    assert image.read_bytes() == data
    assert run(image, "--computer-name", "PC-9", "--force", "domain")["computer_name"] == "PC-9"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--computer-name", "much-too-long-a-name"),
        ("--computer-name", ""),
        ("--sid", "nobody"),
        ("--sid", "S-1-5-32-544"),
        ("--set", "TimeZone=UTC"),
        ("--set", "Shell-Setup/TimeZon=UTC"),
        ("--set", "Shell-Setups/TimeZone=UTC"),
        ("--set", "nowhere:Shell-Setup/TimeZone=UTC"),
        ("--set", "Shell-Setup/OOBE=true"),
        ("--set", "UnattendedJoin/Identification/Credentials/Password=secret"),
        ("--set", "Shell-Setup/FirstLogonCommands/SynchronousCommand/CommandLine=cmd"),
        ("--force", "everything"),
        ("--thin",),
    ],
)
def test_calls_that_make_no_sense(generalized: Path, arguments: tuple[str, ...]) -> None:
    data = generalized.read_bytes()
    error = run(generalized, *arguments, code=2)["error"]
    assert error["hint"]
    assert "secret" not in json.dumps(error)
    assert generalized.read_bytes() == data


@pytest.mark.corpus
def test_a_real_machine(corpus: Path, tmp_path: Path) -> None:
    image = tmp_path / "machine.qcow2"
    real_machine.build(corpus, image)
    judges.generalize(image)
    before = Look(image, tmp_path / "before")
    record = run(image, "--computer-name", "WS-REAL", "--sid", CHOSEN)
    after = Look(image, tmp_path / "after")
    assert set(record["written"]["hives"]) == {"SOFTWARE", "SYSTEM"}
    for name in ("SAM", "SECURITY", "DEFAULT"):
        path = judges.HIVES[name]
        assert after.volume.read(path) == before.volume.read(path)
    system = after.hive("SYSTEM")
    assert not judges.unexplained(before.hive("SYSTEM"), system, record["changes"], "SYSTEM")
    assert system[REQUEST]["SidAccountDomainNew"] == (3, Sid.parse(CHOSEN).to_bytes())
    assert types.decode(*system[NAME]["ComputerName"]) == "WS-REAL"
