"""What goes wrong with WIM files: a clear error, and no half-written target."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from reseal.disk import FileDevice, Slice
from reseal.disk.locks import Lock
from reseal.errors import ImageError
from reseal.ntfs.cache import BlockCache
from reseal.run.capture import CaptureOptions
from reseal.run.capture import capture as capture_image
from reseal.sandbox import Limits
from reseal.testing.volumes import File, ntfs_volume, populate
from reseal.wim import WimError, apply_image, capture_volume
from reseal.worker import run_worker
from tests.disk.test_space import fill, with_space
from tests.end_to_end.judges import reseal
from tests.ntfs.conftest import writable
from tests.ntfs.judges import run
from tests.wim.conftest import MIB
from tests.wim.jobs import capture
from tests.wim.layout import layout, with_xml

#: The corner cases of the corpus, and what is said of each.
CASES = {
    "corrupted_file_1.wim": "WIM resource is corrupted",
    "corrupted_file_2.wim": "Failed to decompress data",
    "cyclic.wim": "Directory structure too deep",
    "dotdot.wim": 'it holds a file named "." or ".."',
    "duplicate_names.wim": 'it holds a duplicate file "/1"',
}


def refused(*arguments: str | Path, code: int = 4) -> str:
    """Run a command that is refused, and return what it says."""
    done = reseal(*arguments)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert "Error: " in done.stderr
    return done.stderr


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target.raw"
    ntfs_volume(path, 20 * MIB)
    return path


@pytest.mark.corpus
@pytest.mark.parametrize("name", CASES)
def test_corner_cases_are_refused(corpus: Path, tmp_path: Path, target: Path, name: str) -> None:
    wim, folder, before = corpus / "wim" / name, tmp_path / "folder", target.read_bytes()
    for where in (folder, target):
        said = refused("apply", "--quiet", wim, where)
        assert name in said
        assert CASES[name] in said
    assert not folder.exists()
    assert target.read_bytes() == before
    copy = Path(shutil.copyfile(wim, tmp_path / name))
    said = refused("generalize", "--quiet", copy)
    assert name in said
    assert copy.read_bytes() == wim.read_bytes()
    assert sorted(one.name for one in tmp_path.iterdir()) == [name, "target.raw"]


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["longpaths.wim", "linux_xattrs_old.wim"])
def test_odd_but_sound_ones_are_applied(corpus: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    assert reseal("apply", "--quiet", corpus / "wim" / name, folder).returncode == 0
    assert any(folder.rglob("*"))


def test_indexes(three: Path, tmp_path: Path) -> None:
    for command in ("check", "generalize", "verify"):
        assert "has 3 images." in refused(command, three)
    # It lists them, so that one can be chosen.
    listed = reseal("inspect", three)
    assert listed.returncode == 0, listed.stderr
    assert re.findall(r"^(?:Images)? +(\d)  \w", listed.stdout, re.MULTILINE) == ["1", "2", "3"]
    assert "Choose one with --index" in listed.stdout
    for command in ("inspect", "check", "generalize", "verify"):
        assert "has no image 4; it has 3 images" in refused(command, three, "--index", "4")
    for index in ("0", "-1", "4"):
        said = refused("apply", three, tmp_path / "folder", "--index", index)
        assert f"has no image {index}; it has 3 images" in said
        assert "from 1 to 3" in said
    assert not (tmp_path / "folder").exists()


def test_an_index_is_for_wims_only(sample: Path) -> None:
    assert "is not a WIM" in refused("inspect", sample, "--index", "1", code=2)


def test_what_is_for_disks_only(three: Path) -> None:
    said = refused("customize", three, "--write", "/x:1", "--shrink", code=2)
    assert "--shrink" in said
    assert "are for disk images" in said


def test_an_encrypted_esd(golden_wim: Path, tmp_path: Path) -> None:
    esd = tmp_path / "encrypted.esd"
    xml = layout(golden_wim).xml.replace("</WIM>", "<ESD><ENCRYPTED/></ESD></WIM>")
    with_xml(golden_wim, esd, xml)
    for command in (("inspect", esd), ("apply", esd, tmp_path / "out"), ("generalize", esd)):
        said = refused(*command, "--index", "1")
        assert "encrypted.esd is an encrypted ESD" in said
        assert "What to do" in said
    assert [one.name for one in tmp_path.iterdir()] == ["encrypted.esd"]


@pytest.mark.parametrize("damage", ["cut", "header", "xml", "integrity"])
def test_damaged_files(three: Path, damage: str) -> None:
    data = bytearray(three.read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "header":
        data[48:96] = os.urandom(48)
    elif damage == "xml":
        with_xml(three, three, "<WIM><IMAGE INDEX=")
        data = bytearray(three.read_bytes())
    else:
        data[300] ^= 0xFF
    three.write_bytes(data)
    arguments = ["--check"] if damage == "integrity" else []
    command: list[str | Path] = ["apply", three, three.with_name("out"), "--index", "1", *arguments]
    assert "three.wim" in refused(*command)
    assert [one.name for one in three.parent.iterdir()] == ["three.wim"]


def test_hostile_xml(golden_wim: Path, tmp_path: Path) -> None:
    """No entity is expanded, and absurd counts are not believed."""
    wim = tmp_path / "x.wim"
    xml = layout(golden_wim).xml
    absurd = re.sub(r"<TOTALBYTES>\d+<", "<TOTALBYTES>99999999999999999999999<", xml)
    with_xml(golden_wim, wim, absurd.replace("<FILECOUNT>", "<FILECOUNT>9999999999"))
    assert reseal("verify", wim, "--index", "1").returncode in {3, 4}
    bomb = "<!DOCTYPE WIM [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>" + xml
    with_xml(golden_wim, wim, bomb.replace("<NAME>First", "<NAME>&b;"))
    done = reseal("inspect", wim, "--index", "1")
    assert "Traceback" not in done.stderr


def test_a_read_only_wim(three: Path) -> None:
    data = bytearray(three.read_bytes())
    data[16] |= 0x04  # FLAG_HEADER_READONLY
    three.write_bytes(data)
    assert "marked read-only" in refused("generalize", three, "--index", "1")
    assert three.read_bytes() == data
    assert reseal("inspect", three, "--index", "1").returncode == 0


def test_names_that_are_taken(sample: Path, three: Path) -> None:
    data = three.read_bytes()
    said = refused("capture", sample, three, "--append", "--name", "First")
    assert "already has an image named First" in said
    assert "already exists" in refused("capture", sample, three, code=2)
    assert three.read_bytes() == data


def test_capture_of_what_is_not_fit(sample: Path, three: Path, tmp_path: Path) -> None:
    wim = tmp_path / "new.wim"
    assert "is a folder" in refused("capture", tmp_path, wim, code=2)
    assert "is already a WIM" in refused("capture", three, wim, code=2)
    said = refused("capture", sample, wim, "--require-generalized", code=3)
    assert "is not generalized" in said
    assert "--compress zip is not known" in refused(
        "capture", sample, wim, "--compress", "zip", code=2
    )
    bad = tmp_path / "bad.ini"
    bad.write_text("no section\n")
    said = refused("capture", sample, wim, "--config", bad, code=2)
    assert "line 1 is outside a section" in said
    bad.write_text("[ExclusionLists]\n\\x\n")
    assert "is not a section" in refused("capture", sample, wim, "--config", bad, code=2)
    assert not wim.exists()
    done = reseal("capture", sample, wim)
    assert done.returncode == 0
    assert "not generalized" in done.stdout


def test_a_source_that_changes_while_it_is_read(sample: Path, tmp_path: Path) -> None:
    source, wim = Path(shutil.copyfile(sample, tmp_path / "source.raw")), tmp_path / "new.wim"

    def disturb(message: dict[str, object]) -> None:
        if message.get("step") == "Writing the files":
            status = source.stat()
            os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))

    with pytest.raises(ImageError, match="was changed by another program"):
        capture_image(source, wim, CaptureOptions(), disturb)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["source.raw"]


def test_content_that_changes_between_two_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libwim hashes files of one size before it writes them; other bytes then are an error."""
    source, wim = tmp_path / "source.raw", tmp_path / "new.wim"
    ntfs_volume(source, 20 * MIB)
    content = bytes(range(256)) * 8000
    with writable(source) as volume:
        populate(volume, {"a.bin": content, "b.bin": content[::-1]})
    place = source.read_bytes().index(content[:4096])

    class Changing(FileDevice):
        reads = 0

        def read(self, offset: int, size: int) -> bytes:
            data = super().read(offset, size)
            if offset <= place < offset + size:
                self.reads += 1
                start = place - offset
                data = data[:start] + bytes([self.reads]) + data[start + 1 :]
            return data

    # Whatever is no plain file goes through reseal's callbacks.
    changing = Changing(source)
    monkeypatch.setattr("reseal.wim.volume.BlockCache", partial(BlockCache, capacity=2))
    with pytest.raises(ImageError, match="its source changed while it was read"):
        run_worker(
            lambda _: capture_volume(Slice(changing, 0, changing.size), wim, compression="none"),
            subject="x",
            limits=Limits(reads=(source,), writes=(wim.parent,), keeps=(changing.fileno(),)),
        )
    assert not wim.exists()


