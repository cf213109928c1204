"""Drivers added to an image while it is generalized, looked at with other people's readers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reseal.testing.drivers import NET, VIOSCSI, VIOSTOR, driver_package, with_storage
from reseal.testing.machine import Machine, software_hive, system_hive
from reseal.testing.windows import windows
from tests.end_to_end import judges
from tests.oracles import Tree

Untouched = Callable[[Path], Callable[[], None]]
DRIVERS = r"Windows\System32\drivers"
STAGED = r"Windows\Drivers\reseal"
SET = "ControlSet001"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection like virtio-win, for Windows 7 and 11."""
    root = tmp_path_factory.mktemp("virtio-win")
    for name, ids in (("viostor", VIOSTOR), ("vioscsi", VIOSCSI)):
        driver_package(root / name / "w7" / "amd64", name, ids, decoration="NTamd64.6.1")
        driver_package(root / name / "w11" / "amd64", name, ids, decoration="NTamd64.10.0")
    driver_package(
        root / "NetKVM" / "w11" / "amd64", "netkvm", (r"PCI\VEN_1AF4&DEV_1000",),
        start=3, class_name="Net", class_guid=NET, decoration="NTamd64.6.1",
    )  # fmt: skip
    return root


def machine(build: int) -> Machine:
    """It ran on other hardware, which switched its storage drivers off."""
    return Machine(**with_storage(build, switched_off=True))


def image(folder: Path, one: Machine) -> Path:
    """Its image, alone in a folder."""
    folder.mkdir()
    windows(folder / "sample.qcow2", one, size=64 << 20)
    return folder / "sample.qcow2"


def text(values: dict[str, tuple[int, bytes]] | None, name: str) -> str:
    """A text value as another reader gives it; empty where there is none."""
    found = {key.lower(): data for key, (_, data) in (values or {}).items()}
    return found.get(name.lower(), b"").decode("utf-16-le").partition("\0")[0]


def kernel_finds(system: Tree, identifier: str) -> set[str]:
    """The services that the kernel finds for a device, by way of the databases that it reads."""
    keys = {path.lower(): values for path, values in system.items()}
    found = set()
    for inf in keys.get(rf"driverdatabase\deviceids\{identifier.lower()}", {}):
        package = text(keys.get(rf"driverdatabase\driverinffiles\{inf.lower()}"), "Active")
        base = rf"driverdatabase\driverpackages\{package.lower()}"
        configuration = text(keys.get(rf"{base}\descriptors\{identifier.lower()}"), "Configuration")
        found.add(text(keys.get(rf"{base}\configurations\{configuration.lower()}"), "Service"))
    critical = identifier.lower().replace("\\", "#")
    path = rf"{SET}\control\criticaldevicedatabase\{critical}".lower()
    found.add(text(keys.get(path), "Service"))
    return found - {""}


@pytest.mark.parametrize(("build", "windows_name"), [(22631, "w11"), (7601, "w7")])
def test_a_generalized_image_finds_its_disk_on_virtio(
    tmp_path: Path, folder: Path, build: int, windows_name: str
) -> None:
    one = machine(build)
    path = image(tmp_path / "image", one)
    record = judges.generalize(path, "--drivers", folder)
    outcomes = {each["inf"]: each["outcome"] for each in record["drivers"]}
    taken = {f"{name}/{windows_name}/amd64/{name}.inf" for name in ("viostor", "vioscsi")}
    assert {inf for inf, outcome in outcomes.items() if outcome == "registered"} == taken
    assert outcomes["NetKVM/w11/amd64/netkvm.inf"] == "staged"
    volume = judges.Volume.of(path, tmp_path)
    assert volume.is_clean()
    before = {"SYSTEM": system_hive(one), "SOFTWARE": software_hive(one)}
    after = {name: judges.agreed(volume.read(judges.HIVES[name])) for name in before}
    for name, data in before.items():
        changed = judges.unexplained(judges.agreed(data), after[name], record["changes"], name)
        assert changed == set()
    system = after["SYSTEM"]
    for name, ids in (("viostor", VIOSTOR), ("vioscsi", VIOSCSI)):
        for identifier in ids:
            assert kernel_finds(system, identifier) == {name}
        service = system[rf"{SET}\Services\{name}"]
        assert service["Start"] == (4, bytes(4))
        source = folder / name / windows_name / "amd64"
        assert volume.read(rf"{DRIVERS}\{name}.sys") == (source / f"{name}.sys").read_bytes()
        for suffix in ("inf", "sys", "cat"):
            staged = volume.read(rf"{STAGED}\{name}\{name}.{suffix}")
            assert staged == (source / f"{name}.{suffix}").read_bytes()
    assert kernel_finds(system, r"PCI\CC_010601") == {"storahci"}
    assert system[rf"{SET}\Services\storahci"]["Start"] == (4, bytes(4))
    assert rf"{SET}\Services\storahci\StartOverride" not in system
    current = after["SOFTWARE"][r"Microsoft\Windows\CurrentVersion"]
    assert text(current, "DevicePath").split(";") == [
        r"%SystemRoot%\inf",
        *(rf"%SystemRoot%\Drivers\reseal\{name}" for name in ("netkvm", "vioscsi", "viostor")),
    ]
    shown = json.loads(judges.reseal("inspect", path, "--json").stdout)["storage"]
    ready = {each["name"]: each["ready"] for each in shown["controllers"]}
    assert ready["virtio block (viostor)"] == ready["virtio SCSI (vioscsi)"] == "starts"
    assert ready["VMware PVSCSI"] == "missing"


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with Windows' own storage drivers."""
    return image(tmp_path_factory.mktemp("golden") / "image", machine(22631))


