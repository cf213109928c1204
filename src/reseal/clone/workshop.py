"""A golden image opened once, from which any number of clones are made.

The golden image is mounted and its hives are parsed and replayed once; then every clone is made in a fork of
that process. The fork stages the changes of `reseal specialize` and writes them through libntfs-3g, into
memory instead of an overlay; the differences from the golden image are the clone. So there is only one way
to make a machine, whatever its row of the table contains, and no data of one machine can reach the next.

The alternative would be to write prepared clusters with fields of fixed length. It is faster, but it can't
handle answer files of another length, descriptors that have to be sorted again or renamed key files, and it
would be a second way to make a machine. The fork was fast enough: on two idle cores 41 ms per clone and
worker, of which the fork itself takes 4, staging and writing 25 and reading back 9, against 8 ms of
`qemu-img create -b` (`bench/clone.py`).

A fork mounts the volume again, in memory, in two cases: to read back what it has written, and when the SID
is replaced at once, since `$Secure` is then patched below the file system.
"""

from __future__ import annotations

import gc
import hashlib
import os
import resource
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from reseal.clone import answers
from reseal.clone.adopt import adopt, digest
from reseal.clone.plan import ClonePlan, FleetMachine
from reseal.disk import connect
from reseal.disk.formats import read_header
from reseal.disk.output import NewImage, name_below, publish
from reseal.disk.overlay import qemu_format
from reseal.disk.sidecar import partial_path
from reseal.disk.thin import Changes, write_overlay
from reseal.errors import ImageError, ResealError, UsageError
from reseal.ntfs import Volume
from reseal.run import RunOptions
from reseal.run.disk import Disk, OpenedDisk, with_others, write_volume
from reseal.run.opening import Found, choose
from reseal.run.work import session_of, written
from reseal.sandbox import Limits
from reseal.session import Session
from reseal.session.aftermath import settle
from reseal.specialize import SidChoice, Specialization, Wish
from reseal.specialize.wish import RANDOM
from reseal.windows import Installation, Sid
from reseal.windows.names import MACHINE_HIVES
from reseal.windows.volumes import Volumes
from reseal.worker import run_worker

#: Blocks of the golden image kept in memory, as large as the requests of the volume's cache.
_BLOCK = 256 << 10
_BLOCKS = 128


def stream(key: str) -> Callable[[int], bytes]:
    """Return a source of random bytes that gives the same bytes for the same key."""
    count = 0

    def draw(size: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"{key}\0{count}".encode()).digest(size)

    return draw


