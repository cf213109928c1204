"""`reseal unattend apply` and `generalize --unattend`, as a person calls them, on disk images."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from reseal.testing.machine import Machine
from reseal.testing.volumes import Folder
from reseal.testing.windows import windows
from tests.answerfile.samples import DEPLOYMENT, SHELL, component, one, settings, unattend
from tests.end_to_end import judges
from tests.ntfs import oracle
from tests.ntfs.sddl import descriptor
from tests.windows import sam

PASSWORD = "Correct-Horse-7"
ACCOUNT = (
    '<LocalAccount wcm:action="add"><Name>packer</Name><Group>Administrators</Group>'
    f"<Password><Value>{PASSWORD}</Value><PlainText>true</PlainText></Password></LocalAccount>"
)
SECRET = unattend(
    settings(
        "offlineServicing",
        component(
            SHELL,
            "<OfflineUserAccounts><OfflineLocalAccounts>" + ACCOUNT
            + "</OfflineLocalAccounts></OfflineUserAccounts>",
        ),
    ),
    settings(
        "oobeSystem",
        component(
            SHELL,
            f"<AutoLogon><Username>packer</Username><Enabled>true</Enabled><Password><Value>{PASSWORD}"
            "</Value><PlainText>true</PlainText></Password></AutoLogon>",
        ),
    ),
)  # fmt: skip
NAMED = one("specialize", SHELL, "<ComputerName>PC-1</ComputerName>")
AUDIT = one("oobeSystem", DEPLOYMENT, "<Reseal><Mode>Audit</Mode></Reseal>")


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("apply") / "image.qcow2"
    windows(path, Machine(), size=48 << 20)
    return path


@pytest.fixture
def image(golden: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(golden, tmp_path / "image.qcow2"))


@pytest.fixture(scope="module")
def real_sam(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample whose accounts are those of a real Windows 10."""
    path = tmp_path_factory.mktemp("accounts") / "image.qcow2"
    windows(path, Machine(files=sam.config(corpus, "win10-21h1")), size=48 << 20)
    return path