@pytest.fixture
def sample(golden: Path, tmp_path: Path) -> Path:
    """A copy of it, alone in a folder."""
    path = tmp_path / "image" / "sample.qcow2"
    path.parent.mkdir()
    path.write_bytes(golden.read_bytes())
    return path


def test_before_drivers_are_added_both_commands_say_what_is_missing(golden: Path) -> None:
    shown = judges.reseal("inspect", golden).stdout
    assert "Storage   switched off by the last hardware: NVMe, SATA (AHCI)" in shown
    assert "missing: virtio block (viostor), virtio SCSI (vioscsi), VMware PVSCSI" in shown
    checked = judges.reseal("check", golden, "--verbose").stdout
    assert "so it does not find its disk on virtio (KVM)." in checked
    assert "NVMe: stornvme (switched off)" in checked
    assert "--drivers FOLDER" in checked


def test_text_and_page_tell_what_became_of_each_package(
    sample: Path, folder: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    done = judges.reseal("generalize", sample, "--verbose", "--drivers", folder, "--report", page)
    assert done.returncode == 0, done.stderr
    assert "<h2>Driver packages</h2>" in page.read_text()
    assert "viostor/w11/amd64/viostor.inf" in page.read_text()
    lines = done.stdout.splitlines()
    version = "100.95.104.26200"
    registered = "registered. Its driver starts at boot."
    assert f"Driver viostor/w11/amd64/viostor.inf {version}: {registered}" in lines
    assert any(line.startswith("2 other driver packages left out; vioscsi/w7/") for line in lines)
    assert any("OemInfMap" in line for line in lines)
    assert any("is not proved" in line for line in lines)


def test_an_image_that_is_generalized_already_gets_its_drivers(sample: Path, folder: Path) -> None:
    judges.generalize(sample)
    again = judges.generalize(sample, "--drivers", folder)
    assert again["result"] == "already generalized"
    assert {one["provider"] for one in again["changes"]} == {"drivers"}
    assert not any("nothing was changed" in note for note in again["notes"])
    third = judges.generalize(sample, "--drivers", folder)
    assert third["changes"] == []


def test_a_dry_run_writes_no_driver(sample: Path, folder: Path, untouched: Untouched) -> None:
    check = untouched(sample)
    record = judges.generalize(sample, "--drivers", folder, "--dry-run")
    check()
    assert any(one["provider"] == "drivers" for one in record["changes"])


@pytest.mark.parametrize("case", ["no folder", "nothing in it", "nothing that fits"])
def test_a_folder_that_is_no_use_leaves_the_image_untouched(
    sample: Path, tmp_path: Path, case: str, untouched: Untouched
) -> None:
    drivers = tmp_path / "drivers"
    expected = {
        "no folder": "is not a folder",
        "nothing in it": "contains no INF file",
        "nothing that fits": "None of the 1 driver packages",
    }[case]
    if case != "no folder":
        drivers.mkdir()
    if case == "nothing that fits":
        driver_package(drivers, "viostor", decoration="NTarm64.10.0")
    check = untouched(sample)
    done = judges.reseal("generalize", sample, "--quiet", "--drivers", drivers)
    check()
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_the_record_has_the_documented_form(sample: Path, folder: Path) -> None:
    record = judges.generalize(sample, "--drivers", folder)
    fields: dict[str, Any] = record["drivers"][0]
    assert list(fields) == [
        "inf", "outcome", "reason", "class_name", "provider", "version", "date", "devices",
        "services", "warnings",
    ]  # fmt: skip


def test_every_clone_gets_the_drivers(sample: Path, folder: Path, tmp_path: Path) -> None:
    judges.generalize(sample)
    fleet = tmp_path / "fleet.csv"
    fleet.write_text("name\nWS-1\nWS-2\n")
    clones = sample.parent / "clones"
    done = judges.reseal(
        *(
            "clone",
            sample,
            "--machines",
            fleet,
            "--output-dir",
            clones,
            "--drivers",
            folder,
            "--quiet",
        )
    )
    assert done.returncode == 0, done.stderr
    for name in ("WS-1", "WS-2"):
        taken = tmp_path / name
        taken.mkdir()
        volume = judges.Volume.of(clones / f"{name}.qcow2", taken)
        assert volume.is_clean()
        system = judges.agreed(volume.read(judges.HIVES["SYSTEM"]))
        assert kernel_finds(system, VIOSTOR[0]) == {"viostor"}
        source = folder / "viostor" / "w11" / "amd64" / "viostor.sys"
        assert volume.read(rf"{DRIVERS}\viostor.sys") == source.read_bytes()
    missing = judges.reseal(
        *(
            "clone",
            sample,
            "--machines",
            fleet,
            "--output-dir",
            clones,
            "--drivers",
            tmp_path / "none",
        )
    )
    assert missing.returncode == 2
    assert "Nothing was written." in missing.stderr
