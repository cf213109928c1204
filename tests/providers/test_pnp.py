"""Plug and Play: what the old machine had is forgotten, and what the boot needs starts again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from reseal.providers.pnp import REMOVE_DRIVERS, SETTINGS, pnp
from reseal.session import Session
from reseal.testing.drivers import package
from reseal.testing.hives import hive
from reseal.testing.machine import Machine
from tests.builders import State, difference, session, state
from tests.providers import hardware as hw
from tests.providers.judge import WINDOWS_7_DOMAIN, WINDOWS_10, compare, judge, real, run

KEPT_CLASSES = ("{4d36e973", "{4d36e974", "{4d36e975")


def _run(system: dict[str, Any] | None = None, **options: Any) -> tuple[Session, set[str]]:
    control_sets = options.pop("control_sets", (1,))
    names = [f"ControlSet{number:03}" for number in control_sets]
    made = Machine(
        system=system or hw.system(*names),
        control_sets=control_sets,
        software=options.pop("software", {}),
        files=options.pop("files", {}),
    )
    one = session(made, **options)
    return one, run("pnp", one)


def _enum(one: Session) -> set[str]:
    """The instance ids that are left."""
    return _instances(state(one), "ControlSet001")


def _instances(found: State, control_set: str) -> set[str]:
    pattern = re.compile(rf"{control_set}\\Enum\\([^\\]+\\[^\\]+\\[^\\]+)\\", re.IGNORECASE)
    return {match[1] for path in found["SYSTEM"] if (match := pattern.fullmatch(path))}


def test_devices_go_and_those_of_the_system_stay() -> None:
    one, _ = _run()
    assert _enum(one) == {hw.VOLMGR, hw.PRINTER, hw.WPD, hw.RAID}
    judge(one, reader="hivex")


def test_a_device_that_the_boot_needs_and_windows_would_not_find_again_stays_and_is_said() -> None:
    one, _ = _run()
    assert hw.RAID in _enum(one)
    assert any(note.startswith("1 devices stay") and hw.RAID in note for note in one.notes)
    key = one.registry.key(rf"HKLM\SYSTEM\ControlSet001\Control\Class\{hw.SCSI}\0001")
    assert key is not None


@pytest.mark.parametrize("start", [1, 3, 4])
def test_a_controller_whose_driver_does_not_start_at_boot_stays(start: int) -> None:
    system = hw.system()
    system["ControlSet001"]["Services"]["storahci"] = hw.driver(start)
    one, _ = _run(system)
    assert hw.CONTROLLER in _enum(one)


def test_a_controller_that_the_database_gives_another_driver_stays() -> None:
    system = hw.system()
    package = system["DriverDatabase"]["DriverPackages"]["mshdc.inf_amd64_1"]
    package["Configurations"]["storahci_Inst"]["Service"] = "other"
    one, _ = _run(system)
    assert hw.CONTROLLER in _enum(one)


def test_without_a_driver_database_nothing_that_the_boot_needs_goes() -> None:
    system = hw.system()
    del system["DriverDatabase"]
    one, _ = _run(system)
    assert _enum(one) >= {hw.CONTROLLER, hw.SSD, hw.STICK, hw.RAID}
    assert hw.NIC not in _enum(one)


def test_windows_7_looks_into_the_critical_device_database() -> None:
    system = hw.system()
    del system["DriverDatabase"]
    system["ControlSet001"]["Control"]["CriticalDeviceDatabase"] = {
        "PCI#CC_010601": {"Service": "storahci", "ClassGUID": hw.SCSI},
        "gendisk": {"Service": "disk", "ClassGUID": hw.DISK},
    }
    one, _ = _run(system)
    assert _enum(one) == {hw.VOLMGR, hw.PRINTER, hw.WPD, hw.RAID}


def test_every_place_that_names_a_device_is_cleared_and_nothing_else() -> None:
    _, changed = _run()
    base = r"SYSTEM\ControlSet001"
    container = r"{88b080f6-e2de-5650-ac2e-9685aca70f0a}"
    allowed = (
        rf"{base}\Enum\PCI\VEN_8086", rf"{base}\Enum\SCSI", rf"{base}\Enum\USB",
        rf"{base}\Enum\NextParentID.241bacd1.4",
        rf"{base}\Hardware Profiles\0001\System\CurrentControlSet\Enum\SCSI",
        rf"{base}\Control\Class\{hw.DISK}\0", rf"{base}\Control\Class\{hw.SCSI}\0000",
        rf"{base}\Control\Class\{hw.NET}\0001", rf"{base}\Control\Class\{hw.USB}\0000",
        rf"{base}\Control\DeviceClasses\{hw.DISK_INTERFACE}\##?#SCSI",
        rf"{base}\Control\DeviceClasses\{hw.DISK_INTERFACE}\##?#USBSTOR",
        rf"{base}\Control\DeviceContainers\{hw.COMPUTER}\BaseContainers",
        rf"{base}\Control\DeviceContainers\{hw.COMPUTER}\Properties\{hw.NAMES}",
        rf"{base}\Control\DeviceContainers\{container}",
        rf"{base}\Services\storahci\StartOverride", rf"{base}\Services\acmeraid\StartOverride",
        rf"{base}\Services\vmbus\StartOverride",
        "SYSTEM\\HardwareConfig\\",
    )  # fmt: skip
    assert {path for path in changed if not path.startswith(allowed)} == set()
    for prefix in allowed:
        assert any(path.startswith(prefix) for path in changed), prefix


def test_class_keys_filters_and_kept_members_stay() -> None:
    one, _ = _run()
    root = r"HKLM\SYSTEM\ControlSet001\Control"
    assert one.registry.value(rf"{root}\Class\{hw.DISK}", "UpperFilters") == ["partmgr"]
    assert one.registry.key(rf"{root}\Class\{hw.NET}\0002") is not None
    members = one.registry.key(
        rf"{root}\DeviceContainers\{hw.COMPUTER}\BaseContainers\{hw.COMPUTER}"
    )
    assert members
    assert {value.name for value in members.values()} == {hw.VOLMGR, hw.PRINTER, hw.RAID}


@pytest.mark.parametrize("kept", KEPT_CLASSES)
def test_keys_of_network_clients_services_and_protocols_never_go(kept: str) -> None:
    guid = kept + "-e325-11ce-bfc1-08002be10318}"
    system = hw.system()
    control = system["ControlSet001"]
    control["Enum"].update(hw.nested({r"X\Y\1": hw.device((), None, guid, "0000")}))
    control["Control"]["Class"][guid] = {"0000": {"d": 1}}
    one, _ = _run(system)
    assert r"X\Y\1" not in _enum(one)
    assert one.registry.key(rf"HKLM\SYSTEM\ControlSet001\Control\Class\{guid}\0000") is not None


@pytest.mark.parametrize("driver", [r"..\..\Services\disk", hw.DISK, rf"{hw.DISK}\00001", "", "x"])
def test_a_driver_value_that_names_no_numbered_key_removes_none(driver: str) -> None:
    system = hw.system()
    system["ControlSet001"]["Enum"] = hw.nested({r"X\Y\1": {"Driver": driver}})
    one, changed = _run(system)
    assert not any("\\Control\\Class\\" in path for path in changed)
    assert one.registry.key(r"HKLM\SYSTEM\ControlSet001\Services\disk") is not None


def test_boot_drivers_start_again_in_every_control_set() -> None:
    one, _ = _run(control_sets=(1, 2))
    for control_set in ("ControlSet001", "ControlSet002"):
        services = one.registry.key(rf"HKLM\SYSTEM\{control_set}\Services")
        assert services
        overridden = {key.name for key in services.subkeys() if key.subkey("StartOverride")}
        assert overridden == {"later"}
        assert _instances(state(one), control_set) == {hw.VOLMGR, hw.PRINTER, hw.WPD, hw.RAID}


def test_a_boot_driver_without_its_file_is_said() -> None:
    one, _ = _run()
    assert any("lacks the files of 2 re-enabled boot drivers" in note for note in one.notes)
    assert any("acmeraid, vmbus" in note for note in one.notes)


def test_windows_7_gets_its_storage_drivers_back() -> None:
    """Not those that start only from their own kind of disk, nor those without a file."""
    port: dict[str, Any] = {"Group": "SCSI miniport", "ImagePath": r"system32\DRIVERS\storahci.sys"}
    services = {
        "msahci": hw.driver(3, port),
        "vhdmp": hw.driver(3, {"BootFlags": 2, **port}),
        "gone": hw.driver(3, {**port, "ImagePath": r"\SystemRoot\system32\drivers\gone.sys"}),
        "off": hw.driver(4, port),
        "usbstor": hw.driver(3, port),
    }
    database = {
        f"ID#{name}": {
            "Service": name,
            "ClassGUID": hw.USB if name == "usbstor" else hw.SCSI.upper(),
        }
        for name in services
    }
    control = {"Services": services, "Control": {"CriticalDeviceDatabase": database}}
    one, changed = _run({"ControlSet001": control})
    assert changed == {r"SYSTEM\ControlSet001\Services\msahci\Start"}
    assert one.registry.number(r"HKLM\SYSTEM\CurrentControlSet\Services\msahci", "Start") == 0


def test_the_machines_of_hardware_config_are_forgotten_and_the_key_stays() -> None:
    one, _ = _run()
    key = one.registry.key(r"HKLM\SYSTEM\HardwareConfig")
    assert key is not None
    assert [*key.subkeys(), *key.values()] == []


def test_an_image_that_starts_from_usb_keeps_what_that_needs_and_it_is_said() -> None:
    system = hw.system()
    system["HardwareConfig"][hw.UUID]["BootDriverFlags"] = 0x14
    one, changed = _run(system)
    assert not any(path.startswith(r"SYSTEM\HardwareConfig") for path in changed)
    assert r"USB\VID_0781&PID_5580\SERIAL0815" in _enum(one)
    assert any("USB disk" in note for note in one.notes)


def _settings(**numbers: int) -> dict[str, Any]:
    path = SETTINGS.removeprefix("HKLM\\SOFTWARE\\")
    return hw.nested({path: numbers})


def test_persist_all_device_installs_keeps_the_devices() -> None:
    before = _enum(session(Machine(system=hw.system())))
    one, changed = _run(software=_settings(PersistAllDeviceInstalls=1))
    assert _enum(one) == before
    assert {path.rpartition("\\StartOverride")[0] for path in changed} == {
        rf"SYSTEM\ControlSet001\Services\{name}" for name in ("storahci", "acmeraid", "vmbus")
    }
    assert any("does not find at its first boot are removed then" in note for note in one.notes)


def test_do_not_clean_up_is_said_with_it_and_means_nothing_alone() -> None:
    both = _settings(PersistAllDeviceInstalls=1, DoNotCleanUpNonPresentDevices=1)
    one, _ = _run(software=both)
    assert any("stay then" in note for note in one.notes)
    alone, _ = _run(software=_settings(DoNotCleanUpNonPresentDevices=1))
    assert hw.NIC not in _enum(alone)


PACKAGES: dict[str, Any] = {
    "Windows": {
        "INF": {"oem7.inf": b"7", "oem8.inf": b"8", "oem8.PNF": b"8", "disk.inf": b"d"},
        "System32": {"DriverStore": {"FileRepository": {
            "acmenet.inf_amd64_8": {"acmenet.inf": b"8", "amd64": {"e1000.sys": b"MZ"}},
            "acmeraid.inf_amd64_7": {"acmeraid.inf": b"7"},
            "disk.inf_amd64_1": {"disk.inf": b"d"},
        }}},
    }
}  # fmt: skip


def test_driver_packages_stay_in_the_store() -> None:
    one, changed = _run(files=PACKAGES)
    assert not any(path.startswith(r"SYSTEM\DriverDatabase") for path in changed)
    assert one.files.empty


def test_remove_drivers_takes_third_party_packages_that_nothing_needs() -> None:
    drivers = hive({"DriverDatabase": hw.nested(
        package("oem9.inf", "scanner.inf_amd64_9", {r"USB\VID_1&PID_2": "usbscan"})
    )}).to_bytes()  # fmt: skip
    files = {"Windows": PACKAGES["Windows"] | {
        "System32": PACKAGES["Windows"]["System32"] | {"config": {"DRIVERS": drivers}}}}  # fmt: skip
    one, changed = _run(files=files, switches=frozenset({REMOVE_DRIVERS}))
    database = one.registry.key(r"HKLM\SYSTEM\DriverDatabase")
    assert database
    assert {key.name for key in database.key("DriverInfFiles").subkeys()} == {  # type: ignore[union-attr]
        "mshdc.inf", "disk.inf", "oem7.inf",
    }  # fmt: skip
    assert database.key(r"DeviceIds\PCI\VEN_8086&DEV_100E") is None
    assert database.key(r"DeviceIds\PCI\VEN_9999&DEV_0001") is not None
    other = one.registry.key(r"HKLM\DRIVERS\DriverDatabase")
    assert other
    assert list(other.key("DriverInfFiles").subkeys()) == []  # type: ignore[union-attr]
    store = r"Windows\System32\DriverStore\FileRepository"
    assert {entry.name for entry in one.files.list(store)} == {
        "acmeraid.inf_amd64_7", "disk.inf_amd64_1",
    }  # fmt: skip
    assert {entry.name for entry in one.files.list(r"Windows\INF")} >= {"oem7.inf", "disk.inf"}
    assert one.files.stat(r"Windows\INF\oem8.inf") is None
    assert one.files.stat(r"Windows\INF\oem8.PNF") is None
    assert any(note.endswith("still in use stay: oem7.inf.") for note in one.notes)
    assert one.registry.key(r"HKLM\SYSTEM\ControlSet001\Services\e1000") is not None
    judge(one)
    assert changed


def test_remove_drivers_says_where_it_can_not() -> None:
    system = hw.system()
    del system["DriverDatabase"]
    one, _ = _run(system, switches=frozenset({REMOVE_DRIVERS}))
    assert any("dism /image /remove-driver" in note for note in one.notes)


def test_running_it_again_changes_nothing() -> None:
    one, _ = _run()
    count = len(one.changes)
    pnp(one)
    assert len(one.changes) == count


class Forgotten:
    """The devices that went from one control set of a real hive, and what may change with them."""

    def __init__(self, before: State, after: State, control_set: str) -> None:
        self.control_set = control_set
        gone = _instances(before, control_set) - _instances(after, control_set)
        self.ids = {one.upper() for one in gone}
        self.enumerators = {one.partition("\\")[0] for one in self.ids}
        self.parents = {one.rpartition("\\")[0] for one in self.ids} | self.enumerators
        self.interfaces = tuple("##?#" + one.replace("\\", "#") + "#" for one in self.ids)
        values = before["SYSTEM"]
        self.drivers = {
            _text(values.get(rf"{control_set}\Enum\{one}\Driver")).upper() for one in gone
        }

    def explains(self, path: str) -> bool:
        """Whether a changed path is one that forgetting these devices may change."""
        profile = r"^Hardware Profiles\\\d{4}\\System\\CurrentControlSet\\"
        inner = path.removeprefix(f"SYSTEM\\{self.control_set}\\")
        first, *parts = re.sub(profile, "", inner).upper().rstrip("\\").split("\\")
        place = "\\".join((first, *parts[:1]))
        if first == "ENUM":
            name = "\\".join(parts[:3])
            return name.startswith("NEXTPARENTID.") or name in self.ids | self.parents
        if place == "CONTROL\\CLASS":
            return "\\".join(parts[1:3]) in self.drivers
        if place == "CONTROL\\DEVICECLASSES":
            return parts[2].startswith(self.interfaces)
        if first == "SERVICES":
            return parts[1] == "STARTOVERRIDE"
        return place == "CONTROL\\DEVICECONTAINERS"  # judged by what is left

    def mentions(self, found: State) -> set[str]:
        """The places that still name one of them, where none should."""
        starts = tuple(one + mark for one in self.enumerators for mark in ("\\", "#"))
        names = self.ids | {one.replace("\\", "#") for one in self.ids}
        mentions: set[str] = set()
        for path, value in found["SYSTEM"].items():
            if not path.startswith(self.control_set) or _ELSEWHERE.search(path):
                continue
            data = value[1].decode("utf-16-le", "replace").upper() if value else ""
            text = f"{path.upper()}\n{data}"
            if any(one in text for one in starts) and any(one in text for one in names):
                mentions.add(path)
        return mentions


def _text(value: tuple[int, bytes] | None) -> str:
    return value[1].decode("utf-16-le").rstrip("\0") if value else ""


#: Where names of removed devices remain: software devices, what belongs to other providers, and
#: binary configuration of Windows 7's network that nobody can edit.
_ELSEWHERE = re.compile(
    r"\\Enum\\SWD\\|##\?#SWD#|\\Control\\Network(Setup2)?\\|\\DeviceContainers\\.*SWD\\"
    r"|\\DeviceContainers\\[^\\]*\\Properties\\"
)


@pytest.mark.corpus
@pytest.mark.parametrize("name", [WINDOWS_10, WINDOWS_7_DOMAIN])
def test_real_hives(corpus: Path, name: str) -> None:
    one = real(corpus, name)
    before, after = compare("pnp", one)
    changed = difference(before, after)
    for control_set in one.registry.control_sets:
        new = _instances(after, control_set)
        assert new == {
            one for one in _instances(before, control_set)
            if one.split("\\")[0].upper() in {"ROOT", "HTREE", "ACPI_HAL", "SWD"}
        }  # fmt: skip
        forgotten = Forgotten(before, after, control_set)
        assert len(forgotten.ids) > 90
        mine = {path for path in changed if path.startswith(f"SYSTEM\\{control_set}\\")}
        assert {path for path in mine if not forgotten.explains(path)} == set()
        assert forgotten.mentions(after) == set()
        assert not any(path.startswith(f"{control_set}\\Services\\")
                       and "\\StartOverride" in path for path in after["SYSTEM"])  # fmt: skip
    rest = {path for path in changed if not re.match(r"SYSTEM\\ControlSet\d{3}\\", path)}
    assert all(path.startswith("SYSTEM\\HardwareConfig\\") for path in rest)
    judge(one)
