"""Save what runs report and write, to compare the results before and after a change of the code.

`python -m bench.same FOLDER` runs verify, `verify --deep`, check, generalize and `sid --set` on the images of
`bench.images`, with fixed random bytes and a fixed time, and saves the JSON and a hash of each hive, of the
descriptors and of the list of files. Run it before and after, and compare the folders with `diff -r`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import images
from reseal.cli.commands import reseal
from reseal.disk import Image, Slice, connect
from reseal.disk.partitions import volumes
from reseal.ntfs import Volume, secure
from reseal.regf import hive
from reseal.session import Session
from reseal.tree import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NEW_SID = "S-1-5-21-1290304894-758537038-605560459"
RUNS: dict[str, list[str]] = {
    "verify": ["verify"],
    "verify deep": ["verify", "--deep"],
    "check": ["check"],
    "generalize": ["generalize"],
    "sid": ["sid", "--sid", NEW_SID, "--yes"],
    "generalize sid both": ["generalize", "--sid", "both"],
}
#: What a run measures of itself.
_OF_THE_RUN = {
    "timings",
    "seconds",
    "time",
    "started",
    "finished",
    "bytes_read",
    "duration",
    "size",
}
_SEED = "the same for all"


def save(folder: Path, image: Path, chosen: set[str]) -> None:
    """Run each command on a fresh overlay of an image; write a JSON file for each."""
    fix_chance()
    for name, command in RUNS.items():
        if chosen and name not in chosen:
            continue
        with images.overlay(image) as over:
            code, report = _run([command[0], str(over), *command[1:], "--json"])
            result = {"code": code, "report": _plain(report, str(over)), "image": contents(over)}
        target = folder / f"{image.stem} {name}.json"
        target.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", "utf-8")
        print(target.name, code, flush=True)


def fix_chance() -> None:
    """Give sessions of this process and its workers fixed random bytes and a fixed time."""
    defaults = Session.__init__.__kwdefaults__
    assert defaults is not None
    defaults["random"] = _chance()
    defaults["now"] = lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    hive._now = lambda: 134_000_000_000_000_000


def _chance() -> Callable[[int], bytes]:
    count = 0

    def draw(size: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"{_SEED} {count}".encode()).digest(size)

    return draw


def _run(arguments: list[str]) -> tuple[int, Any]:
    out = io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out):
        try:
            reseal(arguments, prog_name="reseal")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    text = out.getvalue()
    return code, json.loads(text) if text.strip() else None


def _plain(report: Any, place: str) -> Any:
    """Remove what differs from run to run."""
    if isinstance(report, dict):
        return {
            name: _plain(value, place) for name, value in report.items() if name not in _OF_THE_RUN
        }
    if isinstance(report, list):
        return [_plain(one, place) for one in report]
    return report.replace(place, "IMAGE") if isinstance(report, str) else report


def contents(image: Path) -> dict[str, str]:
    """Return hashes of the hives, descriptors and names in an image."""
    with Image.open(image) as opened, opened.serve(None) as socket:
        device = connect(socket, read_only=True)
        place = volumes(device)[0]
        part = Slice(device, place.offset, place.size)
        with Volume.open(part, read_only=True, name=str(image)) as volume:
            found = dict(_hashes(volume))
        device.close()
    return found


def _hashes(volume: Volume) -> Iterator[tuple[str, str]]:
    names = hashlib.sha256()
    for path, entry in walk(volume, ""):
        names.update(f"{path} {entry.size} {entry.attributes}\n".encode("utf-8", "surrogatepass"))
        if not entry.is_directory and entry.size >= 4096 and "Data\\" not in path:
            data = volume.read(path)
            if data[:4] == b"regf" or path.lower().endswith((".xml", ".ini", ".log", ".srd")):
                yield path, hashlib.sha256(data).hexdigest()
    yield "names", names.hexdigest()
    descriptors = hashlib.sha256()
    for number, one in sorted(secure.descriptors(volume.device, "volume").items()):
        descriptors.update(f"{number} {one.hex()}\n".encode())
    yield "descriptors", descriptors.hexdigest()


def run() -> None:
    """Save the results for the images, or the runs, that the arguments name."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    chosen = set(sys.argv[2:])
    for name, image in (("real", images.real), ("big", images.big)):
        if name in chosen or not chosen & {"real", "big"}:
            save(folder, image(), chosen - {"real", "big"})


if __name__ == "__main__":
    run()