def reseal(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [str(judges.RESEAL), *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def record(*arguments: object, stdin: bytes = b"") -> dict[str, Any]:
    done = reseal(*arguments, "--json", stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


def write(folder: Path, text: str) -> Path:
    path = folder / "answers.xml"
    path.write_text(text)
    return path


def test_apply_says_where_it_lies_and_what_it_does(image: Path, tmp_path: Path) -> None:
    record("generalize", image)
    found = record("unattend", "apply", image, write(tmp_path, NAMED))
    assert found["result"] == "applied"
    assert found["unattend"]["placed"] == r"Windows\Panther\unattend.xml"
    assert found["unattend"]["to_run"] == ["specialize", "oobeSystem"]
    text = reseal("unattend", "apply", image, tmp_path / "answers.xml").stdout.decode()
    assert "passes of the next boot: specialize, oobeSystem." in text
    assert "holds all of this already; nothing was changed (" in text


def test_standard_input_and_dry_run(image: Path) -> None:
    before = image.read_bytes()
    found = record("unattend", "apply", image, "-", "--dry-run", stdin=NAMED.encode())
    assert found["result"] == "dry run"
    assert found["unattend"]["file"] == "standard input"
    assert image.read_bytes() == before


def test_errors_of_the_file_refuse_it_and_leave_the_image(image: Path, tmp_path: Path) -> None:
    before = image.read_bytes()
    file = write(tmp_path, NAMED.replace("PC-1", "my pc"))
    for command in (["unattend", "apply", image, file], ["generalize", image, "--unattend", file]):
        done = reseal(*command)
        assert done.returncode == 3
        assert f"{file}:5:15: error: the computer name holds space" in done.stderr.decode()
        assert image.read_bytes() == before
    assert record("generalize", image, "--unattend", file, "--force", "unattend", "--dry-run")


GENERALIZE = one(
    "auditUser",
    DEPLOYMENT,
    "<Generalize><Mode>Audit</Mode><ForceShutdownNow>true</ForceShutdownNow></Generalize>"
    "<Reseal><Mode>OOBE</Mode></Reseal>",
)
#: The answer file, what the command line says, and where the next boot goes.
MODES = [
    (AUDIT, [], "audit"),
    (AUDIT, ["--oobe"], "oobe"),
    (AUDIT, ["--audit"], "audit"),
    (GENERALIZE, [], "audit"),
    (GENERALIZE, ["--oobe"], "oobe"),
    (GENERALIZE.replace("<Mode>Audit</Mode>", ""), [], "oobe"),
    (NAMED, [], "oobe"),
]


@pytest.mark.parametrize(("text", "option", "target"), MODES)
def test_the_file_chooses_the_mode_where_the_command_line_does_not(
    image: Path, text: str, option: list[str], target: str
) -> None:
    found = record(
        "generalize", image, "--unattend", "-", "--dry-run", *option, stdin=text.encode()
    )
    assert found["target"] == target
    shutdown = any("powered-off image stays off" in note for note in found["notes"])
    assert shutdown == ("ForceShutdownNow" in text)


# Who may read it

SYSTEM, ADMINISTRATORS = "S-1-5-18", "S-1-5-32-544"


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (["generalize"], r"Windows\Panther\unattend.xml"),
        (["boot", "--audit"], r"Windows\Panther\Unattend\unattend.xml"),
    ],
)
def test_a_new_file_has_the_permissions_of_its_folder(
    tmp_path: Path, command: list[str], place: str
) -> None:
    """dissect.ntfs reads who may do what with it; ntfssecaudit looks for damage."""
    closed = descriptor("O:SYG:SYD:AI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)")
    image = tmp_path / "closed.qcow2"
    panther = {"Windows": {"Panther": Folder({}, descriptor=closed)}}
    windows(image, Machine(files=panther), size=48 << 20)
    record(command[0], image, *command[1:], "--unattend", "-", stdin=NAMED.encode())
    volume = judges.Volume.of(image, tmp_path)
    assert volume.is_clean()
    with oracle.mounted(volume.path) as ntfs:
        number = ntfs.mft.get(place).attributes[0x10][0].security_id
        found = ntfs.secure.lookup(number)
    entries = [(str(ace.sid), ace.mask, int(ace.header.AceFlags)) for ace in found.dacl.ace]
    inherited = 0x10
    assert entries == [(SYSTEM, 0x1F01FF, inherited), (ADMINISTRATORS, 0x1F01FF, inherited)]


# Driver paths


def test_driver_packages_of_the_file_are_added(image: Path, tmp_path: Path) -> None:
    """ntfscat reads them from the volume."""
    from tests.unattend.test_drivers import INF, TEXT

    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "fab.inf").write_text(INF)
    (folder / "fab.sys").write_bytes(b"MZ driver")
    (folder / "fab.cat").write_bytes(b"catalogue")
    file = write(tmp_path, TEXT)
    mapping = rf"D:\Drivers\Fab={folder}"
    done = reseal("unattend", "apply", image, file, "--driver-path", mapping, "--verbose")
    shown = done.stdout.decode()
    assert "Driver package fab.inf: staged." in shown
    assert "Not applied: offlineServicing" in shown
    volume = judges.Volume.of(image, tmp_path)
    listed = subprocess.run(
        ["ntfsls", "-p", r"/Windows/Drivers/reseal/fab", volume.path],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert sorted(set(listed) - {".", ".."}) == ["fab.cat", "fab.inf", "fab.sys"]
    assert volume.read(r"Windows\Drivers\reseal\fab\fab.sys") == b"MZ driver"
    assert volume.is_clean()
    for command in (["generalize", image], ["boot", image, "--oobe"]):
        assert reseal(*command, "--driver-path", mapping).returncode == 2


# check --image


def test_check_against_an_image(image: Path, tmp_path: Path) -> None:
    before = image.read_bytes()
    file = write(tmp_path, NAMED.replace("amd64", "arm64"))
    assert reseal("unattend", "check", file).returncode == 0
    done = reseal("unattend", "check", file, "--image", image)
    assert done.returncode == 0
    assert f"{file}:4:72: warning: {SHELL} is for arm64, the image is amd64" in done.stdout.decode()
    found = json.loads(reseal("unattend", "check", file, "--image", image, "--json").stdout)
    assert found["image"] == {
        "path": str(image),
        "architecture": "amd64",
        "build": 22631,
        "components": None,
    }
    assert [one_["rule"] for one_ in found["findings"]] == ["image-architecture"]
    assert image.read_bytes() == before
    assert reseal("unattend", "check", file, "--volume", "1").returncode == 2
    assert reseal("unattend", "check", file, "--image", file).returncode == 4


# boot --unattend


def test_boot_places_the_file_for_the_state_that_it_arms(image: Path, tmp_path: Path) -> None:
    oobe_xml = tmp_path / "oobe.xml"
    oobe_xml.write_text("<FirstExperience><oobe/></FirstExperience>")
    options = ("boot", image, "--unattend", write(tmp_path, NAMED), "--oobe-xml", oobe_xml)
    found = record(*options, "--oobe")
    assert (found["result"], found["target"]) == ("armed", "oobe")
    assert found["unattend"]["placed"] == r"Windows\Panther\unattend.xml"
    assert found["unattend"]["to_run"] == ["oobeSystem"]
    # The pass that is over on a specialized image is marked as Windows marks it.
    volume = judges.Volume.of(image, tmp_path)
    placed = volume.read(found["unattend"]["placed"])
    assert b'<settings pass="specialize" wasPassProcessed="true">' in placed
    assert volume.read(r"Windows\System32\oobe\info\oobe.xml") == oobe_xml.read_bytes()
    again = record(*options, "--oobe")
    assert (again["result"], again["changes"]) == ("unchanged", [])

    text = reseal(*options, "--audit").stdout.decode()
    assert "Answer file: Windows\\Panther\\Unattend\\unattend.xml" in text
    assert "passes of the next boot: auditSystem, auditUser." in text
    assert f"The next boot of {image} goes to audit mode (" in text


def test_boot_goes_where_the_file_says(image: Path, tmp_path: Path) -> None:
    file = write(tmp_path, AUDIT)
    assert record("boot", image, "--unattend", file, "--dry-run")["target"] == "audit"
    assert record("boot", image, "--unattend", file, "--oobe", "--dry-run")["target"] == "oobe"
    for wrong in (
        ("--unattend", write(tmp_path, NAMED)),
        ("--unattend", file, "--status"),
        ("--unattend", file, "--recover"),
        ("--oobe", "--replace"),
        ("--oobe", "--force", "domain"),
    ):
        assert reseal("boot", image, *wrong).returncode == 2


def test_boot_does_not_override_another_file(image: Path, tmp_path: Path) -> None:
    record("boot", image, "--audit", "--unattend", write(tmp_path, AUDIT))
    before = image.read_bytes()
    options = ("boot", image, "--oobe", "--unattend", write(tmp_path, NAMED))
    refused = reseal(*options)
    assert refused.returncode == 3
    assert "would win against this one" in refused.stderr.decode()
    assert image.read_bytes() == before
    found = record(*options, "--replace")
    assert found["unattend"]["moved_aside"] == [r"Windows\Panther\Unattend\Unattend.xml.old"]
    bad = write(tmp_path, NAMED.replace("PC-1", "my pc"))
    assert reseal("boot", image, "--oobe", "--unattend", bad).returncode == 3
    assert record("boot", image, "--oobe", "--unattend", bad, "--force", "unattend", "--dry-run")


def test_sysprep_s_own_command_line_takes_an_answer_file(image: Path, tmp_path: Path) -> None:
    file = f"/unattend:{write(tmp_path, NAMED)}"
    shown = reseal("sysprep", image, "/oobe", "/quit", file)
    assert shown.returncode == 0, shown.stderr
    assert b"passes of the next boot: oobeSystem." in shown.stdout
    shown = reseal("sysprep", image, "/generalize", "/oobe", "/quit", file)
    assert b"passes of the next boot: specialize, oobeSystem." in shown.stdout
    assert judges.Volume.of(image, tmp_path).read(r"Windows\Panther\unattend.xml") == NAMED.encode()


def test_replace_and_oobe_xml_need_an_answer_file(image: Path) -> None:
    assert reseal("generalize", image, "--replace").returncode == 2


def command_lines(stop: threading.Event, seen: set[bytes]) -> None:
    """Collect the command line and environment of every process that runs meanwhile."""
    while not stop.is_set():
        for process in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    seen.add((process / name).read_bytes())
                except OSError:
                    continue
        time.sleep(0.02)


@pytest.mark.parametrize("way", ["apply", "generalize"])
def test_a_password_is_nowhere_to_be_seen(real_sam: Path, tmp_path: Path, way: str) -> None:
    """Output, JSON, report, log, process list, the image's own log: all of it is searched."""
    from tests.unattend.test_local_accounts import nt

    image = Path(shutil.copyfile(real_sam, tmp_path / "image.qcow2"))
    report = tmp_path / "report.json"
    seen: set[bytes] = set()
    stop = threading.Event()
    watch = threading.Thread(target=command_lines, args=(stop, seen))
    watch.start()
    try:
        if way == "apply":
            command: list[object] = ["unattend", "apply", image, "-"]
        else:
            command = ["generalize", image, "--unattend", "-", "--report", report]
        text = reseal(*command, "--dry-run", stdin=SECRET.encode())
        done = reseal(*command, "--json", stdin=SECRET.encode())
    finally:
        stop.set()
        watch.join()
    assert (text.returncode, done.returncode) == (0, 0), done.stderr
    shown = [text.stdout, text.stderr, done.stdout, done.stderr, *seen]
    shown += [report.read_bytes()] if report.exists() else []
    digest = nt(PASSWORD)
    utf16 = PASSWORD.encode("utf-16-le")
    for one_ in shown:
        for secret in (PASSWORD.encode(), utf16, digest.encode(), utf16.hex().encode()):
            assert secret not in one_
    found = json.loads(done.stdout)
    applied = [one_["setting"] for one_ in found["unattend"]["applied"]]
    assert any(setting.endswith("Password/Value") for setting in applied)


def test_errors_hold_no_password(image: Path, tmp_path: Path) -> None:
    """The sample has no real SAM: the run fails while it stores a password."""
    file = write(tmp_path, SECRET)
    before = image.read_bytes()
    done = reseal("unattend", "apply", image, file)
    assert done.returncode == 4
    assert PASSWORD.encode() not in done.stdout + done.stderr
    assert image.read_bytes() == before
    broken = write(tmp_path, SECRET.replace("</LocalAccount>", ""))
    done = reseal("unattend", "apply", image, broken)
    assert done.returncode == 4
    assert PASSWORD.encode() not in done.stdout + done.stderr


def test_a_new_file_takes_from_an_image_what_it_is(image: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.xml"
    done = reseal("unattend", "new", "--from", image, "--disk", "uefi", "--output", file)
    assert done.returncode == 0, done.stderr
    text = file.read_text()

    # The public key of Windows 11 Pro, which an image of this edition and build is.
    assert "W269N-WFGWX-YVC9B-4J6C9-T83GX" in text
    assert 'processorArchitecture="amd64"' in text
    found = json.loads(reseal("unattend", "check", file, "--image", image, "--json").stdout)
    assert [one["rule"] for one in found["findings"] if one["rule"] != "image-component"] == []


def test_an_unreadable_file_in_an_image_is_a_message(tmp_path: Path) -> None:
    path = tmp_path / "image.qcow2"
    answer_file = NAMED.replace("utf-8", "utf-32").encode("utf-32")
    windows(
        path, Machine(files={"Windows": {"Panther": {"unattend.xml": answer_file}}}), size=48 << 20
    )
    done = reseal("generalize", path, "--dry-run", "--verbose")

    assert done.returncode == 0
    assert rb"The answer file Windows\Panther\unattend.xml can't be read" in done.stdout