class _Below:
    """The golden image's disk for a process and its forks: each has its own connection.

    Small reads stay in memory, so that a fork finds what was read before it began.
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._connect()
        self.size = self._device.size
        self.read_only = True
        self._blocks: dict[int, bytes] = {}

    def _connect(self) -> None:
        self._device = connect(self._socket, read_only=True)
        self._process = os.getpid()

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes from `offset`."""
        first, last = offset // _BLOCK, (offset + size - 1) // _BLOCK
        if size > _BLOCK:
            return self._read(offset, size)
        data = b"".join(self._block(number) for number in range(first, last + 1))
        start = offset - first * _BLOCK
        return data[start : start + size]

    def _block(self, number: int) -> bytes:
        found = self._blocks.get(number)
        if found is None:
            start = number * _BLOCK
            found = self._read(start, min(_BLOCK, self.size - start))
            if len(self._blocks) < _BLOCKS:
                self._blocks[number] = found
        return found

    def _read(self, offset: int, size: int) -> bytes:
        if os.getpid() != self._process:
            self._connect()
        return self._device.read(offset, size)

    def write(self, offset: int, data: bytes) -> None:
        """Never called: writes stay in `Changes`."""
        raise AssertionError((offset, len(data)))

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Disconnect the process that connected first."""
        if os.getpid() == self._process:
            self._device.close()


class Workshop:
    """A golden image that is open for cloning. A context; one process, one thread."""

    def __init__(self, plan: ClonePlan) -> None:
        self._plan = plan
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _open(self) -> None:
        path = Path(self._plan.golden)
        self.subject = str(path)
        reading = RunOptions(dry_run=True, allow_backing=self._plan.allow_backing)
        disk = self._stack.enter_context(Disk(path, reading))
        self._image = disk.image
        below = _Below(disk.socket)
        self._stack.callback(below.close)
        self._changes = Changes(below)
        self._opened = OpenedDisk(self._changes, self.subject)
        with self._opened.installations() as found:
            chosen = choose(found, self._plan.volume, self.subject)
        assert chosen.place is not None
        self._part = self._opened.part(chosen.place)
        self._volume = Volume.open(self._part, read_only=False, name=self.subject)
        # Only forks write through it, so it is never closed here.
        self._rehearse(chosen)
        self._session = self._new_session(chosen)
        for name in MACHINE_HIVES:
            self._session.registry.hive(name)
        for loaded in self._session.registry.loaded.values():
            loaded.hive.cells.mutable()  # copied once here, rather than in each fork
        gc.collect()
        gc.freeze()  # keeps the forks' collectors from touching shared objects

    def _new_session(self, chosen: Found) -> Session:
        one = chosen.installation
        known = one.volumes
        others = {number: partial(self._other, number, chosen) for number in known.others}
        volumes = Volumes(self._volume, others, known.partitions)
        installation = Installation(self._volume, one.root, volume=one.volume, volumes=volumes)
        found = replace(chosen, installation=installation, volume=self._volume)
        return session_of(found, RunOptions())

    def _other(self, number: int, chosen: Found) -> Volume:
        """Open another volume, for reading; only forks do that."""
        (device,) = (part.device for part in chosen.parts if part.number == number)
        return Volume.open(device, read_only=True, name=f"volume {number} of {self.subject}")

    def _rehearse(self, chosen: Found) -> None:
        """Stage a machine and discard it, so that forks find the data that they need in memory."""
        with suppress(ResealError):  # the first clone will report it
            Specialization(Wish(computer_name=RANDOM))(self._new_session(chosen))

    def make(self, machine: FleetMachine) -> dict[str, Any]:
        """Make one clone in a fork; take over one that an interrupted attempt has finished.

        Returns:
            `size` and `sha256` of its file, its own `clusters`, `seconds`, `memory` (peak of the fork in
            bytes) and `outcome`, the identity of the machine.

        Raises:
            ResealError: it could not be made; nothing of it is left.
        """
        output = self._plan.output(machine.name)
        if os.path.lexists(output):
            return adopt(output, machine, self._plan)
        start = time.perf_counter()
        made = self._make_thin(machine) if self._plan.thin else self._make_whole(machine)
        return {
            **made,
            "size": output.stat().st_size,
            "sha256": digest(output),
            "seconds": time.perf_counter() - start,
        }

    def _make_thin(self, machine: FleetMachine) -> dict[str, Any]:
        if self._image.link.unusual:
            msg = f"a thin image over {self.subject} would lose the end of the disk."
            raise UsageError(msg, "Make full images with --full.")
        output = self._plan.output(machine.name)
        draft = partial_path(output)
        draft.unlink(missing_ok=True)  # of a run that was killed
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(draft, flags, 0o600)
        try:
            made = self._in_fork(machine, fd, draft)
            os.fsync(fd)
            publish(draft, output)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)
        return made

    def _make_whole(self, machine: FleetMachine) -> dict[str, Any]:
        output = self._plan.output(machine.name)
        new = NewImage(self._image, output, thin=False)
        try:
            fd = os.open(new.overlay, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
            try:
                made = self._in_fork(machine, fd, new.overlay)
            finally:
                os.close(fd)
            new.commit()
            # The golden image's own mode protects it against changes.
            output.chmod(0o600)
        finally:
            new.discard()
        return made

    def _in_fork(self, machine: FleetMachine, fd: int, path: Path) -> dict[str, Any]:
        """Make a fork write a machine's overlay to a file, the only one that it may write to."""
        backing = name_below(self._image.file, Path(self._plan.output_dir))
        made: dict[str, Any] = run_worker(
            lambda _: self._make(machine, fd, backing),
            subject=f"{machine.name} of {self.subject}",
            limits=replace(
                Limits.of_disk(self._image.size, reads=host_folders(self._plan)), keeps=(fd,)
            ),
        )
        header = read_header(path, "qcow2")
        if header.data_file or header.backing is None or header.backing.name != backing:
            # A fork that a hostile image controls could make QEMU open any file of the host.
            msg = f"the engine wrote an invalid overlay for {machine.name} of {self.subject}."
            raise ImageError(msg)
        return made

    def _make(self, machine: FleetMachine, fd: int, backing: str) -> dict[str, Any]:
        session = self._session
        session.random = stream(machine.key)
        job = Specialization(wish_of(machine, self._plan))
        outcome = job(session)
        settle(session)
        write_volume(self._part, self.subject, session, RunOptions(), self._volume)
        self._read_back(session, job)
        clusters = self._changes.changed()
        write_overlay(
            fd,
            backing_name=backing,
            backing_format=qemu_format(self._image.link),
            size=self._image.size,
            clusters=clusters,
        )
        return {
            "clusters": len(clusters),
            "memory": _peak(),
            "outcome": {
                "computer_name": outcome.computer_name,
                "machine_sid": outcome.machine_sid,
                "sid_when": outcome.sid_when,
                "machine_guid": outcome.machine_guid,
                "left": [one.path for one in outcome.sid_change.left] if outcome.sid_change else [],
                "warnings": [
                    *(outcome.unattend.warnings if outcome.unattend else ()),
                    *(answers.unfilled(outcome.unattend.findings) if outcome.unattend else ()),
                    *outcome.effects,
                    *(outcome.sid_change.kept if outcome.sid_change else ()),
                ],
            },
        }

    def _read_back(self, session: Session, job: Specialization) -> None:
        """Compare what was written, below and through the file system."""
        own = Volume.open(self._part, read_only=True, name=self.subject)
        with closing(with_others(session, own)) as volumes:
            for name in session.edited_hives:
                loaded = session.registry.loaded[name]
                for offset, data in loaded.hive.patches():
                    if volumes.read(loaded.file, offset, len(data)) != data:
                        msg = f"The hive {loaded.file} differs from the data that was written."
                        raise ImageError(msg, "Please report this.")
            if session.volume_patches:
                problems = job.recheck(written(session, volumes))
                if problems:
                    msg = f"The clone is not complete; it lacks {', '.join(problems)}."
                    raise ImageError(msg, "Please report this.")


def wish_of(machine: FleetMachine, plan: ClonePlan) -> Wish:
    """Return the request to `reseal specialize` that makes this machine."""
    sid: Sid | SidChoice | None = None
    if machine.sid:
        sid = SidChoice.PENDING if machine.sid == SidChoice.PENDING else Sid.parse(machine.sid)
    return Wish(
        computer_name=machine.name,
        sid=sid,
        document=answers.template_of(machine, plan),
        settings=answers.settings_of(machine, plan.languages),
        now=plan.now,
        all_volumes=plan.all_volumes,
        replace=machine.template is not None,
        drivers=Path(plan.drivers) if plan.drivers else None,
    )


def host_folders(plan: ClonePlan) -> tuple[Path, ...]:
    """Return the local folders that making a machine reads."""
    return (Path(plan.drivers),) if plan.drivers else ()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
