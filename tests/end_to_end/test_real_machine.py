"""A real machine, generalized in every container format, judged by other people's software."""

from __future__ import annotations

import configparser
import re
import struct
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reseal.regf import Hive
from reseal.testing.disks import convert
from reseal.testing.machine import Machine, user_hive
from reseal.testing.windows import windows
from tests.end_to_end import judges, real_machine
from tests.oracles import Tree, hivex

FORMATS = {"qcow2": "qcow2", "vhdx": "vhdx", "vhd": "vpc", "vmdk": "vmdk", "raw": "raw"}
CONTROL_SET = "ControlSet001"
ADMINISTRATOR = str(real_machine.SID.relative(500))
HIVES = judges.HIVES | {ADMINISTRATOR: r"Users\Administrator\NTUSER.DAT"}


@pytest.fixture(scope="module")
def golden(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real machine as a raw disk."""
    path = tmp_path_factory.mktemp("golden") / "machine.raw"
    windows(path, real_machine.machine(corpus), size=real_machine.SIZE)
    return path


@pytest.fixture(scope="module")
def before(corpus: Path) -> dict[str, Tree]:
    """What its hives hold after log replay."""
    config = real_machine.machine(corpus).files["Windows"]["System32"]["config"]
    found = {ADMINISTRATOR: judges.agreed(user_hive(real_machine.machine(corpus), 500))}
    for name in ("SYSTEM", "SOFTWARE", "DEFAULT"):
        logs = {
            suffix: config[f"{name}.{suffix}"]
            for suffix in ("LOG1", "LOG2")
            if config.get(f"{name}.{suffix}")
        }
        found[name] = judges.seen(Hive.open(config[name], logs).to_bytes())
    return found


@pytest.mark.corpus
@pytest.mark.parametrize(
    "suffix",
    [pytest.param(one, marks=() if one == "qcow2" else pytest.mark.judges) for one in FORMATS],
)
def test_a_real_machine_is_generalized(
    golden: Path, before: dict[str, Tree], suffix: str, tmp_path: Path
) -> None:
    image = tmp_path / f"machine.{suffix}"
    convert(golden, image, FORMATS[suffix])
    record = judges.generalize(image)

    assert record["result"] == "generalized"
    assert record["image"]["format"] == suffix
    # Every reader judges one format; the hives of the others say the same to the strictest one.
    read = judges.agreed if suffix == "qcow2" else hivex
    written = set(record["written"]["hives"])
    assert written >= set(before)
    # Nothing edits the others: their logs were replayed.
    replayed = [one for one in record["changes"] if one["kind"] == "replay_logs"]
    assert len(written - set(before)) == len(replayed)
    volume = judges.Volume.of(image, tmp_path)
    assert volume.is_clean()
    after = {name: read(volume.read(HIVES[name])) for name in before}
    for name, tree in after.items():
        assert judges.unexplained(before[name], tree, record["changes"], name) == set()
        if name != ADMINISTRATOR:
            assert volume.read(f"{HIVES[name]}.LOG1") == b""
            assert volume.read(f"{HIVES[name]}.LOG2") == b""
    _is_armed(after, volume)
    _is_nobody(after)


def _number(value: tuple[int, bytes]) -> int:
    (number,) = struct.unpack("<I", value[1])
    assert value[0] == 4
    return int(number)


def _text(value: tuple[int, bytes]) -> str:
    return value[1].decode("utf-16-le").rstrip("\0")


def _is_armed(after: dict[str, Tree], volume: judges.Volume) -> None:
    """Every value that a generalized image is known to have, read by others."""
    system, software = after["SYSTEM"], after["SOFTWARE"]
    setup = system["Setup"]
    assert _number(setup["SetupType"]) == 2
    assert _text(setup["CmdLine"]) == r"oobe\windeploy.exe"
    assert _number(setup["OOBEInProgress"]) == 1
    assert _number(setup["SystemSetupInProgress"]) == 1
    assert _number(setup["SetupPhase"]) == 4
    assert _number(system[r"Setup\Status\SysprepStatus"]["GeneralizationState"]) == 4
    children = system[r"Setup\Status\ChildCompletion"]
    assert {name: _number(value) for name, value in children.items()} == {
        "setup.exe": 0, "oobeldr.exe": 0, "SetupFinalTasks": 0, "audit.exe": 0,
    }  # fmt: skip
    passes = system[r"Setup\Status\UnattendPasses"]
    for name in ("specialize", "auditSystem", "auditUser", "oobeSystem"):
        assert _number(passes[name]) == 0
    assert _number(system[r"Setup\Status"]["AuditBoot"]) == 0
    request = system[r"Setup\SetupCl\PendingRequest"]
    assert {name: _number(value) for name, value in request.items()} == {"OperationFlags": 4}
    assert system[r"Setup\SetupCl"] == {}
    manager = system[rf"{CONTROL_SET}\Control\Session Manager"]
    assert _text(manager["SETUPEXECUTE"]).split("\0")[0] == "setupcl.exe"

    name = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
    current = r"Microsoft\Windows\CurrentVersion\Setup"
    assert _text(software[rf"{current}\State"]["ImageState"]) == name
    assert _text(software[rf"{current}\ImageServicingData"]["ImageState"]) == name
    ini = configparser.ConfigParser()
    ini.read_string(volume.read(r"Windows\Setup\State\State.ini").decode())
    assert ini["State"]["ImageState"].strip('"') == name
    assert volume.read(r"Windows\System32\Sysprep\Sysprep_succeeded.tag") == b""


def _is_nobody(after: dict[str, Tree]) -> None:
    system, software = after["SYSTEM"], after["SOFTWARE"]
    assert system["MountedDevices"] == {}
    name = _text(system[rf"{CONTROL_SET}\Control\ComputerName\ComputerName"]["ComputerName"])
    tcpip = system[rf"{CONTROL_SET}\Services\Tcpip\Parameters"]
    assert name == _text(tcpip["Hostname"]) == _text(tcpip["NV Hostname"])
    assert name != real_machine.COMPUTER_NAME
    assert "Dhcpv6DUID" not in system[rf"{CONTROL_SET}\Services\Tcpip6\Parameters"]
    guid = _text(software[r"Microsoft\Cryptography"]["MachineGuid"])
    assert guid != Machine().machine_guid


def _holds(after: dict[str, Tree], action: ElementTree.Element, *, wow64: bool) -> bool:
    """Whether the hives, as others read them, are as the action wants them."""
    root, _, path = action.attrib["path"].partition("\\")
    hive, _, key = path.partition("\\")
    if root == "HKEY_CURRENT_USER":
        hive, key = ADMINISTRATOR, path
    elif root == "HKEY_USERS":
        hive = hive.lstrip(".")
    elif wow64 and hive.upper() == "SOFTWARE" and not key.startswith("Policies"):
        key = f"WOW6432Node\\{key}"
    key = re.sub("^currentcontrolset", CONTROL_SET, key, flags=re.IGNORECASE).lower()
    tree = {name.lower(): values for name, values in after[hive.upper()].items()}
    if action.tag == "deleteKey":
        return key not in tree
    values = tree.get(key, {})
    if action.tag == "deleteValue":
        return action.attrib["name"].lower() not in {name.lower() for name in values}
    assert action.tag == "setValue"
    assert action.attrib["type"] == "REG_DWORD"
    return _number(values[action.attrib["name"]]) == int(action.attrib["value"], 0)


@pytest.mark.corpus
def test_every_declarative_action_of_the_real_plan_is_carried_out(
    golden: Path, before: dict[str, Tree], corpus: Path, tmp_path: Path
) -> None:
    image = tmp_path / "machine.qcow2"
    convert(golden, image, "qcow2")
    record = judges.generalize(image)
    volume = judges.Volume.of(image, tmp_path)
    after = {name: hivex(volume.read(HIVES[name])) for name in before}
    plan = ElementTree.parse(corpus / "actionfiles" / "Generalize-18362.xml").getroot()
    actions = 0
    for component in plan.findall("imaging"):
        identity = component.find("assemblyIdentity")
        assert identity is not None
        wow64 = identity.attrib["processorArchitecture"] == "wow64"
        for action in component.findall("registryActions/*"):
            assert _holds(after, action, wow64=wow64), action.attrib
            actions += 1
    files = len(plan.findall("imaging/fileActions/*"))
    assert len(record["coverage"]["declarative"]) == actions + files
    modules = [*plan.iter("sysprepModule"), *plan.iter("sysprepValidate")]
    named = {name for names in record["coverage"].values() for name in names}
    for module in modules:
        dll = module.attrib["moduleName"].rpartition("\\")[2].lower()
        assert f"{dll},{module.attrib['methodName']}" in named
