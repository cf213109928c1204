"""Outputs for other tools: each read by a tool that it is for."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest

from reseal.destinations import DESTINATIONS
from reseal.disk import DiskError, Image
from reseal.disk.form import Form
from reseal.errors import UsageError
from reseal.operations.customize import Customize, CustomizeRequest
from reseal.operations.operation import Writing, run
from reseal.testing.windows import windows
from tests.destinations.test_texts import need

STEP = CustomizeRequest(steps=(("mkdir", r"C:\Tools"),))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with a size that is not a whole number of MiB."""
    path = tmp_path_factory.mktemp("image") / "a.qcow2"
    windows(path, firmware="bios")
    subprocess.run(["qemu-img", "resize", "-q", path, "+300K"], check=True)
    return path


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "a.qcow2"
    windows(path, size=32 << 20)
    subprocess.run(["qemu-img", "resize", "-q", path, "+300K"], check=True)
    return path


def make(image: Path, output: Path, name: str | None) -> str:
    """Write an output; return the last note."""
    record = run(image, Customize(STEP), Writing(output=output, destination=name))
    return record["notes"][-1]


def footer(path: Path) -> tuple[int, int]:
    """Return the disk's size and type from the footer of a VHD."""
    data = path.read_bytes()[-512:]
    return struct.unpack(">Q", data[48:56])[0], struct.unpack(">I", data[60:64])[0]


def test_azure_gets_a_fixed_disk_of_whole_mebibytes(gpt: Path, tmp_path: Path) -> None:
    output = tmp_path / "x.vhd"
    said = make(gpt, output, "azure")
    size, kind = footer(output)
    assert kind == 2
    assert size % (1 << 20) == 0
    assert output.stat().st_size == size + 512
    assert "--hyper-v-generation V2" in said
    with Image.open(gpt) as image:
        assert 0 < size - image.size < 1 << 20
    if judge := shutil.which("vhdiinfo"):
        told = subprocess.run([judge, output], capture_output=True, text=True, check=True).stdout
        assert "Fixed" in told
        assert f"({size} bytes)" in told
    raw = tmp_path / "x.raw"
    subprocess.run(["qemu-img", "convert", "-f", "vpc", "-O", "raw", output, raw], check=True)
    checked = subprocess.run(
        ["sgdisk", "--verify", raw], capture_output=True, text=True, check=True
    )
    assert "No problems found" in checked.stdout, checked.stdout


def test_a_disk_of_bios_is_of_generation_1(odd: Path, tmp_path: Path) -> None:
    assert "generation 1" in make(odd, tmp_path / "x.vhd", "azure")


@pytest.mark.parametrize("name", ["k.tar", "k"])
def test_kubevirt_gets_an_image_with_the_disk_of_user_107(
    gpt: Path, tmp_path: Path, name: str
) -> None:
    output = tmp_path / name
    said = make(gpt, output, "kubevirt")
    kind = "oci-archive" if output.suffix else "oci"
    assert f"skopeo copy {kind}:" in said
    layout = output
    if output.suffix:
        layout = tmp_path / "unpacked"
        with tarfile.open(output) as archive:
            archive.extractall(layout, filter="data")
    index = json.loads((layout / "index.json").read_text())

    def blob(described: dict[str, str]) -> Path:
        return layout / "blobs" / described["digest"].replace(":", "/")

    manifest = json.loads(blob(index["manifests"][0]).read_text())
    with tarfile.open(blob(manifest["layers"][0])) as layer:
        folder, disk = layer.getmembers()
        assert (folder.name, disk.name) == ("disk", "disk/disk.qcow2")
        assert disk.uid == disk.gid == 107
        layer.extractall(tmp_path / "layer", filter="data")
    found = tmp_path / "layer" / "disk" / "disk.qcow2"
    subprocess.run(["qemu-img", "check", "-q", found], check=True)
    if judge := shutil.which("skopeo"):
        source = f"{kind}:{output}"
        told = subprocess.run(
            [judge, "inspect", source], capture_output=True, text=True, check=True
        )
        assert json.loads(told.stdout)["Os"] == "linux"
        # Copying it checks every digest.
        target = f"dir:{tmp_path / 'copied'}"
        subprocess.run([judge, "--insecure-policy", "copy", "-q", source, target], check=True)
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith(".")) == []


