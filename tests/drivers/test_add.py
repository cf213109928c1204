"""Driver packages of a folder, staged in an image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reseal import checks
from reseal.checks import Level
from reseal.drivers import AddedPackage, Outcome, add_packages
from reseal.drivers.signature import Executable
from reseal.errors import CheckError, UsageError
from reseal.regf import Key
from reseal.session import Session
from reseal.testing.drivers import (
    NET,
    VIOSCSI,
    VIOSTOR,
    driver_package,
    executable,
    inf,
    multi,
    package,
    with_storage,
)
from reseal.testing.machine import Machine
from tests.builders import session
from tests.disk.test_iso import make
from tests.drivers.stamped import stamped

DEVICE_PATH = (r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion", "DevicePath")
SERVICES = r"HKLM\SYSTEM\ControlSet001\Services"
CATALOGS = r"Windows\System32\CatRoot\{F750E6C3-38EE-11D1-85E5-00C04FC295EE}"
NETKVM = (r"PCI\VEN_1AF4&DEV_1000&SUBSYS_00011AF4&REV_00", r"PCI\VEN_1AF4&DEV_1000")


def windows(build: int = 22631, **more: Any) -> Session:
    """A session on a machine that starts from the controllers that Windows knows itself."""
    return session(Machine(**(with_storage(build) | more)))


def added(one: Session, folder: Path) -> dict[str, AddedPackage]:
    """What became of each package, by the path of its INF file."""
    return {each.inf: each for each in add_packages(one, folder)}


def key(one: Session, path: str) -> Key:
    """A key that has to be there."""
    found = one.registry.key(path)
    assert found is not None, path
    return found


def values(one: Key) -> dict[str, object]:
    """The values of a key."""
    return {value.name: value.decoded for value in one.values()}


def test_a_storage_driver_is_registered_in_windows_8_and_later(tmp_path: Path) -> None:
    driver_package(tmp_path, "viostor")
    one = windows()
    (result,) = add_packages(one, tmp_path)
    assert result == AddedPackage(
        "viostor.inf", Outcome.REGISTERED, "Its driver starts at boot.", "SCSIAdapter",
        "Example, Inc.", "100.95.104.26200", "2024-05-21", 2, ("viostor",),
    )  # fmt: skip
    service = key(one, rf"{SERVICES}\viostor")
    assert values(service) == {
        "Type": 1, "Start": 0, "ErrorControl": 1, "Group": "SCSI miniport",
        "ImagePath": r"System32\drivers\viostor.sys",
    }  # fmt: skip
    assert values(key(one, rf"{SERVICES}\viostor\Parameters")) == {"BusType": 10}
    database = key(one, r"HKLM\SYSTEM\DriverDatabase")
    label = "reseal_viostor.inf_amd64"
    for path, expected in {
        r"DriverInfFiles\reseal_viostor.inf": {
            "": [label], "Active": label, "Configurations": ["inst"]},
        rf"DeviceIds\{VIOSTOR[0]}": {"reseal_viostor.inf": bytes.fromhex("01ff0000")},
        rf"DeviceIds\{VIOSTOR[1]}": {"reseal_viostor.inf": bytes.fromhex("02ff0000")},
        rf"DriverPackages\{label}\Configurations\inst": {"Service": "viostor", "ConfigFlags": 0},
        rf"DriverPackages\{label}\Descriptors\{VIOSTOR[1]}": {
            "Configuration": "inst", "Manufacturer": "%vendor%",
            "Description": "%viostor.devicedesc%"},
        rf"DriverPackages\{label}\Strings": {
            "vendor": "Example, Inc.", "viostor.devicedesc": "Example controller"},
    }.items():  # fmt: skip
        found = database.key(path)
        assert found is not None, path
        assert values(found) == expected
    names = values(key(one, rf"HKLM\SYSTEM\DriverDatabase\DriverPackages\{label}"))
    assert (names["InfName"], names["Provider"]) == ("viostor.inf", "Example, Inc.")
    version = key(one, rf"HKLM\SYSTEM\DriverDatabase\DriverPackages\{label}").value("Version")
    assert version is not None
    # The form that virt-v2v writes, with the date and version that a real package has there.
    assert version.data[:24].hex() == "00ff0900000000007be9364d25e3ce11bfc108002be10318"
    assert version.data[32:40] == bytes.fromhex("5866 6800 5f00 6400")
    sys, cat = (tmp_path / f"viostor{suffix}" for suffix in (".sys", ".cat"))
    assert one.files.read(r"Windows\System32\drivers\viostor.sys") == sys.read_bytes()
    assert one.files.read(rf"{CATALOGS}\viostor.cat") == cat.read_bytes()
    one.verify()


def test_every_package_is_staged_where_windows_looks_for_drivers(tmp_path: Path) -> None:
    driver_package(tmp_path / "a", "viostor")
    driver_package(tmp_path / "b", "netkvm", NETKVM, start=3, class_name="Net", class_guid=NET)
    one = windows()
    results = added(one, tmp_path)
    assert [each.outcome for each in results.values()] == [Outcome.REGISTERED, Outcome.STAGED]
    assert one.registry.key(rf"{SERVICES}\netkvm") is None
    for folder, name in (("a", "viostor"), ("b", "netkvm")):
        for suffix in ("inf", "sys", "cat"):
            path = rf"Windows\Drivers\reseal\{name}\{name}.{suffix}"
            assert one.files.read(path) == (tmp_path / folder / f"{name}.{suffix}").read_bytes()
    base = r"%SystemRoot%\Drivers\reseal"
    assert one.registry.text(*DEVICE_PATH) == rf"%SystemRoot%\inf;{base}\viostor;{base}\netkvm"
    changes = len(one.changes)
    added(one, tmp_path)
    assert len(one.changes) == changes


def test_device_path_keeps_what_it_has(tmp_path: Path) -> None:
    driver_package(tmp_path, "viostor")
    own = {
        "Microsoft": {"Windows": {"CurrentVersion": {"DevicePath": r"%SystemRoot%\inf;D:\mine;"}}}
    }
    one = windows(software=own)
    add_packages(one, tmp_path)
    assert one.registry.text(*DEVICE_PATH) == (
        r"%SystemRoot%\inf;D:\mine;%SystemRoot%\Drivers\reseal\viostor"
    )


def test_a_storage_driver_is_registered_in_windows_7(tmp_path: Path) -> None:
    driver_package(tmp_path, "viostor", decoration="NTamd64.6.1")
    one = windows(7601)
    (result,) = add_packages(one, tmp_path)
    assert result.outcome is Outcome.REGISTERED
    critical = r"HKLM\SYSTEM\ControlSet001\Control\CriticalDeviceDatabase"
    for identifier in VIOSTOR:
        path = critical + "\\" + identifier.replace("\\", "#")
        assert values(key(one, path)) == {
            "Service": "viostor", "ClassGUID": "{4D36E97B-E325-11CE-BFC1-08002BE10318}",
        }  # fmt: skip
    assert values(key(one, rf"{SERVICES}\viostor"))["Start"] == 0
    assert one.registry.key(r"HKLM\SYSTEM\DriverDatabase") is None


def test_every_control_set_gets_the_driver(tmp_path: Path) -> None:
    driver_package(tmp_path, "viostor")
    facts = with_storage()
    facts["system"]["ControlSet002"] = facts["system"]["ControlSet001"]
    one = session(Machine(control_sets=(1, 2), **facts))
    add_packages(one, tmp_path)
    for control_set in ("ControlSet001", "ControlSet002"):
        service = rf"HKLM\SYSTEM\{control_set}\Services\viostor"
        assert values(key(one, service))["Start"] == 0
        assert values(key(one, rf"{service}\Parameters\PnpInterface")) == {"5": 1}


def test_one_package_of_many_versions(tmp_path: Path) -> None:
    """As in virtio-win: a folder for each Windows and architecture, many of which would fit."""
    for windows_name, decoration in {
        "w7": "NTamd64.6.1", "w10": "NTamd64.10.0", "w11": "NTamd64.10.0", "2k22": "NTamd64.10.0",
    }.items():  # fmt: skip
        driver_package(tmp_path / "viostor" / windows_name / "amd64", "viostor",
                       decoration=decoration)  # fmt: skip
    driver_package(tmp_path / "viostor" / "w10" / "x86", "viostor", decoration="NTx86.10.0")
    driver_package(tmp_path / "old", "vioscsi", VIOSCSI, driver_ver="01/02/2020,1.0.0.1")
    driver_package(tmp_path / "new", "vioscsi", VIOSCSI, driver_ver="01/02/2024,2.0.0.1")

    def taken(one: Session) -> set[str]:
        found = added(one, tmp_path)
        assert len(found) == 7
        return {name for name, each in found.items() if each.outcome is not Outcome.LEFT_OUT}

    assert taken(windows()) == {"viostor/w11/amd64/viostor.inf", "new/vioscsi.inf"}
    assert taken(windows(19045)) == {"viostor/w10/amd64/viostor.inf", "new/vioscsi.inf"}
    product = {"Control": {"ProductOptions": {"ProductType": "ServerNT"}}}
    server = with_storage(20348)
    server["system"]["ControlSet001"] |= product
    assert taken(session(Machine(**server))) == {
        "viostor/2k22/amd64/viostor.inf", "new/vioscsi.inf",
    }  # fmt: skip


def test_packages_of_one_name_and_other_devices_are_both_taken(tmp_path: Path) -> None:
    driver_package(tmp_path / "a", "driver", (r"PCI\A",))
    driver_package(tmp_path / "b", "driver", (r"PCI\B",), start=3)
    one = windows()
    assert [each.outcome for each in add_packages(one, tmp_path)] == ["registered", "staged"]
    assert one.files.stat(r"Windows\Drivers\reseal\driver\driver.inf")
    assert one.files.stat(r"Windows\Drivers\reseal\driver-2\driver.inf")


def test_packages_of_several_folders_do_not_take_each_others_place(tmp_path: Path) -> None:
    driver_package(tmp_path / "1", "driver", (r"PCI\A",))
    driver_package(tmp_path / "2", "driver", (r"PCI\B",))
    driver_package(tmp_path / "3", "driver", (r"PCI\A",), driver_ver="01/01/2030,200.0.0.0")
    one = windows()
    for folder in ("1", "2", "3"):
        add_packages(one, tmp_path / folder)

    def staged(name: str) -> bytes:
        return one.files.read(rf"Windows\Drivers\reseal\{name}\driver.inf")

    assert staged("driver") == (tmp_path / "3" / "driver.inf").read_bytes()
    assert staged("driver-2") == (tmp_path / "2" / "driver.inf").read_bytes()
    assert not one.files.stat(r"Windows\Drivers\reseal\driver-3\driver.inf")
    base = r"%SystemRoot%\Drivers\reseal"
    path = one.registry.text(*DEVICE_PATH)
    assert path == rf"%SystemRoot%\inf;{base}\driver;{base}\driver-2"


def test_a_driver_that_windows_runs_from_its_store_goes_to_the_drivers_folder(
    tmp_path: Path,
) -> None:
    driver_package(tmp_path, "viostor", directory=13)
    one = windows()
    assert add_packages(one, tmp_path)[0].outcome is Outcome.REGISTERED
    assert values(key(one, rf"{SERVICES}\viostor"))["ImagePath"] == r"System32\drivers\viostor.sys"
    assert one.files.stat(r"Windows\System32\drivers\viostor.sys")


def installed(**service: Any) -> Session:
    """A machine on which Windows itself has installed viostor."""
    facts = with_storage()
    one = facts["system"]["ControlSet001"]
    one["Services"]["viostor"] = {
        "Type": 1, "Start": 0, "ImagePath": r"\SystemRoot\System32\drivers\viostor.sys", **service,
    }  # fmt: skip
    facts["files"]["Windows"]["System32"]["drivers"]["viostor.sys"] = executable()
    database = facts["system"]["DriverDatabase"]
    database |= package("oem5.inf", "viostor.inf_amd64_5", dict.fromkeys(VIOSTOR, "viostor"))
    return session(Machine(**facts))


def test_a_driver_that_windows_has_installed_stays(tmp_path: Path) -> None:
    driver_package(tmp_path, "viostor")
    one = installed(Start=3, StartOverride={"0": 3})
    before = one.files.read(r"Windows\System32\drivers\viostor.sys")
    (result,) = add_packages(one, tmp_path)
    assert result.outcome is Outcome.PRESENT
    service = key(one, rf"{SERVICES}\viostor")
    assert values(service)["Start"] == 0
    assert service.subkey("StartOverride") is None
    assert one.files.read(r"Windows\System32\drivers\viostor.sys") == before
    assert one.registry.key(r"HKLM\SYSTEM\DriverDatabase\DriverInfFiles\reseal_viostor.inf") is None
    assert one.files.stat(r"Windows\Drivers\reseal\viostor\viostor.inf")


def test_another_driver_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    driver_package(tmp_path, "storahci", (r"PCI\VEN_1234&DEV_1",))
    text = (tmp_path / "storahci.inf").read_text()
    (tmp_path / "storahci.inf").write_text(text.replace("storahci.sys", "evil.sys"))
    (tmp_path / "storahci.sys").rename(tmp_path / "evil.sys")
    facts = with_storage()
    service = facts["system"]["ControlSet001"]["Services"]["storahci"]
    service["ImagePath"] = r"System32\drivers\storahci.sys"
    one = session(Machine(**facts))
    (result,) = add_packages(one, tmp_path)
    assert result.outcome is Outcome.STAGED
    assert "The image already has another driver storahci" in result.warnings[0]
    assert values(key(one, rf"{SERVICES}\storahci"))["ImagePath"] == service["ImagePath"]
    assert not any("SYSTEM" in change.target for change in one.changes)


@pytest.mark.parametrize(
    ("build", "owner"),
    [
        (22631, {"Owners": multi("mshdc.inf")}),
        (7601, {"DriverPackageId": "mshdc.inf_x86_neutral_1"}),
    ],
)
def test_a_driver_of_windows_itself_is_never_replaced(
    tmp_path: Path, build: int, owner: dict[str, Any]
) -> None:
    driver_package(tmp_path, "storahci", (r"PCI\VEN_1234&DEV_1",), decoration="NTamd64.6.1")
    facts = with_storage(build)
    facts["system"]["ControlSet001"]["Services"]["storahci"] |= owner
    facts["files"]["Windows"]["System32"]["drivers"]["storahci.sys"] = b"MZ of Windows"
    one = session(Machine(**facts))
    (result,) = add_packages(one, tmp_path)
    assert result.outcome is Outcome.STAGED
    assert "storahci of the image belongs to mshdc.inf" in result.warnings[0]
    assert one.files.read(r"Windows\System32\drivers\storahci.sys") == b"MZ of Windows"
    assert not any("SYSTEM" in change.target for change in one.changes)


def test_windows_7_keeps_the_driver_that_it_has_for_a_device(tmp_path: Path) -> None:
    ids = (r"PCI\VEN_1000&DEV_0054&SUBSYS_1", r"PCI\VEN_1000&DEV_0054")
    driver_package(tmp_path, "newsas", ids, decoration="NTamd64.6.1")
    one = windows(7601)
    (result,) = add_packages(one, tmp_path)
    assert result.warnings == (
        r"PCI\VEN_1000&DEV_0054 keeps the driver LSI_SAS that the image has for it.",
    )
    critical = r"HKLM\SYSTEM\ControlSet001\Control\CriticalDeviceDatabase"
    assert values(key(one, rf"{critical}\PCI#VEN_1000&DEV_0054"))["Service"] == "LSI_SAS"
    assert values(key(one, rf"{critical}\PCI#VEN_1000&DEV_0054&SUBSYS_1"))["Service"] == "newsas"


def test_what_is_not_signed_is_said(tmp_path: Path) -> None:
    driver_package(tmp_path, "viostor", signed=False)
    (tmp_path / "viostor.cat").unlink()
    one = windows()
    (result,) = add_packages(one, tmp_path)
    assert result.outcome is Outcome.REGISTERED
    assert [one.partition(" ")[0] for one in result.warnings] == ["Its", "viostor.sys"]
    assert "has no embedded signature" in " ".join(one.notes)
    assert "catalogue viostor.cat is missing" in " ".join(one.notes)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (executable("arm64"), "is for arm64"),
        (executable("x86"), "is for x86"),
        (b"MZ no driver", "is not an executable"),
    ],
)
def test_a_driver_that_can_not_start_is_not_registered(
    tmp_path: Path, data: bytes, why: str
) -> None:
    driver_package(tmp_path, "viostor")
    (tmp_path / "viostor.sys").write_bytes(data)
    one = windows()
    (result,) = add_packages(one, tmp_path)
    assert result.outcome is Outcome.STAGED
    assert why in result.warnings[0]
    assert one.registry.key(rf"{SERVICES}\viostor") is None


def test_a_filter_that_would_not_start_with_its_device(tmp_path: Path) -> None:
    path = driver_package(tmp_path, "viostor")
    text = path.read_text()
    text = text.replace(
        "[Interrupts_AddReg]", '[Interrupts_AddReg]\nHKR,,"UpperFilters",0x00010000,"other"'
    )
    path.write_text(text)
    one = windows()
    (result,) = add_packages(one, tmp_path)
    assert result.outcome is Outcome.STAGED
    assert "UpperFilters other would not start at boot" in result.warnings[0]


def test_a_package_that_lacks_files_is_left_out(tmp_path: Path) -> None:
    driver_package(tmp_path / "good", "vioscsi", VIOSCSI)
    driver_package(tmp_path / "bad", "viostor")
    (tmp_path / "bad" / "viostor.sys").unlink()
    one = windows()
    results = added(one, tmp_path)
    assert results["bad/viostor.inf"].outcome is Outcome.LEFT_OUT
    assert "lacks files of this package: viostor.sys" in results["bad/viostor.inf"].reason
    assert not any("viostor" in change.target for change in one.changes)


def test_names_are_found_whatever_their_case(tmp_path: Path) -> None:
    path = driver_package(tmp_path, "viostor")
    path.rename(tmp_path / "VIOSTOR.INF")
    (tmp_path / "viostor.sys").rename(tmp_path / "VioStor.SYS")
    one = windows()
    assert add_packages(one, tmp_path)[0].outcome is Outcome.REGISTERED


def test_nothing_outside_the_folder_gets_into_the_image(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"top secret")
    folder = tmp_path / "drivers"
    path = driver_package(folder, "viostor")
    (folder / "viostor.cat").unlink()
    (folder / "viostor.cat").symlink_to(secret)
    with pytest.raises(UsageError, match="leads out of"):
        add_packages(windows(), folder)
    (folder / "viostor.cat").unlink()
    path.write_text(path.read_text().replace("CatalogFile=viostor.cat", "CatalogFile=..\\secret"))
    with pytest.raises(UsageError, match="outside its package"):
        add_packages(windows(), folder)
    (folder / "sub").symlink_to(tmp_path)
    path.write_text(path.read_text().replace("CatalogFile=..\\secret", "CatalogFile=sub\\secret"))
    one = windows()
    (result,) = add_packages(one, folder)
    assert "is missing" in result.warnings[0]
    assert not any(
        b"top secret" in one.files.read(change.target)
        for change in one.changes
        if change.kind == "write_file"
    )


def test_a_pipe_is_no_package(tmp_path: Path) -> None:
    driver_package(tmp_path, "viostor")
    os.mkfifo(tmp_path / "pipe.inf")
    (tmp_path / "viostor.cat").unlink()
    os.mkfifo(tmp_path / "viostor.cat")
    (result,) = add_packages(windows(), tmp_path)
    assert "catalogue viostor.cat is missing" in result.warnings[0]


def test_sections_of_the_images_own_inf_files_are_taken_in(tmp_path: Path) -> None:
    path = driver_package(tmp_path, "viostor")
    text = path.read_text().replace("[inst.HW]", "[inst.HW]\nInclude=base.inf\nNeeds=Base.HW")
    path.write_text(text)
    base = "[Version]\n[Base.HW]\nAddReg=r\n[r]\nHKR,,FromWindows,0x10001,7\n"
    facts = with_storage()
    facts["files"]["Windows"]["INF"] = {"base.inf": base.encode("utf-16"), "damaged.inf": b"x"}
    one = session(Machine(**facts))
    assert add_packages(one, tmp_path)[0].outcome is Outcome.REGISTERED
    package = r"HKLM\SYSTEM\DriverDatabase\DriverPackages\reseal_viostor.inf_amd64"
    device = values(key(one, rf"{package}\Configurations\inst\Device"))
    assert device == {"FromWindows": 7}


def test_a_name_that_no_file_in_windows_can_have(tmp_path: Path) -> None:
    driver_package(tmp_path, "viostor")
    (tmp_path / "viostor.inf").rename(tmp_path / r"..\..\evil.inf")
    with pytest.raises(UsageError, match="is not a valid file name"):
        add_packages(windows(), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "no INF file",
        "[Version]\n[" + "x" * 300 + "]",
        inf("viostor", decoration="NTarm64"),
        inf("viostor").replace("[Models.", "[Other."),
    ],
)
def test_a_folder_without_a_package_that_fits(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.inf").write_text(text)
    one = windows()
    with pytest.raises(UsageError, match="None of the 1 driver packages") as caught:
        add_packages(one, tmp_path)
    assert "Windows 10.0, build 22631, amd64" in str(caught.value.hint)
    assert one.changes == []


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        add_packages(windows(), tmp_path / "none")
    with pytest.raises(UsageError, match="contains no INF file"):
        add_packages(windows(), tmp_path)


def test_an_image_that_does_not_tell_its_version(tmp_path: Path) -> None:
    driver_package(tmp_path, "viostor")
    nameless: dict[str, Any] = {
        "Microsoft": {"Windows NT": {"CurrentVersion": {"CurrentVersion": None}}}
    }
    with pytest.raises(CheckError, match="version or architecture is unknown"):
        add_packages(session(Machine(software=nameless)), tmp_path)


def test_an_image_without_a_database_keeps_its_services(tmp_path: Path) -> None:
    driver_package(tmp_path, "viostor")
    one = session()
    (result,) = add_packages(one, tmp_path)
    assert result.outcome is Outcome.STAGED
    assert "has no DriverDatabase" in result.warnings[0]
    assert one.registry.key(rf"{SERVICES}\viostor") is None


@pytest.mark.parametrize("build", [7601, 22631])
def test_the_check_finds_what_was_added(tmp_path: Path, build: int) -> None:
    def missing(one: Session) -> set[str]:
        (found,) = [f for f in checks.run(one) if f.check == "storage-drivers"]
        assert found.level in {Level.NOTE, Level.OK}
        return {item for item in found.items if item.startswith("virtio")}

    one = windows(build)
    assert missing(one) == {"virtio block (viostor): no driver", "virtio SCSI (vioscsi): no driver"}
    driver_package(tmp_path / "1", "viostor", decoration="NTamd64.6.1")
    driver_package(tmp_path / "2", "vioscsi", VIOSCSI, decoration="NTamd64.6.1")
    add_packages(one, tmp_path)
    assert missing(one) == {"virtio block (viostor): viostor", "virtio SCSI (vioscsi): vioscsi"}


@pytest.mark.parametrize("name", ["viostor", "vioscsi"])
def test_the_virtio_drivers_of_the_corpus(corpus: Path, tmp_path: Path, name: str) -> None:
    """Their own INF files, with a stand-in for the driver: ids, service and settings as they say."""
    source = corpus / "inf" / "kvm-guest-drivers-windows" / name / f"{name}.inx"
    (tmp_path / f"{name}.inf").write_bytes(stamped(source))
    (tmp_path / f"{name}.sys").write_bytes(executable())
    (tmp_path / f"{name}.cat").write_bytes(b"0\x82")
    one = windows()
    (result,) = add_packages(one, tmp_path)
    assert (result.outcome, result.devices, result.warnings) == (Outcome.REGISTERED, 4, ())
    packages = r"HKLM\SYSTEM\DriverDatabase\DriverPackages"
    configuration = rf"{packages}\reseal_{name}.inf_amd64\Configurations\scsi_inst"
    interrupts = r"Device\Interrupt Management\MessageSignaledInterruptProperties"
    limit = {"viostor": 257, "vioscsi": 258}[name]
    assert values(key(one, rf"{configuration}\{interrupts}")) == {
        "MSISupported": 1, "MessageNumberLimit": limit,
    }  # fmt: skip
    bus = {"viostor": 1, "vioscsi": 10}[name]
    expected = {"BusType": bus, "DmaRemappingCompatible": 0}
    assert values(key(one, rf"{configuration}\Services\{name}\Parameters")) == expected
    assert values(key(one, rf"{SERVICES}\{name}\Parameters")) == expected
    display = values(key(one, rf"{SERVICES}\{name}")).get("DisplayName")
    assert display == {"vioscsi": "Red Hat VirtIO SCSI pass-through Service"}.get(name)


@pytest.mark.parametrize("size", range(0, 400, 7))
def test_headers_of_a_driver_that_is_cut_off(size: int) -> None:
    found = Executable.read(executable()[:size])
    assert found is None or not found.signed


@pytest.mark.parametrize("architecture", ["x86", "amd64", "arm64"])
@pytest.mark.parametrize("signed", [True, False])
def test_headers_of_a_driver(architecture: str, *, signed: bool) -> None:
    found = Executable.read(executable(architecture, signed=signed))
    assert found == Executable(architecture, signed)


def test_an_iso_is_taken_like_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, medium = tmp_path / "folder", tmp_path / "virtio-win.iso"
    folder.mkdir()
    driver_package(folder, "viostor")
    make("joliet", folder, medium)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    of_folder, of_iso = (added(windows(), one) for one in (folder, medium))
    assert of_iso == of_folder
    assert {one.outcome for one in of_iso.values()} == {Outcome.REGISTERED}
