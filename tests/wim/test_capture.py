r"""`reseal capture`: what is left out, what the XML data say, and what other tools make of the file."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from reseal.cli.progress import Pace
from reseal.testing.machine import Machine
from reseal.testing.volumes import WOF_XPRESS4K, File, Folder, ntfs_volume
from reseal.testing.windows import windows
from reseal.wim.tree import Reparsed
from tests.end_to_end.judges import reseal
from tests.ntfs.judges import run
from tests.wim import oracle
from tests.wim.conftest import MIB
from tests.wim.jobs import capture
from tests.wim.layout import layout
from tests.wim.test_images import call
from tests.wim.test_wof import compress
from tests.wim.volumes import rich_volume

LANGUAGES = {
    "ControlSet001": {
        "Control": {
            "MUI": {"UILanguages": {"de-DE": {"LCID": 0x407}, "en-US": {"LCID": 0x409}}},
            "Nls": {"Language": {"InstallLanguage": "0407"}},
            "ProductOptions": {"ProductType": "ServerNT"},
        }
    }
}


def names(wim: Path, index: int = 1) -> set[str]:
    """Every path of an image, as wimlib-imagex lists them."""
    listed = run("wimdir", wim, str(index))
    assert listed.returncode == 0, listed.stderr
    return set(listed.stdout.splitlines())


def test_everything_but_the_default_list_is_in_it(tmp_path: Path) -> None:
    from reseal.wim.config import DEFAULT_CONFIG

    source, whole, wim = (tmp_path / name for name in ("source", "whole.wim", "x.wim"))
    rich_volume(source)
    capture(source, whole, compression="none")
    capture(source, wim, compression="none", config=DEFAULT_CONFIG)
    left_out = names(whole) - names(wim)
    assert left_out == {
        "/pagefile.sys",
        "/hiberfil.sys",
        "/System Volume Information",
        "/System Volume Information/tracking.log",
    }
    assert "/$RECYCLE.BIN/S-1-5-18/desktop.ini" in names(wim)


def test_a_list_of_ones_own(sample: Path, tmp_path: Path) -> None:
    wim, config = tmp_path / "x.wim", tmp_path / "WimScript.ini"
    text = "; mine\n[ExclusionList]\n\\ProgramData\n*.evtx\n[ExclusionException]\n\\ProgramData\\Microsoft\n"
    config.write_bytes(b"\xff\xfe" + text.encode("utf-16-le"))
    record = call("capture", sample, wim, "--config", config, "--compress", "none")
    assert record["excluded"] > 0
    found = names(wim)
    assert not [one for one in found if one.endswith(".evtx")]
    assert "/Windows/System32/config/SYSTEM" in found


def test_the_xml_data(tmp_path: Path) -> None:
    image, wim = tmp_path / "server.qcow2", tmp_path / "server.wim"
    software = {"Microsoft": {"Windows NT": {"CurrentVersion": {
        "UBR": 2340, "CurrentMajorVersionNumber": 10, "CurrentMinorVersionNumber": 0,
    }}}}  # fmt: skip
    machine = Machine(
        build=20348, product="Windows Server 2022 Standard", edition="ServerStandard",
        install_type="Server", system=LANGUAGES, software=software,
    )  # fmt: skip
    windows(image, machine, size=48 * MIB)
    record = call("capture", image, wim, "--description", "Golden", "--check")
    assert record["name"] == "Windows Server 2022 Standard"
    xml = layout(wim).xml

    def texts(name: str) -> list[str]:
        return re.findall(f"<{name}>(.*?)</{name}>", xml)

    assert texts("NAME") == texts("DISPLAYNAME") == ["Windows Server 2022 Standard"]
    assert texts("DESCRIPTION") == ["Golden"]
    assert texts("EDITIONID") == texts("FLAGS") == ["ServerStandard"]
    assert texts("INSTALLATIONTYPE") == ["Server"]
    assert texts("PRODUCTTYPE") == ["ServerNT"]
    assert texts("ARCH") == ["9"]
    assert texts("LANGUAGE") == ["de-DE", "en-US"]
    assert texts("DEFAULT") == ["de-DE"]
    version = [texts(name)[0] for name in ("MAJOR", "MINOR", "BUILD", "SPBUILD", "SPLEVEL")]
    assert version == ["10", "0", "20348", "2340", "0"]
    found = names(wim)
    folders, files = (int(texts(name)[0]) for name in ("DIRCOUNT", "FILECOUNT"))
    assert folders + files == len(found)
    assert int(texts("TOTALBYTES")[0]) > 0
    # And wimlib-imagex reads the same.
    shown = run("wiminfo", wim).stdout
    assert re.search(r"Architecture: +x86_64", shown)
    assert re.search(r"Default Language: +de-DE", shown)
    assert re.search(r"Integrity info", shown)
    assert run("wimverify", wim).returncode == 0


def test_volumes_of_disks_come_back_whole(tmp_path: Path) -> None:
    """Generalize, capture, apply to an existing disk: the volume equals the source."""
    image, wim, target = (tmp_path / name for name in ("image.qcow2", "x.wim", "target.qcow2"))
    windows(image, size=48 * MIB, firmware="uefi")
    call("generalize", image)
    record = call("capture", image, wim, "--require-generalized", "--compress", "xpress")
    assert record["generalized"] is True
    assert record["notes"] == []
    empty, raw = tmp_path / "empty", tmp_path / "disk"
    ntfs_volume(empty, 48 * MIB)
    run("qemu-img", "convert", "-O", "raw", image, raw)
    with raw.open("r+b") as disk:
        start = raw.read_bytes().index(b"\xeb\x52\x90NTFS")
        before = tmp_path / "before"
        disk.seek(start)
        before.write_bytes(disk.read(48 * MIB))
        disk.seek(start)
        disk.write(empty.read_bytes())
    run("qemu-img", "convert", "-O", "qcow2", raw, target)
    applied = call("apply", wim, target)
    assert applied["index"] == 1
    run("qemu-img", "convert", "-O", "raw", target, raw)
    after = tmp_path / "after"
    after.write_bytes(raw.read_bytes()[start : start + 48 * MIB])
    assert oracle.volume(after) == oracle.volume(before)


def test_an_image_of_vm_mode_says_so(sample: Path, tmp_path: Path) -> None:
    image, wim = Path(shutil.copyfile(sample, tmp_path / "image.raw")), tmp_path / "x.wim"
    done = reseal("generalize", image, "--mode", "vm", "--force", "vm-mode", "--quiet")
    assert done.returncode == 0, done.stderr
    record = call("capture", image, wim, "--compress", "none")
    assert record["mode"] == "vm"
    assert "VM mode" in record["notes"][0]


def test_the_same_tree_is_read_from_the_wim_and_from_the_volume(
    sample: Path, golden_wim: Path
) -> None:
    of_wim, of_volume = call("inspect", golden_wim, "--index", "1"), call("inspect", sample)
    for field in ("windows", "identity", "state", "hives"):
        assert of_wim[field] == of_volume[field]
    told = [
        {one["check"]: one["message"] for one in call("check", path, *more)["checks"]}
        for path, more in ((golden_wim, ("--index", "1")), (sample, ()))
    ]
    assert told[0].keys() == told[1].keys()
    differing = {check for check in told[0] if told[0][check] != told[1][check]}
    assert differing <= {"encrypted-files", "dirty-volume"}  # what only a volume shows


def test_speed_and_time_left_are_shown() -> None:
    clock = iter([0.0, 0.0, 10.0, 20.0])
    pace = Pace(lambda: next(clock))
    lines = [pace.text("Writing", done << 20, 400 << 20) for done in (0, 100)]
    assert lines == ["0 of 400 MiB", "100 of 400 MiB, 10 MiB/s, 0:30 left"]


@pytest.mark.corpus
def test_volumes_without_a_windows_are_refused(corpus: Path, tmp_path: Path) -> None:
    done = reseal("capture", corpus / "images" / "test.vhdx", tmp_path / "x.wim")
    assert done.returncode == 4
    assert "has no Windows" in done.stderr
    assert not (tmp_path / "x.wim").exists()


def test_files_of_compactos_are_captured_as_dism_sees_them(tmp_path: Path) -> None:
    """Decompressed, with their times, and without the reparse point; the image is only read."""
    image, wim, target = (tmp_path / name for name in ("image.qcow2", "x.wim", "target.raw"))
    data = b"compressed by CompactOS " * 3000
    packed = File(
        streams={"WofCompressedData": compress(data, 0), "Zone.Identifier": b"[ZoneTransfer]"},
        hole=len(data),
        reparse=(0x80000017, WOF_XPRESS4K),
    )
    windows(image, Machine(files={"Program Files": {"packed.dll": packed}}), size=48 * MIB)
    before = image.read_bytes()
    call("capture", image, wim)
    assert image.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["image.qcow2", "x.wim"]
    ntfs_volume(target, 48 * MIB)
    assert run("wimlib-imagex", "apply", wim, "1", target).returncode == 0
    found = oracle.volume(target)[r"Program Files\packed.dll"]
    assert found.streams == {"": data, "Zone.Identifier": b"[ZoneTransfer]"}
    assert found.reparse is None
    assert found.attributes & 0x400 == 0
    assert set(found.times[:2]) == {1_704_067_200_000_000_000}  # SAMPLE_TIME


def test_a_raw_disk_is_replaced_as_a_whole(golden_wim: Path, tmp_path: Path) -> None:
    target, judged = tmp_path / "target.raw", tmp_path / "judged.raw"
    for path in (target, judged):
        ntfs_volume(path, 48 * MIB)
    target.chmod(0o640)
    call("apply", golden_wim, target, "--index", "2")
    assert target.stat().st_mode & 0o777 == 0o640
    assert run("wimlib-imagex", "apply", golden_wim, "2", judged).returncode == 0
    assert oracle.volume(target, root=False) == oracle.volume(judged, root=False)
    assert len(list(tmp_path.iterdir())) == 2


def placeholders(image: Path) -> None:
    """A Windows with a deduplicated file, two files of the cloud, and the folder of a cloud."""
    data = bytes(112)
    files = {
        "big.bin": File(hole=100_000, reparse=(0x80000013, data)),
        "cloud.bin": File(hole=50_000, reparse=(0x9000301A, data)),
        "old.bin": File(hole=50_000, reparse=(0x80000021, data)),
        "OneDrive": Folder({"here.txt": b"content"}, reparse=(0x9000601A, data)),
    }
    windows(image, Machine(files={"Users": {"Alice": files}}), size=48 * MIB)


def test_files_whose_content_lies_elsewhere_are_refused_or_named(tmp_path: Path) -> None:
    image, wim = tmp_path / "image.raw", tmp_path / "x.wim"
    placeholders(image)
    refused = reseal("capture", image, wim, "--compress", "none", "--quiet")
    assert refused.returncode == 3
    assert r"1 file in the chunk store" in refused.stderr
    assert r"Users\Alice\big.bin" in refused.stderr
    assert "--force dedup" in refused.stderr
    assert not wim.exists()
    record = call("capture", image, wim, "--compress", "none", "--force", "dedup")
    assert record["deduplicated"] == [r"Users\Alice\big.bin"]
    assert record["cloud"] == [r"Users\Alice\cloud.bin", r"Users\Alice\old.bin"]
    dedup, cloud = [one for one in record["notes"] if "Users" in one]
    assert r"Users\Alice\big.bin" in dedup
    assert r"Users\Alice\cloud.bin, Users\Alice\old.bin" in cloud
    shown = run("wimdir", wim, "1", "--detailed", "--path=/Users/Alice/big.bin").stdout
    assert re.search(r"Reparse Tag += 0x80000013", shown)


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        (0x80000017, "compressed"), (0x80000013, "deduplicated"),
        *((tag, "cloud") for tag in (0x9000001A, 0x9000F01A, 0xC0000004, 0x80000006, 0x8000001E)),
        # Links, aliases of Store apps, and sockets have no content elsewhere.
        *((tag, None) for tag in (0xA0000003, 0xA000000C, 0x8000001B, 0x80000023)),
    ],
)  # fmt: skip
def test_a_reparse_tag_tells_where_the_content_is(tag: int, kind: str | None) -> None:
    found = Reparsed()
    assert found.of(tag) is (getattr(found, kind) if kind else None)


def test_an_unknown_word_of_force_is_refused(sample: Path, tmp_path: Path) -> None:
    refused = reseal("capture", sample, tmp_path / "x.wim", "--force", "everything")
    assert refused.returncode == 2
    assert "--force everything is not known" in refused.stderr