@pytest.mark.judges
def test_buildah_takes_the_container_disk(gpt: Path, tmp_path: Path) -> None:
    judge = need("buildah")
    output = tmp_path / "k.tar"
    make(gpt, output, "kubevirt")
    own = ["--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run")]
    own += ["--storage-driver", "vfs"]
    pulled = [judge, *own, "pull", "-q", f"oci-archive:{output}"]
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    done = subprocess.run(
        [*pulled[:-1], "--signature-policy", str(policy), pulled[-1]],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    layers = list((tmp_path / "root" / "vfs" / "dir").glob("*/disk/disk.qcow2"))
    assert [one.stat().st_uid for one in layers] == [107]


@pytest.mark.parametrize(
    ("name", "provider"), [(None, "libvirt"), ("vagrant-virtualbox", "virtualbox")]
)
def test_vagrant_gets_a_box(gpt: Path, tmp_path: Path, name: str | None, provider: str) -> None:
    output = tmp_path / "x.box"
    assert "vagrant box add" in make(gpt, output, name)
    with tarfile.open(output) as archive:
        archive.extractall(tmp_path / "box", filter="data")
    box = tmp_path / "box"
    metadata = json.loads((box / "metadata.json").read_text())
    assert metadata["provider"] == provider
    disk = box / ("box.img" if provider == "libvirt" else "disk.vmdk")
    told = json.loads(
        subprocess.run(
            ["qemu-img", "info", "--output=json", disk], capture_output=True, check=True
        ).stdout
    )
    if provider == "libvirt":
        assert metadata["format"] == told["format"] == "qcow2"
        assert (metadata["virtual_size"] - 1) << 30 < told["virtual-size"]
    else:
        assert told["format-specific"]["data"]["create-type"] == "streamOptimized"


@pytest.mark.judges
@pytest.mark.parametrize("name", ["vagrant", "vagrant-virtualbox"])
def test_vagrant_adds_the_box(gpt: Path, tmp_path: Path, name: str) -> None:
    judge = need("vagrant")
    output = tmp_path / "x.box"
    make(gpt, output, name)
    home = {
        "VAGRANT_HOME": str(tmp_path / "home"),
        "HOME": str(tmp_path),
        "VAGRANT_CHECKPOINT_DISABLE": "1",
    }
    for command in (["box", "add", "--name", "windows", str(output)], ["box", "list"]):
        done = subprocess.run(
            [judge, *command], env=os.environ | home, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "windows" in done.stdout


@pytest.mark.parametrize(
    ("name", "suffix", "text"),
    [
        ("libvirt", ".xml", "<os firmware='efi'>"),
        ("proxmox", ".sh", "--bios ovmf"),
        ("openstack", ".properties", "hw_firmware_type=uefi"),
    ],
)
def test_a_file_lies_beside_the_image(
    gpt: Path, tmp_path: Path, name: str, suffix: str, text: str
) -> None:
    output = tmp_path / "x.qcow2"
    assert str(output.with_suffix(suffix)) in make(gpt, output, name)
    assert {one.name for one in tmp_path.iterdir()} == {"x.qcow2", f"x{suffix}"}
    assert text in output.with_suffix(suffix).read_text()


@pytest.mark.parametrize(
    ("name", "output", "message"),
    [
        ("azure", "x.vhdx", "does not take the output"),
        ("kubevirt", "x.qcow2", "does not take the output"),
        ("cloud", "x.qcow2", "not known"),
        ("libvirt", "taken.qcow2", "exists already"),
        ("azure", "missing/x.vhd", "does not exist"),
        ("kubevirt", "folder", "exists already"),
    ],
)
def test_an_output_that_does_not_fit_is_refused(
    gpt: Path, tmp_path: Path, name: str, output: str, message: str
) -> None:
    (tmp_path / "taken.xml").touch()
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises((UsageError, DiskError), match=message):
        make(gpt, tmp_path / output, name)
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_is_not_a_disk(tmp_path: Path) -> None:
    (tmp_path / "windows").mkdir()
    with pytest.raises(UsageError, match="not a disk image"):
        make(tmp_path / "windows", tmp_path / "x.vhd", "azure")


@pytest.mark.parametrize("more", [{}, {"output": Path("x.qcow2"), "thin": True}])
def test_for_needs_a_whole_output(more: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="needs --output"):
        Writing(destination="azure", **more)  # type: ignore[arg-type]


def test_a_full_disk_leaves_nothing(
    gpt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reseal.destinations.container.add", full)
    with pytest.raises(DiskError, match="No space left"):
        make(gpt, tmp_path / "k.tar", "kubevirt")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_too_large_is_refused() -> None:
    with pytest.raises(DiskError, match="too large"):
        Form("vhd", limit=1 << 30).size_of((1 << 30) + 512)


def test_destinations_are_declared() -> None:
    known = {one.id for one in DESTINATIONS}
    assert {"azure", "kubevirt", "libvirt", "openstack", "proxmox", "vagrant"} < known
    for one in DESTINATIONS:
        assert one.source
        assert one.description