def test_a_volume_that_is_too_small(three: Path, tmp_path: Path) -> None:
    source, wim, target = (tmp_path / name for name in ("s.raw", "x.wim", "small.raw"))
    ntfs_volume(source, 20 * MIB)
    with writable(source) as volume:
        populate(volume, {"big.bin": File(os.urandom(9 * MIB))})
    capture(source, wim, compression="none")
    ntfs_volume(target, 8 * MIB)
    before = target.read_bytes()
    said = refused("apply", wim, target)
    assert "does not fit into the volume" in said
    assert target.read_bytes() == before


def test_a_volume_that_is_not_empty(three: Path, target: Path) -> None:
    with writable(target) as volume:
        populate(volume, {"mine.txt": b"mine"})
    before = target.read_bytes()
    assert "no empty NTFS volume" in refused("apply", three, target, "--index", "1", code=3)
    said = refused("apply", three, target, "--index", "1", "--volume", "1")
    assert "is not empty: it holds mine.txt" in said
    assert target.read_bytes() == before
    full = target.parent / "full"
    full.mkdir()
    (full / "x").touch()
    assert "is not empty" in refused("apply", three, full, "--index", "1", code=2)


def test_no_space_for_the_wim(sample: Path, three: Path, tmp_path: Path) -> None:
    """Appending and replacing on a full file system: the old file stays, and nothing beside it."""
    folder = tmp_path / "small"
    folder.mkdir()

    def job(folder: Path) -> None:
        wim = Path(shutil.copyfile(three, folder / "three.wim"))
        before = wim.read_bytes()
        ballast = fill(folder, leave=8192)
        with pytest.raises(ImageError, match="space"):
            capture_image(sample, wim, CaptureOptions(append=True, name="More"))
        assert wim.read_bytes() == before
        assert sorted(folder.iterdir()) == [ballast, wim]

    with_space(2 * MIB, job, folder)


