"""Places of a machine's SID beside the machine hives: changed where that is safe, listed otherwise."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest

from reseal.regf import Hive
from reseal.testing.hives import hive
from reseal.testing.machine import Machine
from reseal.testing.volumes import File
from reseal.testing.windows import windows
from reseal.windows import Sid
from tests.end_to_end import judges
from tests.sid.test_sid import forms

MACHINE = Machine(users=("Alice",))
SID = MACHINE.sid
CONSTANT = "S-1-5-21-2702878673-795188819-444038987"
FIREWALL = r"Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
#: Forms of real rules, with the SID of a local user (seen: rules of packaged apps).
RULES = {
    "{0A1B}": "v2.31|Action=Allow|Active=TRUE|Dir=In|Name=App|LUOwn={sid}-1001|EmbedCtxt=App|",
    "{0A2B}": "v2.31|Action=Block|Active=TRUE|Dir=Out|LUAuth=D:(A;;CC;;;{sid}-1001)|Name=Other|",
    "{0A3B}": "v2.31|Action=Allow|Active=TRUE|Dir=In|Name=Digits {sid}7|",
}
#: What stands behind the checksum of an ESE database's header (documented: libyal, ESE format).
ESE = b"\xef\xcd\xab\x89"


def sealed(sid: Sid) -> dict[str, bytes]:
    """Files whose formats have checksums or no description, with the SID in all its forms."""
    content = sid.to_bytes() + f" {sid} ".encode() + str(sid).encode("utf-16-le")

    def summed(head: bytes) -> bytes:
        body = head.ljust(64, b"\1") + content.ljust(960, b"\2")
        return zlib.crc32(body).to_bytes(4, "little") + body

    return {
        r"Windows\System32\sru\SRUDB.dat": summed(ESE),
        r"Windows\SoftwareDistribution\DataStore\DataStore.edb": summed(ESE),
        r"ProgramData\Microsoft\Search\Data\Applications\Windows\Windows.edb": summed(ESE),
        r"Windows\System32\wbem\Repository\OBJECTS.DATA": summed(b""),
        r"Windows\System32\wbem\Repository\INDEX.BTR": summed(b""),
        r"Windows\System32\wbem\Repository\MAPPING1.MAP": summed(b""),
        r"Windows\System32\LogFiles\WMI\RtBackup\EtwRTEventLog.etl": summed(b""),
        r"ProgramData\Microsoft\Diagnosis\ETLLogs\AutoLogger\Diagtrack.etl": summed(b""),
        r"Windows\System32\catroot\{F750}\package.cat": summed(b"\x30\x82"),
    }


def nested(files: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, content in files.items():
        *folders, name = path.split("\\")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = content
    return tree


def package_hive(sid: Sid) -> bytes:
    owner = {"Owner": f"{sid}-1001", "Raw": sid.relative(1001).to_bytes(), "Other": CONSTANT}
    return hive({"LocalState": owner, f"{sid}-1001": {"Name": "x"}}).to_bytes()


PACKAGES = (
    r"Users\Alice\AppData\Local\Packages\App_1\Settings\settings.dat",
    r"Users\Alice\AppData\Local\Packages\App_1\SystemAppData\Helium\User.dat",
    r"Users\Alice\AppData\Local\Packages\App_1\SystemAppData\Helium\UserClasses.dat",
    r"ProgramData\Microsoft\Windows\AppRepository\Packages\App_1\ActivationStore.dat",
    r"Windows\appcompat\Programs\Amcache.hve",
)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> tuple[judges.Volume, dict[str, Any]]:
    """A machine with its SID in all these places, after the change, and the record of the change."""
    folder = tmp_path_factory.mktemp("places")
    image = folder / "image.qcow2"
    files: dict[str, Any] = {path: File(data) for path, data in sealed(SID).items()}
    files |= {path: File(package_hive(SID)) for path in PACKAGES}
    rules = {name: rule.format(sid=SID) for name, rule in RULES.items()}
    system: dict[str, Any] = {}
    place = system
    for part in ("ControlSet001", *FIREWALL.split("\\")):
        place = place.setdefault(part, {})
    place.update(rules)
    made = Machine(users=("Alice",), files=nested(files), system=system)
    windows(image, made, size=64 << 20)
    done = judges.reseal("sid", image, "--new", "--yes", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    return judges.Volume.of(image, folder), json.loads(done.stdout)


def test_files_with_checksums_are_listed_and_left_alone(
    changed: tuple[judges.Volume, dict[str, Any]],
) -> None:
    volume, record = changed
    left = {one["path"]: one for one in record["left"]}
    for path, data in sealed(SID).items():
        assert volume.read(path) == data, path
        assert left[path]["count"] == 3
        assert left[path]["reason"]
    formats = {left[path]["format"] for path in sealed(SID)}
    assert formats == {"ESE database", "WMI repository", "event trace", "catalogue"}


def test_hives_of_packages_get_the_new_sid(
    changed: tuple[judges.Volume, dict[str, Any]],
) -> None:
    volume, record = changed
    new = Sid.parse(record["new"])
    for path in PACKAGES:
        data = volume.read(path)
        found = judges.agreed(data)
        assert found == judges.agreed(package_hive(new)), path
        assert not any(pattern.search(data) for pattern in forms(str(SID)).values())
        # A key name, a text, a binary; the constant of Microsoft's stays.
        assert record["hives"][path]
        assert Hive.open(data).verify() == []


def test_firewall_rules_get_the_new_sid(changed: tuple[judges.Volume, dict[str, Any]]) -> None:
    volume, record = changed
    system = judges.agreed(volume.read(judges.HIVES["SYSTEM"]))
    found = {
        name: data.decode("utf-16-le").rstrip("\0")
        for name, (_, data) in system[rf"ControlSet001\{FIREWALL}"].items()
    }
    new, old = record["new"], str(SID)
    assert found == {
        "{0A1B}": RULES["{0A1B}"].format(sid=new),
        "{0A2B}": RULES["{0A2B}"].format(sid=new),
        # Another number that begins with the same digits is no SID of this machine.
        "{0A3B}": RULES["{0A3B}"].format(sid=old),
    }
    assert volume.is_clean()
