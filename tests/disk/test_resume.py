from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from reseal.disk import DiskError, Image, Transaction, formats, mark, resume
from reseal.disk.locks import kept_by_qemu
from reseal.disk.sidecar import journal_path, overlay_path
from reseal.errors import ImageError
from reseal.process import run_tool
from tests.disk.images import (
    FORMATS,
    KINDS,
    Kind,
    changed,
    check,
    content,
    files,
    make_image,
    restore,
    some_writes,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
QCOW2, VHDX, VHD, VMDK, VDI, RAW = FORMATS

#: Runs that are killed, of each kind of test. `RESEAL_KILLS=200 make test` looks more closely.
KILLS = int(os.environ.get("RESEAL_KILLS", "6"))


def interrupt(path: Path, monkeypatch: pytest.MonkeyPatch, tool: Callable[..., str]) -> None:
    """Have a run's merge fail, with `tool` in the place of qemu-img commit."""
    with monkeypatch.context() as patched:
        patched.setattr("reseal.disk.merge.run_tool", tool)
        with Image.open(path) as image, Transaction.begin(image) as transaction:
            write(image, transaction, some_writes())
            with pytest.raises(DiskError, match="was interrupted") as raised:
                transaction.commit()
    assert raised.value.hint is not None
    assert f"reseal resume {path}" in raised.value.hint


def fail(_: object, **_options: object) -> str:
    raise ImageError("qemu-img failed: No space left on device")


def fail_at_the_end(argv: list[str], **options: Any) -> str:
    run_tool(argv, **options)
    return fail(argv)


def stop(_: object, **_options: object) -> str:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("kind", "tool"),
    [(kind, fail_at_the_end) for kind in KINDS] + [(VDI, fail), (VHDX, fail), (QCOW2, stop)],
)
def test_an_interrupted_merge_is_finished(
    tmp_path: Path,
    kind: Kind,
    tool: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = make_image(tmp_path, kind)
    before = content(path)
    interrupt(path, monkeypatch, tool)

    interrupted = files(tmp_path)
    with pytest.raises(ImageError, match="earlier run was interrupted") as raised:
        Image.open(path)
    assert raised.value.exit_code == 4
    assert raised.value.hint == f"Finish it: reseal resume {path}"
    assert files(tmp_path) == interrupted

    resume(path)

    assert content(path) == changed(before, some_writes())
    check(path)
    assert not [name for name in files(tmp_path) if "reseal" in name]
    with pytest.raises(ImageError, match="nothing to resume"):
        resume(path)


def test_an_interrupted_merge_is_seen_through_a_symbolic_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_image(tmp_path / "real", QCOW2)
    link = tmp_path / "link.qcow2"
    link.symlink_to(path)
    interrupt(path, monkeypatch, fail)
    with pytest.raises(ImageError, match="earlier run was interrupted"):
        Image.open(link)
    resume(link)
    Image.open(path).close()


def test_an_interrupted_merge_can_be_moved_with_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_image(tmp_path / "here", QCOW2)
    before = content(path)
    interrupt(path, monkeypatch, fail)
    there = tmp_path / "there"
    shutil.copytree(path.parent, there)
    resume(there / path.name)
    assert content(there / path.name) == changed(before, some_writes())


def test_a_resume_waits_for_a_qemu_img_that_is_still_dying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_image(tmp_path, QCOW2)
    interrupt(path, monkeypatch, fail)
    with subprocess.Popen(
        ["qemu-io", path], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as dying:
        while not kept_by_qemu(path):
            assert dying.poll() is None
            time.sleep(0.001)
        waited: list[float] = []

        def wait(seconds: float) -> None:
            if not waited:
                dying.communicate(b"quit\n")
            waited.append(seconds)

        patient = SimpleNamespace(sleep=wait, monotonic=time.monotonic)
        monkeypatch.setattr(sys.modules["reseal.disk.resume"], "time", patient)
        resume(path)
    assert waited
    assert dying.returncode == 0


def test_a_restored_copy_of_the_image_is_merged_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_image(tmp_path, QCOW2)
    before, copy = content(path), path.read_bytes()
    interrupt(path, monkeypatch, fail_at_the_end)
    path.unlink()
    path.write_bytes(copy)
    resume(path)
    assert content(path) == changed(before, some_writes())


def older(path: Path) -> bytes:
    """The same machine at another time: some of what the run changes was different."""
    data = bytearray(content(path))
    for offset, piece in some_writes()[:6]:
        data[offset : offset + len(piece)] = b"older".ljust(len(piece), b"\1")
    return bytes(data)


@pytest.mark.parametrize(
    ("kind", "what"),
    [(kind, "older") for kind in FORMATS]
    + [(VDI, what) for what in ("other", "bigger", "shorter", "format")],
)
def test_an_image_that_was_replaced_is_not_merged_into(
    tmp_path: Path, kind: Kind, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_image(tmp_path / "images", kind)
    raw = tmp_path / "raw"
    raw.write_bytes(older(path))
    copy = path.read_bytes()
    interrupt(path, monkeypatch, fail)
    if what == "older":
        options = ["-o", "force_size=on"] if kind == VHD else []
        command = ["qemu-img", "convert", "-f", "raw", "-O", kind.qemu, *options]
        subprocess.run([*command, str(raw), str(path)], check=True)
    elif what == "other":
        path.write_bytes(make_image(tmp_path / "other", kind, seed=9).read_bytes())
    elif what == "bigger":
        subprocess.run(["qemu-img", "create", "-q", "-f", kind.qemu, str(path), "64M"], check=True)
    elif what == "shorter":
        path.write_bytes(copy[: len(copy) // 2])
    else:
        path.write_bytes(
            make_image(tmp_path / "other", QCOW2 if kind != QCOW2 else VHDX).read_bytes()
        )
    replaced = files(path.parent)
    with pytest.raises(ImageError) as raised:
        resume(path)
    assert raised.value.exit_code == 4
    assert files(path.parent) == replaced


@pytest.mark.parametrize("seconds", [-(10**9), -90, 90, 10**8])
@pytest.mark.parametrize("kind", [QCOW2, VDI, RAW], ids=lambda kind: kind.name)
def test_no_time_decides_whether_a_merge_can_be_finished(
    tmp_path: Path, kind: Kind, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clocks are set, copies keep their times, and servers are ahead."""
    path = make_image(tmp_path, kind)
    before = content(path)
    os.utime(path, (time.time() + seconds,) * 2)
    interrupt(path, monkeypatch, half)
    os.utime(path, (time.time() - seconds,) * 2)
    resume(path)
    assert content(path) == changed(before, some_writes())


def half(argv: list[str], **options: Any) -> str:
    """Merge half of what was to be merged, as a kill in the middle leaves it."""
    node = json.loads(argv[-1].removeprefix("json:"))
    image, driver = node["backing"]["file"]["filename"], node["backing"]["driver"]
    for offset, piece in some_writes()[::2]:
        command = ["qemu-io", "-f", driver, "-c", f"write -s {{}} {offset} {len(piece)}"]
        with tempfile.NamedTemporaryFile() as pattern:
            pattern.write(piece)
            pattern.flush()
            command[-1] = command[-1].format(pattern.name)
            subprocess.run(
                [*command, image], check=True, capture_output=True, pass_fds=options["pass_fds"]
            )
    return fail(argv)


@pytest.mark.parametrize("how", ["renamed", "moved", "copied", "copied and deleted", "below"])
@pytest.mark.parametrize("kind", [QCOW2, KINDS[1], RAW, VDI, VHD], ids=lambda kind: kind.name)
def test_a_torn_image_is_known_wherever_it_went(
    tmp_path: Path, kind: Kind, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_image(tmp_path / "images", kind)
    before = content(path)
    interrupt(path, monkeypatch, half)
    other = path.with_name(f"other.{kind.extension}")
    if how == "renamed":
        path.rename(other)
    elif how == "moved":
        if kind.qemu != "qcow2":
            return  # which nothing in it tells: a limit that the threat model names
        (tmp_path / "elsewhere").mkdir()
        other = path.rename(tmp_path / "elsewhere" / path.name)
    elif how == "below":
        path.rename(other)
        above = path.with_name("above.qcow2")
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", other.name, "-F", kind.qemu]
        subprocess.run([*command, str(above)], check=True)
        other = above
    else:
        shutil.copy(path, other)
        if how == "copied and deleted":
            path.unlink()
    torn = files(other.parent)
    with pytest.raises(ImageError, match="earlier run was interrupted") as raised:
        Image.open(other)
    assert ".reseal-journal" in raised.value.message
    assert raised.value.hint
    assert files(other.parent) == torn
    if how == "below":
        return
    if how in {"moved", "copied"}:
        with pytest.raises(ImageError):
            resume(other)
        assert files(other.parent) == torn
        return
    resume(other)
    assert content(other) == changed(before, some_writes())
    check(other)
    assert not [name for name in files(other.parent) if "reseal" in name]
    Image.open(other).close()


def test_a_backup_beside_a_torn_image_is_not_taken_for_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (QCOW2, RAW, VDI):
        path = make_image(tmp_path / kind.name, kind)
        backup = path.with_name(f"backup.{kind.extension}")
        shutil.copy(path, backup)
        interrupt(path, monkeypatch, half)
        Image.open(backup).close()
        with pytest.raises(ImageError, match="nothing to resume"):
            resume(backup)


@pytest.mark.parametrize("backing", [False, True])
@pytest.mark.parametrize("options", ["", "compat=0.10", "cluster_size=512", "lazy_refcounts=on"])
def test_a_mark_comes_and_goes_and_qemu_keeps_it(
    tmp_path: Path, backing: bool, options: str
) -> None:
    path = tmp_path / "disk.qcow2"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", *(["-o", options] if options else [])]
    if backing:
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "raw", tmp_path / "below", "9M"], check=True
        )
        command += ["-b", "below", "-F", "raw"]
    subprocess.run([*command, str(path), *([] if backing else ["9M"])], check=True)
    unmarked = path.read_bytes()
    before = formats.read_header(path)
    room = mark.put(path, "a" * 32, Path("/journal"))
    assert room or options == "cluster_size=512"
    if not room:
        assert path.read_bytes() == unmarked
        return
    header = formats.read_header(path)
    assert header.mark is not None
    assert (header.mark.ident, header.mark.journal) == ("a" * 32, Path("/journal"))
    assert header.backing == before.backing
    subprocess.run(
        ["qemu-io", "-c", "write -P 7 1M 3M", str(path)], check=True, capture_output=True
    )
    subprocess.run(["qemu-img", "resize", "-q", str(path), "19M"], check=True)
    assert formats.read_header(path).mark == header.mark
    mark.take_away(path)
    assert formats.read_header(path).mark is None
    assert formats.read_header(path).backing == before.backing
    subprocess.run(["qemu-img", "check", "-q", str(path)], check=True)
    mark.take_away(path)


def test_a_merge_leaves_no_mark(tmp_path: Path) -> None:
    for kind in KINDS[:2]:
        path = make_image(tmp_path / kind.name, kind)
        with Image.open(path) as image, Transaction.begin(image) as transaction:
            write(image, transaction, some_writes())
            transaction.commit()
        assert b"reseal-1" not in path.read_bytes()[: 1 << 16]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_a_file_that_is_published_in_its_place_is_never_written(
    tmp_path: Path, kind: Kind, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Builds publish images with mv all the time."""
    path = make_image(tmp_path / "images", kind)
    other = make_image(tmp_path / "other", kind, seed=5)
    published = other.read_bytes()

    def publish(argv: list[str], **options: Any) -> str:
        if moment == "before":
            other.replace(path)
        result = run_tool(argv, **options)
        if moment == "after":
            other.replace(path)
        return result

    monkeypatch.setattr("reseal.disk.merge.run_tool", publish)
    with Image.open(path) as image, Transaction.begin(image) as transaction:
        write(image, transaction, some_writes())
        with pytest.raises(DiskError, match="another program replaced"):
            transaction.commit()
    assert path.read_bytes() == published
    assert [name for name in files(path.parent) if "reseal" in name] == []


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_a_file_that_was_published_during_the_run_is_not_written(
    tmp_path: Path, kind: Kind
) -> None:
    path = make_image(tmp_path / "images", kind)
    other = make_image(tmp_path / "other", kind, seed=5)
    published = other.read_bytes()
    with Image.open(path) as image, Transaction.begin(image) as transaction:
        write(image, transaction, some_writes())
        other.replace(path)
        with pytest.raises(ImageError, match="was replaced by another program"):
            transaction.commit()
    assert path.read_bytes() == published
    assert [name for name in files(path.parent) if "reseal" in name] == []


def test_an_extent_that_was_replaced_is_not_written(tmp_path: Path) -> None:
    path = make_image(tmp_path / "images", KINDS[9])
    extent = path.with_name("machine-flat.vmdk")
    assert extent.exists()
    with Image.open(path) as image, Transaction.begin(image) as transaction:
        write(image, transaction, some_writes())
        shutil.copy(extent, tmp_path / "new")
        (tmp_path / "new").replace(extent)
        published = extent.read_bytes()
        with pytest.raises(ImageError, match="was replaced by another program"):
            transaction.commit()
    assert extent.read_bytes() == published


GOOD = {"version": 1, "format": "qcow2", "size": 1, "file_size": 1, "modified": 1, "samples": []}


@pytest.mark.parametrize(
    "journal",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xff",
        b"[" * 100_000,
        b'{"version": 2}',
        json.dumps(GOOD | {"version": 2}).encode(),
        json.dumps(GOOD | {"format": 1}).encode(),
        json.dumps(GOOD | {"size": "1"}).encode(),
        json.dumps(GOOD | {"samples": [1]}).encode(),
        json.dumps(GOOD | {"samples": [[-1, "", ""]]}).encode(),
        json.dumps(GOOD | {"more": 1}).encode(),
    ],
)
def test_hostile_journals(tmp_path: Path, journal: bytes) -> None:
    path = make_image(tmp_path, QCOW2)
    journal_path(path).write_bytes(journal)
    before = files(tmp_path)
    with pytest.raises(ImageError, match="earlier run was interrupted"):
        Image.open(path)
    with pytest.raises(ImageError, match="is damaged, so"):
        resume(path)
    assert files(tmp_path) == before


def test_a_journal_that_is_no_file(tmp_path: Path) -> None:
    path = make_image(tmp_path, QCOW2)
    journal_path(path).symlink_to("/etc/passwd")
    with pytest.raises(ImageError, match="can't be read"):
        resume(path)
    journal_path(path).unlink()
    os.mkfifo(journal_path(path))
    with pytest.raises(ImageError, match="is damaged"):
        resume(path)


@pytest.mark.parametrize("what", ["gone", "link", "junk", "size", "data file", "truncated"])
def test_hostile_overlays(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_image(tmp_path, QCOW2)
    interrupt(path, monkeypatch, fail)
    overlay = overlay_path(path)
    kept = overlay.read_bytes()
    overlay.unlink()
    if what == "link":
        (tmp_path / "elsewhere").write_bytes(kept)
        overlay.symlink_to(tmp_path / "elsewhere")
    elif what == "junk":
        overlay.write_bytes(b"x" * 1000)
    elif what == "size":
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(overlay), "9M"], check=True)
    elif what == "data file":
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-o", f"data_file={tmp_path}/data"]
        with Image.open(make_image(tmp_path / "other", QCOW2)) as other:
            subprocess.run([*command, str(overlay), str(other.size)], check=True)
    elif what == "truncated":
        overlay.write_bytes(kept[: len(kept) // 2])
    before = path.read_bytes()
    with pytest.raises(ImageError):
        resume(path)
    assert path.read_bytes() == before
    assert journal_path(path).exists()


def test_a_resume_with_an_overlay_that_names_another_backing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the overlay's header names is never opened, since QEMU is told what is below it."""
    path = make_image(tmp_path, QCOW2)
    before = content(path)
    interrupt(path, monkeypatch, fail)
    overlay = overlay_path(path)
    command = ["qemu-img", "rebase", "-u", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw"]
    subprocess.run([*command, str(overlay)], check=True)
    resume(path)
    assert content(path) == changed(before, some_writes())


# Kills


def start(verb: str, path: Path, mark: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.disk.one_run", verb, str(path)],
        env=os.environ | {"RESEAL_TEST_MARK": mark, "PYTHONPATH": f"{ROOT}/src:{ROOT}"},
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"go\n"
    return process


def alive(mark: str) -> Iterator[int]:
    """Yield the processes that carry a mark in their environment, as every child inherits it."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark.encode() in (entry / "environ").read_bytes():
                    yield int(entry.name)
            except OSError:
                continue


def kill(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill a process alone, and require that no child survives it."""
    with process:
        process.kill()
    patience = time.monotonic() + 20
    while list(alive(mark)):
        assert time.monotonic() < patience, "a child has survived"
        time.sleep(0.005)


def outcome(path: Path, kept: dict[str, bytes], before: bytes, after: bytes) -> str:
    """Judge what a killed run has left: the image as it was, or one that can be completed."""
    if journal_path(path).exists():
        with pytest.raises(ImageError, match="earlier run was interrupted"):
            Image.open(path)
        resume(path)
        check(path)
        assert content(path) == after
        return "resumed"
    if all((path.parent / name).read_bytes() == data for name, data in kept.items()):
        assert content(path) == before
        return "untouched"
    check(path)
    assert content(path) == after
    return "done"


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_a_run_that_is_killed_at_any_moment(tmp_path: Path, kind: Kind) -> None:
    path = make_image(tmp_path / "images", kind)
    kept, before = files(path.parent), content(path)
    after = changed(before, some_writes(pieces=60))
    numbers = random.Random(kind.name)
    seen = []
    for number in range(max(2, KILLS // 3)):
        restore(path.parent, kept)
        mark = uuid.uuid4().hex
        process = start("run", path, mark)
        if number % 2:
            # As soon as the merge begins, and a little into it.
            while not journal_path(path).exists() and process.poll() is None:
                time.sleep(0.0005)
            time.sleep(numbers.uniform(0, 0.03))
        else:
            time.sleep(numbers.uniform(0, 0.25))
        kill(process, mark)
        seen.append(outcome(path, kept, before, after))
    assert set(seen) <= {"untouched", "resumed", "done"}


def test_a_resume_that_is_killed_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in FORMATS:
        path = make_image(tmp_path / kind.name, kind)
        before = content(path)
        interrupt(path, monkeypatch, fail)
        numbers = random.Random(kind.name)
        for _ in range(max(1, KILLS // 6)):
            if not journal_path(path).exists():
                break
            mark = uuid.uuid4().hex
            process = start("resume", path, mark)
            time.sleep(numbers.uniform(0.01, 0.1))
            kill(process, mark)
        if journal_path(path).exists():
            resume(path)
        assert content(path) == changed(before, some_writes())
        check(path)


def test_the_journal_names_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_image(tmp_path, QCOW2)
    interrupt(path, monkeypatch, fail)
    fields = json.loads(journal_path(path).read_text())
    assert set(fields) == {
        *("version", "id", "format", "size", "file_size", "device", "inode", "samples"),
        "delete_snapshots",
    }
    assert fields["delete_snapshots"] is False
    assert len(fields["samples"]) > 10
