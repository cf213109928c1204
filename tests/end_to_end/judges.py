"""Other people's tools, asked about an image that was worked on."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import command
from tests.oracles import ORACLES, Tree, hivex

RESEAL, reseal = command.RESEAL, command.reseal
_LARGE = 1 << 20
HIVES = {
    name: rf"Windows\System32\config\{name}"
    for name in ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT")
}


def generalize(image: Path, *arguments: str | Path) -> dict[str, Any]:
    """Generalize an image and return the record of the run."""
    done = reseal("generalize", image, "--json", "--quiet", *arguments)
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    return record


@dataclass(frozen=True)
class Volume:
    """The NTFS volume of an image, taken out with qemu-img and sfdisk."""

    path: Path

    @classmethod
    def of(cls, image: Path, folder: Path) -> Volume:
        """Take the volume out of an image into `folder`."""
        disk = folder / "disk.raw"
        formats = {".vhd": "vpc", ".raw": "raw"}
        source = formats.get(image.suffix, image.suffix[1:])
        _run("qemu-img", "convert", "-f", source, "-O", "raw", image, disk)
        with disk.open("rb") as file:
            if file.read(7)[3:] == b"NTFS":
                return cls(disk)
        table = json.loads(_run("sfdisk", "--json", disk))["partitiontable"]
        # That of Windows is the largest in every sample.
        partition = max(table["partitions"], key=lambda one: one["size"])
        volume = folder / "volume.raw"
        _run("dd", f"if={disk}", f"of={volume}", "bs=64K", "iflag=skip_bytes,count_bytes",
             f"skip={partition['start'] * 512}", f"count={partition['size'] * 512}",
             "conv=sparse")  # fmt: skip
        disk.unlink()
        return cls(volume)

    def read(self, path: str) -> bytes:
        """A file's content, as ntfscat reads it."""
        shown = path.replace("\\", "/")
        done = subprocess.run(["ntfscat", self.path, shown], check=True, capture_output=True)
        return done.stdout

    def is_clean(self) -> bool:
        """Whether ntfssecaudit and ntfsfix find nothing."""
        audit = subprocess.run(
            ["ntfssecaudit", "-a", self.path], check=False, capture_output=True, text=True
        )
        fixed = subprocess.run(
            ["ntfsfix", "-n", self.path], check=False, capture_output=True, text=True
        )
        assert audit.returncode == 0, audit.stdout + audit.stderr
        assert "No errors were found" in audit.stdout or "0 errors" in audit.stdout, audit.stdout
        assert fixed.returncode == 0, fixed.stdout + fixed.stderr
        return True


def agreed(data: bytes) -> Tree:
    """What all readers of hives say of one, which is the same."""
    walks = {name: read(data) for name, read in ORACLES.items()}
    first, *others = walks
    for other in others:
        assert walks[first] == walks[other], f"{first} and {other} disagree"
    return walks[first]


def seen(data: bytes) -> Tree:
    """What readers say of a hive: all of them, or only hivex, the strictest, of a large one.

    All need 8 seconds for a real SYSTEM. `agreed` has one judged by all in every run, and
    `make judges` those of every machine.
    """
    return agreed(data) if len(data) < _LARGE else hivex(data)


def unexplained(before: Tree, after: Tree, changes: list[dict[str, Any]], hive: str) -> set[str]:
    """Keys and values that differ although no change names them."""
    prefix = rf"HKU\{hive}" if hive.startswith("S-1-") else rf"HKLM\{hive}"
    if hive == "DEFAULT":
        prefix = r"HKU\.DEFAULT"
    named, trees = set(), []
    for change in changes:
        target = change["target"]
        if not target.upper().startswith(prefix.upper() + "\\"):
            continue
        key, _, value = target[len(prefix) + 1 :].partition("\\\\")
        if change["kind"] == "delete_key":
            trees.append(key.lower())
        else:
            named.add((key.lower(), value.lower()))
    found = set()
    for path in {*before, *after}:
        key = path.lower()
        if any(key == tree or key.startswith(tree + "\\") for tree in trees):
            continue
        old, new = before.get(path, {}), after.get(path, {})
        if (path in before) != (path in after) and not any(
            one == key or one.startswith(key + "\\") for one, _ in named
        ):
            found.add(path)
        found |= {
            rf"{path}\\{name}"
            for name in {*old, *new}
            if old.get(name) != new.get(name) and (key, name.lower()) not in named
        }
    return found


def _run(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    return done.stdout