def test_a_killed_capture_leaves_nothing(sample: Path, three: Path) -> None:
    """A worker that dies in the middle of writing: the old file stays, and nothing beside it."""
    before = three.read_bytes()

    def die(report: Callable[[dict[str, object]], None]) -> None:
        def on_progress(message: dict[str, object]) -> None:
            if "progress" in message:
                os._exit(9)

        capture_volume(FileDevice(sample), three, name="x", append=True, on_progress=on_progress)

    with pytest.raises(ImageError, match="ended early"):
        run_worker(die, subject=str(three), limits=Limits(reads=(sample,), writes=(three.parent,)))
    assert three.read_bytes() == before
    assert [one.name for one in three.parent.iterdir()] == [three.name]


def test_encrypted_files_are_named(tmp_path: Path) -> None:
    source, wim = tmp_path / "source.raw", tmp_path / "new.wim"
    ntfs_volume(source, 20 * MIB)
    with writable(source) as volume:
        populate(volume, {"secret.txt": File(b"12", encrypted=True), "open.txt": b"x"})
    assert capture(source, wim)["encrypted"] == ["/secret.txt"]


def test_a_wim_is_used_by_one_run_at_a_time(three: Path) -> None:
    lock = Lock(three)
    try:
        lock.share()
        assert "in use by another reseal" in refused("generalize", three, "--index", "1")
    finally:
        lock.close()


def test_apply_of_a_wim_that_is_none(tmp_path: Path, target: Path) -> None:
    letter = tmp_path / "letter.wim"
    letter.write_text("Dear reader")
    assert "letter.wim" in refused("apply", letter, tmp_path / "out")
    assert "does not exist" in refused("apply", tmp_path / "none.wim", tmp_path / "out")
    with pytest.raises(WimError):
        run_worker(
            lambda _: apply_image(letter, 1, FileDevice(target)),
            subject="x",
            limits=Limits(reads=(letter, target)),
        )


@pytest.mark.parametrize("whole", [True, False], ids=["file", "part of a file"])
def test_a_library_that_reads_without_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """Through libntfs-3g's own operations and through reseal's, reads are counted for each entry."""
    source, wim = tmp_path / "source.raw", tmp_path / "new.wim"
    ntfs_volume(source, 20 * MIB)
    monkeypatch.setattr("reseal.ntfs.callbacks.READS_PER_CALL", 3)
    monkeypatch.setattr("reseal.wim.volume._SMALLEST_READ", 1 << 40)
    file = FileDevice(source)
    device = file if whole else Slice(file, 0, file.size)
    with pytest.raises(ImageError, match="its structures form a cycle"):
        run_worker(
            lambda _: capture_volume(device, wim, compression="none"),
            subject="x",
            # The worker is a fork that lets go of what is open here, but for this.
            limits=Limits(reads=(source,), writes=(wim.parent,), keeps=(file.fileno(),)),
        )
    assert not wim.exists()


def test_a_library_that_keeps_descriptors_elsewhere_is_called_through_callbacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, wim = tmp_path / "source.raw", tmp_path / "new.wim"
    ntfs_volume(source, 20 * MIB)
    with writable(source) as volume:
        populate(volume, {"a.bin": b"content"})
    monkeypatch.setattr("reseal.wim.volume._takes_descriptors", lambda: False)
    monkeypatch.setattr("reseal.wim.volume._FileVolume", None)
    assert capture(source, wim)["index"] == 1
    assert run("wimverify", wim).returncode == 0
