"""`fleet.json`: every machine of a folder, its identity and its state.

It is written with all planned identities before the first machine is made, so that an interrupted run
continues with the same identities. Every later run into the folder reads it, so that no two machines ever
share one. It is replaced as a whole, and only its owner can read it.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from reseal.answerfile.rules.identity import computer_name_problem
from reseal.disk.sidecar import sync_folder
from reseal.errors import ImageError

NAME = "fleet.json"
SCHEMA = "fleet-1"
_MAX_SIZE = 1 << 30

PLANNED, MADE, FAILED = "planned", "made", "failed"


@dataclass(slots=True)
class FleetEntry:
    """One machine.

    Attributes:
        name: its computer name.
        state: `planned`, `made` or `failed`.
        path: its image, relative to the folder.
        format: the format of the image.
        thin: whether it is an overlay over the golden image.
        golden: the path of the golden image, relative to the folder.
        row: identifies its row of the table in a later run.
        identity: `computer_name`, `machine_sid` (None if Windows generates it), `sid_when` (`now`, `next
            boot` or None), `machine_guid`, `mac`, `addresses` and `domain`.
        size: bytes of its file.
        sha256: the file's checksum at the time it was made.
        time: when it was made, ISO 8601 in UTC.
        seconds: how long that took.
        left: files in which the golden image's SID stays, if it was replaced at once.
        error: why it could not be made.
    """

    name: str
    state: str
    path: str
    format: str
    thin: bool
    golden: str
    row: str
    identity: dict[str, Any] = field(default_factory=dict)
    size: int | None = None
    sha256: str | None = None
    time: str | None = None
    seconds: float | None = None
    left: list[str] = field(default_factory=list)
    error: str | None = None


@dataclass(slots=True)
class FleetRecord:
    """The content of a fleet.json.

    Attributes:
        path: the file.
        seed: the seed of the identities.
        machines: all machines ever planned for the folder, by name in upper case.
        golden: the golden image's `path`, `size` and `digest` when it was used last.
        sampled: the comparison of one clone with one made by `specialize`: its `name` and the
            `differences`.
    """

    path: Path
    seed: str
    machines: dict[str, FleetEntry] = field(default_factory=dict)
    sampled: dict[str, Any] | None = None
    golden: dict[str, Any] | None = None

    @classmethod
    def read(cls, folder: Path) -> FleetRecord | None:
        """Read the record of a folder; return None if there is none.

        Raises:
            ImageError: it is damaged.
        """
        path = folder / NAME
        try:
            number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(number, "rb") as file:
                if not stat.S_ISREG(os.fstat(number).st_mode):
                    raise ValueError
                data = json.loads(file.read(_MAX_SIZE))
            if data["schema"] != SCHEMA:
                raise ValueError
            known = {one.name for one in fields(FleetEntry)}
            entries = [
                FleetEntry(**{name: one[name] for name in known if name in one})
                for one in data["machines"]
            ]
            for one in entries:
                # Names become file names.
                if not isinstance(one.identity, dict) or computer_name_problem(one.name):
                    raise TypeError
            return cls(
                path,
                str(data["seed"]),
                {str(one.name).upper(): one for one in entries},
                data.get("sampled"),
                data.get("golden"),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ImageError(
                f"{path} can't be read, so the machines of the folder are not known.",
                "Restore it from a copy, or choose another folder.",
            ) from error

    def write(self) -> None:
        """Replace the file atomically, on stable storage."""
        draft = self.path.with_name(f".{NAME}.new")
        draft.unlink(missing_ok=True)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            head = {
                "schema": SCHEMA,
                "seed": self.seed,
                "golden": self.golden,
                "sampled": self.sampled,
            }
            # One line for each machine, so that diff and grep work on such files.
            file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "machines": [\n')
            rows = (json.dumps(asdict(one), ensure_ascii=False) for one in self.machines.values())
            file.write(",\n".join(rows) + "\n]}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        sync_folder(self.path.parent)
