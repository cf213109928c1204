r"""The driver database of a real Windows 10, built again from INF files that say what it says.

No INF file that Windows made that database from is at hand, so each is written anew from the hive (see
`from_hive`); what it can't hold is named below. Every package is compared, 187 of them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from reseal.drivers.database import driver_database
from reseal.drivers.inf import Inf
from reseal.drivers.package import Package
from reseal.drivers.target import Target
from reseal.regf import Hive, Key
from reseal.windows.values import strings, text
from tests.drivers.from_hive import device_ids, entries, package_of, plain, text_of

TARGET = Target("amd64", 10, 0, 16299)
CONTROLLERS = {"{4d36e97b-e325-11ce-bfc1-08002be10318}", "{4d36e96a-e325-11ce-bfc1-08002be10318}"}
Found = set[tuple[str, str, int, bytes]]


@pytest.fixture(scope="module")
def database(corpus: Path) -> Key:
    folder = corpus / "machines" / "win10-1709"
    logs = {name: (folder / f"SYSTEM.{name}").read_bytes() for name in ("LOG1", "LOG2")}
    key = Hive.open((folder / "SYSTEM").read_bytes(), logs).key("DriverDatabase")
    assert key
    return key


@pytest.fixture(scope="module")
def built(database: Key) -> dict[str, tuple[Package, Found, Found, set[str]]]:
    """By INF file: the package, what the hive has of it, what was built, and what was left out."""
    ids = device_ids(database)
    result = {}
    infs = database.key("DriverInfFiles")
    assert infs
    for inf in infs.subkeys():
        package = package_of(database, inf)
        if package.key("Descriptors") is None:
            continue
        wanted, left = entries(database, inf, ids.get(inf.name.lower(), []))
        read = Package(Inf(text_of(database, inf).encode("utf-16"), name=inf.name), TARGET)
        made = plain(
            driver_database(
                read, text(package, "") or "", package.name, read.configurations.values(),
                original=text(package, "InfName"),
            )
        )  # fmt: skip
        result[inf.name] = read, wanted, made, left
    return result


def why(one: tuple[str, str, int, bytes], made: Found) -> str:
    """What a difference comes from."""
    path, name, *_ = one
    known = {each[:2] for each in made}
    if path.startswith("deviceids\\"):
        return "marks of an id" if one[:2] in known else "an id of a replaced version"
    if name == "configflags" and one[:2] in known:
        return "ConfigFlags 0x400"
    if "\\configurations\\" in path:
        return "a configuration without devices"
    if path.startswith("driverinffiles\\") and name == "configurations":
        return "the list of configurations"
    return "an unused string" if path.endswith("\\strings") else "?"


def test_each_package_is_built_as_windows_wrote_it(
    database: Key, built: dict[str, tuple[Package, Found, Found, set[str]]]
) -> None:
    assert len(built) == 187
    exact = [name for name, (_, wanted, made, _) in built.items() if wanted == made]
    assert len(exact) == 157
    reasons: Counter[str] = Counter()
    for _, wanted, made, _ in built.values():
        reasons.update({why(one, made) for one in wanted ^ made})
    assert reasons == {
        "marks of an id": 7,  # 01 FB, 01 80, 02 FF 01: what they mean is not known
        "an id of a replaced version": 2,  # oem2.inf and oem7.inf were updated
        "ConfigFlags 0x400": 5,  # what it means is not known
        "a configuration without devices": 14,  # no id leads to it, so no model can name it
        "the list of configurations": 18,  # for that reason, or in the order of lines unknown here
        "an unused string": 3,  # of those devices
    }


def test_every_storage_controller_is_among_the_exact_ones(
    built: dict[str, tuple[Package, Found, Found, set[str]]],
) -> None:
    storage = {
        name: one for name, one in built.items() if f"{{{one[0].class_guid}}}" in CONTROLLERS
    }
    assert len(storage) > 25
    for name, (_, wanted, made, _) in storage.items():
        assert wanted == made, name


def test_what_is_left_out_is_said(
    built: dict[str, tuple[Package, Found, Found, set[str]]],
) -> None:
    left = Counter(name for *_, names in built.values() for name in names)
    assert dict(left) == {
        "class GUID among the DeviceIds": 187,
        "ConfigScope": 187,
        "SignerScore": 187,
        "StatusFlags": 165,
        "Properties": 70,
        "IncludedInfs": 44,
        "Service of a device without a driver": 31,
        "value that is to be deleted": 7,
        "Reboot": 6,
        "ExcludeIds": 4,
        "Product": 3,
        "SignerName": 3,
        "ImportDate": 3,
        "OemPath": 3,
        "LockLevel": 1,
    }


def test_services_of_storage_controllers_are_written_as_windows_wrote_them(
    database: Key, built: dict[str, tuple[Package, Found, Found, set[str]]], corpus: Path
) -> None:
    """Below a boot driver's key stand the settings of its package, with plain types."""
    folder = corpus / "machines" / "win10-1709"
    logs = {name: (folder / f"SYSTEM.{name}").read_bytes() for name in ("LOG1", "LOG2")}
    services = Hive.open((folder / "SYSTEM").read_bytes(), logs).key(r"ControlSet001\Services")
    assert services
    same, other = 0, set()
    for name, (read, *_) in built.items():
        if f"{{{read.class_guid}}}" not in CONTROLLERS:
            continue
        for service in (s for one in read.configurations.values() for s in one.services):
            key = services.key(service.name)
            owners = [one.lower() for one in strings(key, "Owners")]
            for setting in service.settings if name.lower() in owners else ():
                below = key.key(setting.path) if key and setting.path else key
                value = below.value(setting.name) if below else None
                if value is not None and (value.type, value.data) == (setting.kind, setting.data):
                    same += 1
                else:
                    other.add(service.name)
    # Those of iaStorV's ports are not in its key; nvstor has two configurations that differ.
    assert (same, other) == (177, {"iaStorV", "nvstor"})
