"""What a package says of devices, drivers and files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from reseal.drivers.inf import Inf, InfError
from reseal.drivers.package import Package
from reseal.drivers.target import Target
from reseal.regf import types
from tests.drivers.stamped import stamped

WINDOWS_11 = Target("amd64", 10, 0, 22631)
WINDOWS_7 = Target("x86", 6, 1, 7601)
HEAD = '[Version]\nSignature="$Windows NT$"\n'


def package(body: str, target: Target = WINDOWS_11, **included: str) -> Package:
    """A package of an INF file, with others that it may include."""
    others = {
        f"{name}.inf": Inf((HEAD + text).encode(), name=name) for name, text in included.items()
    }
    return Package(Inf((HEAD + body).encode(), name="x.inf"), target, others.get)


@pytest.mark.parametrize(
    ("decoration", "fits"),
    [
        ("NT", True),
        ("NTamd64", True),
        ("ntAMD64.6.1", True),
        ("NTamd64.10.0", True),
        ("NTamd64.10.0...16299", True),
        ("NTamd64.10.0...22631", True),
        ("NTamd64.10.0...22632", False),
        ("NTamd64.0xA.0", True),
        ("NTamd64.10.0.1", True),
        ("NTamd64.10.0.3", False),
        ("NTamd64.10.0.1.0x10", False),
        ("NTamd64.10.0.0x0000001", True),
        ("NTamd64...1", True),
        ("NTamd64.10.1", False),
        ("NTx86", False),
        ("NTarm64.10.0", False),
        ("NTamd64.10.0.1.2.3.4", False),
        ("NTamd64.x", False),
        ("amd64", False),
        ("", False),
    ],
)
def test_which_windows_a_decoration_fits(decoration: str, *, fits: bool) -> None:
    assert (WINDOWS_11.rank(decoration) is not None) is fits


def test_the_models_section_of_the_highest_version_that_fits() -> None:
    body = (
        "[Manufacturer]\n%m% = M, NTamd64, NTamd64.6.1, NTamd64.10.0...16299, NTamd64.10.0...30000, "
        "NTx86, NTarm64.10.0\n"
        "[M]\na = i, X\\none\n[M.NTamd64]\na = i, X\\any\n[M.NTamd64.6.1]\na = i, X\\seven\n"
        "[M.NTamd64.10.0...16299]\na = i, X\\ten\n[M.NTamd64.10.0...30000]\na = i, X\\next\n"
        "[M.NTx86]\na = i, X\\x86\n"
    )

    def chosen(target: Target) -> list[str]:
        return [one for model in package(body, target).models for one in model.ids]

    assert chosen(WINDOWS_11) == ["X\\ten"]
    assert chosen(Target("amd64", 10, 0, 14393)) == ["X\\seven"]
    assert chosen(Target("amd64", 6, 0, 6002)) == ["X\\any"]
    assert chosen(WINDOWS_7) == ["X\\x86"]
    assert chosen(Target("arm64", 10, 0, 22631)) == []
    plain = "[Manufacturer]\n%m% = M\n[M]\na = i, X\\none\n"
    assert [one.ids for one in package(plain, WINDOWS_7).models] == [("X\\none",)]
    assert package(plain).models == ()


def test_ids_of_a_model() -> None:
    body = (
        "[Manufacturer]\n%M% = M,NTamd64\n[M.NTamd64]\n"
        "%a% = i, PCI\\A, PCI\\B, PCI\\C\n%b% = i,, PCI\\D\n%c% = i\n= i, PCI\\E\n"
        "%d% = i, PCI\\\\F\n%e% = , PCI\\G\n%f% = i, " + "x" * 201 + "\n"
    )
    found = [(m.manufacturer, m.description, m.hardware_id, m.compatible_ids)
             for m in package(body).models]  # fmt: skip
    assert found == [
        ("%M%", "%a%", "PCI\\A", ("PCI\\B", "PCI\\C")),
        ("%M%", "%b%", None, ("PCI\\D",)),
        ("%M%", "", "PCI\\E", ()),
    ]


def test_install_sections_by_decoration_include_and_needs() -> None:
    body = (
        "[Manufacturer]\n%M% = M,NTamd64\n[M.NTamd64]\n%a% = i, PCI\\A\n"
        "[i]\nAddReg = wrong\n[i.NT]\nInclude = one.inf, none.inf\nNeeds = one.NT, here\nAddReg = mine\n"
        "[i.NTx86]\nAddReg=wrong\n[wrong]\nHKR,,wrong,,1\n[mine]\nHKR,,mine,,1\n"
        "[here]\nNeeds=i.NT\nAddReg = here.reg\n[here.reg]\nHKR,,here,,1\n"
        "[i.NT.Services]\nInclude = one.inf\nNeeds = one.NT.Services\nAddService=,2\n"
    )
    one = (
        "[one.NT]\nAddReg=r\n[r]\nHKR,sub,of one,0x10001,7\n"
        "[one.NT.Services]\nAddService = filter, 0, s\nAddService = driver, 2, s\n"
        "[s]\nStartType=0x3\nServiceType=1\nServiceBinary=%12%\\d.sys\n"
    )
    read = package(body, one=one)
    (found,) = read.configurations.values()
    assert found.name == "i.NT"
    assert [(each.path, each.name) for each in found.driver] == [
        ("", "mine"), ("sub", "of one"), ("", "here"),
    ]  # fmt: skip
    assert [each.name for each in found.services] == ["filter", "driver"]
    assert found.driver_service == "driver"
    assert read.missing == ["none.inf"]


@pytest.mark.parametrize(
    ("line", "kind", "data"),
    [
        ("HKR,,v,,text", types.REG_SZ, "text"),
        ("HKR,,v", types.REG_SZ, ""),
        ("HKR,,v,0x00020000,%%SystemRoot%%\\x", types.REG_EXPAND_SZ, "%SystemRoot%\\x"),
        ("HKR,,v,0x00010000,a,b", types.REG_MULTI_SZ, ["a", "b"]),
        ("HKR,,v,0x00010008,a", types.REG_MULTI_SZ, ["a"]),
        ("HKR,,v,0x00010001,0x10", types.REG_DWORD, 16),
        ("HKR,,v,65537,16", types.REG_DWORD, 16),
        ("HKR,,v,0x00010001,-1", types.REG_DWORD, 0xFFFFFFFF),
        ("HKR,,v,0x00010003,1", types.REG_DWORD, 1),
        ("HKR,,v,0x00010001,01,02,03,04", types.REG_DWORD, 0x04030201),
        ("HKR,,v,1,DE,0xAD,1", types.REG_BINARY, bytes.fromhex("dead01")),
        ("HKR,,v,0x00020001", types.REG_NONE, b""),
        ("HKR,,v,0x000B0001,0x100000000", types.REG_QWORD, 1 << 32),
        ("HKR,,v,0x00100001,1,2", 16, b"\1\2"),
    ],
)
def test_settings(line: str, kind: int, data: object) -> None:
    body = f"[Manufacturer]\n%M%=M,NTamd64\n[M.NTamd64]\n%a%=i,X\\A\n[i]\nAddReg=r\n[r]\n{line}\n"
    (found,) = package(body).configurations["i"].driver
    assert found.kind == kind
    assert types.decode(kind, found.data) == data


@pytest.mark.parametrize(
    "line",
    [
        "HKLM,Software,v,,1",
        "HKR,,v,4",
        "HKR,,v,0x8002",
        "HKR," + "a\\" * 40 + "b,v,,1",
        "HKR,a\\\\b,v",
    ],
)
def test_settings_that_are_not_taken(line: str) -> None:
    body = f"[Manufacturer]\n%M%=M,NTamd64\n[M.NTamd64]\n%a%=i,X\\A\n[i]\nAddReg=r\n[r]\n{line}\n"
    assert package(body).configurations["i"].driver == ()


@pytest.mark.parametrize("name", ["viostor", "vioscsi"])
@pytest.mark.parametrize("directory", [12, 13])
def test_the_virtio_storage_drivers(corpus: Path, name: str, directory: int) -> None:
    path = corpus / "inf" / "kvm-guest-drivers-windows" / name / f"{name}.inx"
    read = Package(Inf(stamped(path, directory=directory)), WINDOWS_11)
    assert read.class_guid == UUID("{4D36E97B-E325-11CE-BFC1-08002BE10318}")
    assert (read.provider, read.version) == ("Red Hat, Inc.", (100, 95, 104, 26200))
    assert read.date == datetime(2024, 1, 28, tzinfo=UTC)
    assert read.catalog == f"{name}.cat"
    numbers = {"viostor": ("1001", "1042"), "vioscsi": ("1004", "1048")}[name]
    assert [model.ids[1] for model in read.models] == [rf"PCI\VEN_1AF4&DEV_{n}" for n in numbers]
    assert (
        read.models[0].hardware_id
        == {
            "viostor": r"PCI\VEN_1AF4&DEV_1001&SUBSYS_00021AF4&REV_00",
            "vioscsi": r"PCI\VEN_1AF4&DEV_1004&SUBSYS_00081AF4&REV_00",
        }[name]
    )
    (found,) = read.configurations.values()
    (service,) = found.services
    assert (service.name, service.start, service.type, service.error_control) == (name, 0, 1, 1)
    assert (service.group, service.binary) == ("SCSI miniport", rf"%{directory}%\{name}.sys")
    assert ("Parameters\\PnpInterface", "5") in [(one.path, one.name) for one in service.settings]
    assert read.files == {f"{name}.sys": f"{name}.sys", f"{name}.cat": f"{name}.cat"}
    assert list(read.copied(found.name)) == [f"{name}.sys"]
    assert Package(read.inf, Target("arm64", 10, 0, 22631)).models == ()


def test_every_real_file_is_understood(corpus: Path) -> None:
    """88 INF files of samples and drivers: who has a models section for x64 has devices, all have files."""
    drivers, boot, others = 0, set(), set()
    for path in sorted((corpus / "inf").rglob("*.in?")):
        data = path.read_bytes()
        coding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "cp1252"
        text = (
            data.decode(coding).replace("$ARCH$", "amd64").replace("INX_PLATFORM_DRIVERS_DIR", "13")
        )
        read = Package(Inf(text.encode("utf-16"), name=path.name), WINDOWS_11)
        assert read.files, path
        if not read.models:
            others.add(path.stem)
            continue
        drivers += 1
        services = [s for one in read.configurations.values() for s in one.services]
        assert all(service.binary for service in services), path
        boot |= {service.name for service in services if service.start == 0}
    assert drivers == 77
    assert boot == {"vioscsi", "viostor", "SampleDSM"}
    # File system filters and callouts install no device; none of the samples is for another processor.
    assert others == {
        "avscan", "cancelSafe", "cdo", "change", "ctx", "ddproxy", "fmm", "minispy", "msnmntr",
        "NameChanger", "nullFilter", "passThrough", "prmfuncsample", "scanner", "swapBuffers",
    }  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "..\\x.sys = 1", "x.sys = 1,..\\..", "x.sys = 1,c:\\windows", "a:b.sys = 1", "x. = 1",
        "x.sys = 2",
    ],
)  # fmt: skip
def test_no_file_lies_outside_its_package(line: str) -> None:
    body = f"[SourceDisksNames]\n1 = d,,,\\sub\n2 = d,,,..\\up\n[SourceDisksFiles]\n{line}\n"
    with pytest.raises(InfError, match="outside its package"):
        _ = package(body).files


def test_where_files_lie() -> None:
    body = (
        "[SourceDisksNames]\n1 = d,,,\\all\n[SourceDisksNames.amd64]\n1 = d,,,x64\\.\n"
        '[SourceDisksFiles]\na.sys = 1\nb.dll = 1,"sub\\"\n[SourceDisksFiles.amd64]\nA.SYS = 1,own\n'
    )
    assert package(body).files == {"a.sys": "x64\\own\\A.SYS", "b.dll": "x64\\sub\\b.dll"}
    assert package(body, WINDOWS_7).files == {"a.sys": "all\\a.sys", "b.dll": "all\\sub\\b.dll"}


@pytest.mark.parametrize(
    ("line", "version", "date"),
    [
        ("06/21/2006,10.0.16299.15", (10, 0, 16299, 15), datetime(2006, 6, 21, tzinfo=UTC)),
        ("6-1-2006, 5", (5, 0, 0, 0), datetime(2006, 6, 1, tzinfo=UTC)),
        ("13/45/2006,1.2", (1, 2, 0, 0), None),
        ("01/01/1500,70000.1", (65535, 1, 0, 0), None),
        ("", (0, 0, 0, 0), None),
    ],
)
def test_date_and_version(
    line: str, version: tuple[int, int, int, int], date: datetime | None
) -> None:
    read = package(f"DriverVer={line}\n")
    assert (read.version, read.date) == (version, date)


def test_the_catalogue_of_this_architecture() -> None:
    body = "CatalogFile=a.cat\nCatalogFile.NT=n.cat\nCatalogFile.NTamd64=x64.cat\n"
    assert package(body).catalog == "x64.cat"
    assert package(body, WINDOWS_7).catalog == "n.cat"
    assert package("").catalog is None
