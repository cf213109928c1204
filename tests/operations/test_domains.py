"""Domains of libvirt, with its test driver: their disks, and those that are refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from reseal.errors import CheckError, EngineError, UsageError
from reseal.operations import domains
from reseal.xml import parse

libvirt = pytest.importorskip("libvirt")
_TEST = "xmlns:test='http://libvirt.org/schemas/domain/test/1.0'"
SHUT_OFF, PAUSED = 5, 3


def disk(
    source: str, kind: str = "file", more: str = "", driver: str = "qcow2", number: int = 0
) -> str:
    return (
        f"<disk type='{kind}' device='disk'><driver name='qemu' type='{driver}'/>{source}"
        f"<target dev='vd{chr(97 + number)}' bus='virtio'/>{more}</disk>"
    )


def node(folder: Path, disks: str, state: int = SHUT_OFF, name: str = "win11") -> str:
    """Write the configuration of a hypervisor; return its URI."""
    path = folder / "node.xml"
    path.write_text(
        f"<node><domain type='test' {_TEST}><name>{escape(name)}</name><memory>1000</memory>"
        f"<os><type>hvm</type></os><devices>{disks}"
        "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/>"
        "</interface></devices>"
        f"<test:runstate>{state}</test:runstate></domain></node>"
    )
    return f"test://{path}"


def file(path: Path | str) -> str:
    return f"<source file='{path}'/>"


def test_disks_are_found_and_media_left_out(tmp_path: Path) -> None:
    cd = "<disk type='file' device='cdrom'><source file='/x.iso'/><target dev='sdx'/><readonly/></disk>"
    disks = disk(file(tmp_path / "a & b.qcow2").replace("&", "&amp;")) + cd
    disks += disk("<source dev='/dev/vg/data'/>", "block", driver="raw", number=1)
    found = domains.disks_of("win11", node(tmp_path, disks))
    assert found == (tmp_path / "a & b.qcow2", Path("/dev/vg/data"))


def test_the_disk_that_starts_windows_comes_first(tmp_path: Path) -> None:
    disks = disk(file("/data.qcow2")) + disk(file("/c.qcow2"), more="<boot order='1'/>", number=1)
    found = domains.disks_of("win11", node(tmp_path, disks))
    assert found == (Path("/c.qcow2"), Path("/data.qcow2"))


@pytest.mark.parametrize("state", [1, PAUSED])
def test_a_running_domain_is_refused(tmp_path: Path, state: int) -> None:
    with pytest.raises(CheckError, match="running or paused") as error:
        domains.disks_of("win11", node(tmp_path, disk(file("/c.qcow2")), state))
    assert "virsh shutdown win11" in str(error.value.hint)


def test_a_saved_domain_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libvirt.virDomain, "hasManagedSaveImage", lambda *_: 1)
    with pytest.raises(CheckError, match="is saved"):
        domains.disks_of("win11", node(tmp_path, disk(file("/c.qcow2"))))


@pytest.mark.parametrize(
    ("disks", "message"),
    [
        ("", "has no disk"),
        (disk("<source protocol='rbd' name='pool/image'/>", "network"), "does not open"),
        (disk("<source pool='none' volume='x'/>", "volume"), "can't be found"),
    ],
)
def test_a_domain_that_reseal_can_not_open(tmp_path: Path, disks: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        domains.disks_of("win11", node(tmp_path, disks))


def test_an_nbd_disk_is_named_as_qemu_names_it(tmp_path: Path) -> None:
    source = "<source protocol='nbd' name='windows'><host name='server' port='10810'/></source>"
    (found,) = domains.disks_of("win11", node(tmp_path, disk(source, "network", driver="raw")))
    assert str(found) == "nbd://server:10810/windows"


def test_a_header_in_a_raw_disk_does_not_decide(tmp_path: Path) -> None:
    image = tmp_path / "c.img"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(image), "1M"], check=True)
    with pytest.raises(UsageError, match="uses it as raw"):
        domains.disks_of("win11", node(tmp_path, disk(file(image), driver="raw")))


def test_unknown_domains_and_hypervisors() -> None:
    with pytest.raises(UsageError, match="no domain none"):
        domains.disks_of("none", "test:///default")
    with pytest.raises(EngineError, match="can't be reached"):
        domains.disks_of("none", "nosuch:///x")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "libvirt", None)
    with pytest.raises(EngineError) as error:
        domains.disks_of("win11")
    assert "reseal[libvirt]" in str(error.value.hint)


def test_a_clone_gets_a_domain_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    defined: list[str] = []
    monkeypatch.setattr(libvirt.virConnect, "defineXML", lambda _, xml: defined.append(xml))
    disks = disk(file("/golden.qcow2")) + disk(file("/data.qcow2"), number=1)
    domains.define("win11", node(tmp_path, disks), "PC-1", tmp_path / "PC-1.qcow2")
    root = parse(defined[0].encode())
    assert root.findtext("name") == "PC-1"
    assert root.find("uuid") is None
    assert root.find("devices/interface/mac") is None
    sources = [one.get("file") for one in root.findall("devices/disk/source")]
    assert sources == [str(tmp_path / "PC-1.qcow2")]
    if judge := shutil.which("virt-xml-validate"):
        path = tmp_path / "domain.xml"
        path.write_text(defined[0])
        checked = subprocess.run(
            [judge, path, "domain"], check=False, capture_output=True, text=True
        )
        assert checked.returncode == 0, checked.stderr
