"""A fleet from a golden image: planned as a whole, made in parallel, continued after an interruption."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

from reseal.clone import fleet as fleets
from reseal.clone import sampled
from reseal.clone.adopt import adopt
from reseal.clone.golden import Golden
from reseal.clone.plan import FORMATS, ClonePlan, FleetMachine
from reseal.clone.planner import Planner
from reseal.clone.pool import Answer, Pool, plain
from reseal.clone.record import FAILED, MADE, NAME, FleetEntry, FleetRecord
from reseal.clone.table import load, table_of
from reseal.disk import Image
from reseal.disk import golden as golden_mark
from reseal.disk.block import size_of
from reseal.disk.iso import is_iso
from reseal.disk.locks import Lock
from reseal.errors import ImageError, ResealError, UsageError, os_errors
from reseal.operations.rehearsing import rehearsing
from reseal.specialize import SidChoice

Report = Callable[[dict[str, Any]], None]


#: Machines as the Python API accepts them: a file, or rows of a table.
Machines: TypeAlias = "Path | Sequence[Mapping[str, object]]"
#: Seconds between two writes of the record; every write replaces the whole file.
_RECORD_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class CloneOptions:
    """How to make a fleet.

    Attributes:
        unattend: the answer file of all machines that do not name one.
        format: the format of the clones: `qcow2`, `vhdx` or `raw`.
        thin: whether a clone is a qcow2 overlay over the golden image.
        jobs: the number of workers; None for one per core.
        seed: the seed of the identities; None for the folder's own, or a new random one.
        sid: for machines whose row names no SID: `new`, or `pending` if Windows generates it.
        now: whether SIDs and settings are changed in the clones at once.
        all_volumes: whether that reaches volumes without a profile of this Windows, too.
        volume: the Windows, in the form of `--volume`.
        allow_backing: whether the golden image may have backing files outside its folder.
        dask: the address of a Dask scheduler that distributes the work; None for this machine alone.
        sample: whether to compare one clone with one made by `specialize`.
        drivers: a folder whose driver packages every machine gets; None for none.
        template_style: how answer files write variables; None to find out.
        machine: the machine on which the golden image's boot is rehearsed; None for any.
        require_rehearsal: whether the fleet is refused if that boot would stop.
        no_rehearsal: whether it is not rehearsed.
    """

    unattend: Path | None = None
    format: str = "qcow2"
    thin: bool = True
    jobs: int | None = None
    seed: str | None = None
    sid: SidChoice = SidChoice.NEW
    now: bool = False
    all_volumes: bool = False
    volume: str | None = None
    allow_backing: bool = False
    dask: str | None = None
    sample: bool = True
    drivers: Path | None = None
    template_style: str | None = None
    machine: str | None = None
    require_rehearsal: bool = False
    no_rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class CloneResult:
    """The result for one machine.

    Attributes:
        entry: its line of fleet.json.
        fresh: whether this run made it, or it already existed.
        made: the worker's measurements: `clusters`, `memory`, `outcome`; empty if it failed.
        error: `message`, `hint` and `exit_code` if it failed.
    """

    entry: FleetEntry
    fresh: bool
    made: dict[str, Any]
    error: dict[str, Any] | None


def clone(
    golden: Path,
    machines: Machines,
    output_dir: Path,
    options: CloneOptions = CloneOptions(),
    on_message: Report = lambda _: None,
) -> Generator[CloneResult, None, None]:
    """Make the machines of a fleet; yield each when it is done.

    Everything is checked when the first is requested, and nothing is written before that.

    Args:
        golden: the image that all are made from.
        machines: a table (.csv, .json, .toml), or its rows as mappings.
        output_dir: the folder for the clones; it is created if it is missing.
        options: how to make them.
        on_message: receives `{"warning": …}`, `{"rehearsal": record}`, `{"planned": count}` and
            `{"started": name}`.

    Raises:
        ResealError: the fleet or the golden image is unfit; nothing was written.
    """
    if options.format not in FORMATS or (options.thin and options.format != "qcow2"):
        msg = f"Clones can't be made as {'thin ' if options.thin else ''}{options.format} images."
        raise UsageError(msg, f"Full images are {', '.join(FORMATS)}; thin ones are qcow2.")
    if options.drivers and not options.drivers.is_dir() and not is_iso(options.drivers):
        msg = f"{options.drivers} is neither a folder nor an ISO image. Nothing was written."
        raise UsageError(msg, "Name the folder of the driver packages.")
    table = load(machines) if isinstance(machines, Path) else table_of(machines)
    rehearse = rehearsing(
        machine=options.machine, required=options.require_rehearsal, off=options.no_rehearsal
    )
    found = Golden.look(
        golden,
        volume=options.volume,
        allow_backing=options.allow_backing,
        rehearse=rehearse,
    )
    fleet = fleets.check(table, found, options.unattend, options.template_style)
    with ExitStack() as stack:
        image = Image.open(found.path, allow_backing=options.allow_backing)
        stack.callback(image.close)
        folder = _folder(output_dir)
        lock = Lock(folder)
        stack.callback(lock.close)
        lock.exclude()
        _clear(folder)
        record = FleetRecord.read(folder)
        if record is None:
            record = FleetRecord(folder / "fleet.json", options.seed or os.urandom(16).hex())
        elif options.seed not in {None, record.seed}:
            msg = f"{record.path} was made with another seed."
            raise UsageError(msg, "Omit --seed, or choose another folder.")
        plan = ClonePlan(
            golden=str(found.path),
            output_dir=str(folder),
            format=options.format,
            thin=options.thin,
            volume=options.volume,
            allow_backing=options.allow_backing,
            now=options.now,
            all_volumes=options.all_volumes,
            templates=fleet.templates,
            drivers=str(options.drivers.resolve()) if options.drivers else None,
            languages=sorted(found.target.languages or ()),
        )
        work = Planner(fleet, found, plan, record, options.sid).plan()
        if found.rehearsal:
            on_message({"rehearsal": found.rehearsal})
        for warning in (*found.warnings, *fleet.warnings):
            on_message({"warning": warning})
        on_message({"planned": len(work)})
        yield from _Run(plan, record, work, options, on_message).run(found)


def _clear(folder: Path) -> None:
    """Delete what a killed run left in a folder; the folder is locked."""
    for pattern in (".reseal-*", ".*.reseal-partial", ".*.reseal-overlay", f".{NAME}.new"):
        for one in folder.glob(pattern):
            if (
                one.name.endswith(".reseal-overlay")
                and one.with_name(one.name.replace(".reseal-overlay", ".reseal-journal")).exists()
            ):
                continue  # of an image that is to be resumed
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one, ignore_errors=True)
            else:
                one.unlink(missing_ok=True)


def _not_compared(name: str, error: ResealError | OSError) -> ImageError:
    # The cause of an error of this computer, without what it says of the golden image.
    host = next((one for one in (error, error.__cause__) if getattr(one, "strerror", None)), None)
    why = getattr(host, "strerror", None) or error
    return ImageError(
        f"All machines are made, but {name} could not be compared with one made by `reseal specialize`"
        f" ({why}).",
        "Run the command again, or leave it: the comparison changes no machine.",
    )


def _folder(output_dir: Path) -> Path:
    with os_errors(f"{output_dir} can't be created", hint="Name a writable folder."):
        output_dir.mkdir(parents=True, exist_ok=True)
    if not os.access(output_dir, os.W_OK | os.X_OK):
        msg = f"{output_dir} can't be written."
        raise UsageError(msg, "Name a writable folder.")
    return output_dir.resolve()


class _Run:
    def __init__(
        self,
        plan: ClonePlan,
        record: FleetRecord,
        work: list[tuple[FleetMachine, FleetEntry]],
        options: CloneOptions,
        on_message: Report,
    ) -> None:
        self._plan = plan
        self._record = record
        self._work = work
        self._options = options
        self._on_message = on_message
        self._written = 0.0
        self._fingerprint: list[object] = []
        self._guids = {
            str(guid): one.name
            for one in record.machines.values()
            if one.state == MADE and (guid := one.identity.get("machine_guid"))
        }

    def run(self, golden: Golden) -> Iterator[CloneResult]:
        """Make the machines that do not exist yet."""
        folder = Path(self._plan.output_dir)
        if self._plan.thin:
            golden_mark.mark(golden.path, folder)
        self._know_golden(golden)
        self._record.write()
        waiting: list[tuple[FleetMachine, FleetEntry]] = []
        for machine, entry in self._work:
            there = self._there(machine, entry)
            if there is None:
                waiting.append((machine, entry))
            else:
                yield there
        entries = {machine.name: entry for machine, entry in waiting}
        fresh: list[FleetMachine] = []
        try:
            for machine, said in self._answers([machine for machine, _ in waiting]):
                entry = entries[machine.name]
                if golden.fingerprint != self._fingerprint:
                    self._plan.output(entry.name).unlink(missing_ok=True)
                    error = _golden_changed(golden.path, "during the run")
                    self._failed(entry, plain(error))
                    raise error
                result = self._take(said, entry)
                if result.error is None:
                    fresh.append(machine)
                yield result
        finally:
            self._record.write()
        if fresh and self._options.sample:
            self._compare(random.Random(self._record.seed).choice(fresh))  # noqa: S311  no secret

    def _know_golden(self, golden: Golden) -> None:
        """Record the golden image's present state; refuse one that would break existing thin clones."""
        self._fingerprint = golden.fingerprint
        with Image.open(golden.path, allow_backing=self._options.allow_backing) as image:
            digest = golden_mark.digest(image.link.all_files())
        now = {"path": str(golden.path), "size": size_of(golden.path), "digest": digest}
        before = self._record.golden
        thin = any(one.thin and one.state == MADE for one in self._record.machines.values())
        if thin and before and before.get("path") == now["path"] and before != now:
            raise _golden_changed(golden.path, "since thin clones in this folder were made of it")
        self._record.golden = now

    def _answers(self, machines: list[FleetMachine]) -> Iterator[Answer]:
        if not machines:
            return

        def started(machine: FleetMachine) -> None:
            self._on_message({"started": machine.name})

        if self._options.dask:
            from reseal.clone.cluster import Cluster  # noqa: PLC0415  an optional extra

            with Cluster(self._plan, self._options.dask) as cluster:
                yield from cluster.run(machines, started)
        else:
            jobs = self._options.jobs or os.cpu_count() or 1
            with Pool(self._plan, jobs) as pool:
                yield from pool.run(machines, started)

    def _there(self, machine: FleetMachine, entry: FleetEntry) -> CloneResult | None:
        """Return the result of a machine that need not be made; None if it has to be made."""
        output = self._plan.output(entry.name)
        if not os.path.lexists(output):
            return None
        if entry.state == MADE:
            return CloneResult(entry, fresh=False, made={}, error=None)
        # The run that made it ended before it could record it.
        try:
            found = adopt(output, machine, self._plan)
        except ResealError as error:
            return self._failed(entry, plain(error))
        self._know(entry, found["outcome"])
        self._succeed(entry, found)
        return CloneResult(entry, fresh=False, made={}, error=None)

    def _take(self, said: dict[str, Any], entry: FleetEntry) -> CloneResult:
        if (made := said.get("made")) is None:
            return self._failed(entry, said.get("error") or {"message": "unknown", "exit_code": 1})
        outcome = made["outcome"]
        guid = outcome["machine_guid"]
        other = self._guids.setdefault(guid, entry.name) if guid else entry.name
        if other != entry.name:
            self._plan.output(entry.name).unlink(missing_ok=True)
            return self._failed(
                entry, {"message": f"its MachineGuid is that of {other}.", "exit_code": 1}
            )
        self._know(entry, outcome)
        self._succeed(entry, made)
        return CloneResult(entry, fresh=True, made=made, error=None)

    @staticmethod
    def _know(entry: FleetEntry, outcome: dict[str, Any]) -> None:
        for name in ("computer_name", "machine_sid", "sid_when", "machine_guid"):
            entry.identity[name] = outcome[name]
        entry.left = outcome["left"]

    def _succeed(self, entry: FleetEntry, made: dict[str, Any]) -> None:
        entry.state, entry.error = MADE, None
        entry.size, entry.sha256 = made["size"], made["sha256"]
        entry.seconds = round(made["seconds"], 4)
        entry.time = datetime.now(UTC).isoformat(timespec="seconds")
        self._save()

    def _failed(self, entry: FleetEntry, error: dict[str, Any]) -> CloneResult:
        entry.state, entry.error = FAILED, error["message"]
        self._save()
        return CloneResult(entry, fresh=True, made={}, error=error)

    def _save(self) -> None:
        if monotonic() - self._written > _RECORD_EVERY:
            self._record.write()
            self._written = monotonic()

    def _compare(self, machine: FleetMachine) -> None:
        self._on_message({"comparing": machine.name})
        try:
            differences = sampled.differences(machine, self._plan)
        except (ResealError, OSError) as error:
            raise _not_compared(machine.name, error) from error
        self._record.sampled = {"name": machine.name, "differences": differences}
        self._record.write()
        if differences:
            msg = (
                f"The clone {machine.name} differs from the one that `reseal specialize` makes: "
                f"{'; '.join(differences[:3])}."
            )
            raise ImageError(msg, "Don't use the clones, and please report this.")


def _golden_changed(golden: Path, when: str) -> ImageError:
    return ImageError(
        f"the golden image {golden} was changed {when}, so clones of it can't be trusted.",
        "Restore the golden image from a copy, or make all clones again in another folder.",
    )
