"""What all operations share: how an image is opened, and how it is changed.

A request holds the options of a change and is checked before an image is opened. The operation made of it
stages its changes in a session, and checks the written image. Both happen in the worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast

from reseal.errors import ResealError, UsageError
from reseal.operations import record
from reseal.operations.record import RunRecord

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from reseal.bitlocker import Key
    from reseal.operations.handing_over import HandingOver
    from reseal.run.opening import Found
    from reseal.run.options import RunOptions
    from reseal.run.outputs import Outputs
    from reseal.session import Session
    from reseal.windows import Installation

#: Gets `{"step": …}` as the work goes on.
OnMessage: TypeAlias = "Callable[[dict[str, object]], None]"
#: Rehearses the next boot of a session's image, with its staged changes; returns the record of that.
Rehearsing: TypeAlias = "Callable[[Session], dict[str, Any]]"
#: The record of an operation.
RecordT = TypeVar("RecordT", bound=RunRecord)
#: A file or folder of this computer.
HostPath: TypeAlias = "str | os.PathLike[str]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Which Windows of an image to open, and how.

    Attributes:
        volume: which Windows: its volume, or `volume:folder`; None where there is only one.
        index: which image of a WIM; None for the only one.
        allow_backing: whether backing files may be outside the image's folder.
        keys: keys for volumes that BitLocker encrypts; a volume with a clear key needs none.
        disks: the other disks of the machine, if it has several.
    """

    volume: str | None = None
    index: int | None = None
    allow_backing: bool = False
    keys: tuple[Key, ...] = ()
    disks: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing(Opening):
    """How an image is opened, and where the changed image goes.

    Attributes:
        output: the new image; None to work in place.
        thin: whether the new image is an overlay over the old one.
        destination: the tool that takes the new image, as `--for` names it; None to go by the suffix.
        dry_run: whether nothing is written.
        delete_snapshots: whether an image that is changed in place loses its internal snapshots.
        discard_hibernation: whether a hibernated session is discarded, with its unsaved data.
        decrypt: whether the volume of Windows is decrypted first, if BitLocker encrypts it.
        in_place: whether that may be done in the image itself, and whether a block device may be changed.
        scratch: the folder for the overlay and the journal of a block device; None for the default.
        prevent_device_encryption: whether Windows is kept from encrypting it again by itself.
        machine: the machine of the rehearsal: a name, or a file that describes one; None for any.
        require_rehearsal: whether the run is refused if the next boot would stop.
        no_rehearsal: whether the next boot is not rehearsed.

    Raises:
        UsageError: the options contradict each other.
    """

    output: Path | None = None
    thin: bool = False
    destination: str | None = None
    dry_run: bool = False
    delete_snapshots: bool = False
    discard_hibernation: bool = False
    decrypt: bool = False
    in_place: bool = False
    scratch: Path | None = None
    prevent_device_encryption: bool = False
    machine: str | None = None
    require_rehearsal: bool = False
    no_rehearsal: bool = False

    # Complex: one condition for each combination that makes no sense.
    def __post_init__(self) -> None:
        if self.dry_run and self.output:
            msg = "--dry-run writes nothing, so it takes no --output."
            raise UsageError(msg, "Leave one of them out.")
        if self.disks and self.output:
            msg = "--output makes one image, and with --disk the machine has several disks."
            raise UsageError(msg, "Copy the disks, and change the copies in place: all or none.")
        if self.thin and not self.output:
            msg = "--thin makes a thin new image, so it needs --output."
            raise UsageError(msg, "Name the new image with --output FILE.qcow2.")
        if self.destination and (not self.output or self.thin):
            msg = (
                "--for makes a whole new image for a tool: it needs --output, and takes no --thin."
            )
            raise UsageError(msg, "Name the new image with --output.")
        if self.prevent_device_encryption and not self.decrypt:
            msg = "--prevent-device-encryption goes with --decrypt."
            raise UsageError(msg, "Add --decrypt, or leave it out.")
        if self.in_place and self.output:
            msg = "--in-place changes the image itself, so it takes no --output."
            raise UsageError(msg, "Leave one of them out.")
        if self.decrypt and not (self.output or self.in_place or self.dry_run):
            msg = "Decrypting needs either --output, for a new image, or --in-place."
            raise UsageError(msg, "Name the new image with --output, so that the old one stays.")

    def options(self, **more: Any) -> RunOptions:
        """Return the options of the run.

        Args:
            more: further fields of `RunOptions`.
        """
        from reseal.run import RunOptions

        return RunOptions(
            volume=self.volume,
            index=self.index,
            allow_backing=self.allow_backing,
            output=self.output,
            thin=self.thin,
            dry_run=self.dry_run,
            delete_snapshots=self.delete_snapshots,
            in_place=self.in_place,
            scratch=self.scratch,
            disks=self.disks,
            decrypt=self.decrypt,
            prevent_device_encryption=self.prevent_device_encryption,
            **more,
        )


class Operation(Generic[RecordT]):
    """A change of an image, from its request to its record.

    Attributes:
        command: its command, without `reseal`.
        proved: what `recheck` proves, in whole sentences.
        whose: whether the record has the identity and the state of the image.
        rehearses: whether the next boot of the staged image is rehearsed.
        rehearsing: how; None to leave it out.
        describing: describes the machine in the staged image, for the destination of the output.
    """

    command: str
    proved: tuple[str, ...] = ()
    whose: bool = True
    rehearses: bool = False
    rehearsing: Rehearsing | None = None
    describing: Rehearsing | None = None

    @property
    def needs(self) -> Mapping[str, Any]:
        """Fields of `RunOptions` that the operation sets: `reads`, `writes`, `switches` and others."""
        return {}

    @property
    def outside(self) -> str | None:
        """The option that works outside a session and needs a run of its own; None for none."""
        return None

    def prepare(self, *, dry_run: bool) -> None:
        """Create what the run needs on this computer, before the image is opened."""

    def stage(self, session: Session) -> dict[str, Any]:
        """Stage the changes, and record them.

        Returns:
            The record as far as the worker knows it: `schema`, `command`, `reseal` (the version),
            `windows`, `before` and `after` (identity, and what the next boot does), `proved` and
            `not_proved`. Fields that `result` returns take precedence.
        """
        installation = session.installation
        before = record.owner(installation) if self.whose else None
        result = self.result(session)
        if self.rehearsing:
            result = {**result, "rehearsal": self.rehearsing(session)}
        if self.describing:
            result = {**result, "destination": self.describing(session)}
        return {
            **record.blank(self.command),
            "windows": installation.facts,
            "before": before,
            "after": record.owner(installation) if self.whose else None,
            "summary": "The image was changed." if session.changes else "Nothing was changed.",
            "proved": [*self.proved, *record.PROVED],
            **result,
        }

    def result(self, session: Session) -> Mapping[str, Any]:
        """Stage the changes.

        Returns:
            The operation's part of the record: `result`, and usually `summary`, a sentence on what the
            image is now.
        """
        raise NotImplementedError

    def recheck(self, installation: Installation) -> list[str]:  # noqa: ARG002
        """Check the written image; return what it lacks."""
        return []

    def files(self) -> Mapping[Path, Callable[[Mapping[str, Any]], str | None]]:
        """The files to write on this computer, each with a function that renders it from the record, or None.

        The files are written before the image changes, and get their places when it is done.
        """
        return {}

    def keep(self) -> None:
        """Keep the files of this computer if the image was changed but the run failed afterwards."""

    def complete(self, done: RecordT) -> None:
        """Finish the work on this computer after the image is written, and record it."""

    def discard(self) -> None:
        """Delete what `prepare` created and the run no longer needs."""


def run(
    image: Path,
    operation: Operation[RecordT],
    writing: Writing | None = None,
    on_message: OnMessage | None = None,
    outputs: Outputs | None = None,
) -> RecordT:
    """Carry out an operation completely, or leave the image as it was.

    Args:
        image: a disk image, a WIM or a folder with a Windows installation.
        operation: the change.
        writing: how to open the image, and where the result goes; None to work in place.
        on_message: receives `{"step": …}` messages.
        outputs: files to write besides those of the operation; more may be added until the image changes.

    Raises:
        ResealError: the operation was refused or failed; the image is as it was.
    """
    from reseal.run import change
    from reseal.run.medium import FINISHING
    from reseal.run.outputs import Outputs

    chosen = writing or Writing()
    operation.rehearsing = _rehearsing(chosen) if operation.rehearses else None
    handing = handing_over(image, chosen)
    operation.describing = handing.describe if handing else None
    kept = outputs or Outputs()

    def tell(message: dict[str, Any]) -> None:
        if FINISHING in message:
            kept.stage(message[FINISHING])
        if on_message:
            on_message(message)

    try:
        inputs = (image, *chosen.disks, *((chosen.output,) if chosen.output else ()))
        if handing and (beside := handing.beside):
            kept.add(beside, handing.render, inputs=inputs)
        for path, render in operation.files().items():
            kept.add(path, render, inputs=inputs, private=True)
        operation.prepare(dry_run=chosen.dry_run)
        options = _options(chosen, operation, handing)
        done = cast("RecordT", change(image, operation, options, tell))
        if handing:
            done["notes"].append(handing.next_step(done))
        operation.complete(done)
        kept.publish(done)
    except ResealError as error:
        if error.image_changed:
            kept.publish()
            operation.keep()
        raise
    finally:
        kept.discard()
        operation.discard()
    if chosen.dry_run and done["result"] != record.ALREADY_GENERALIZED:
        done["result"] = record.DRY_RUN
    return done


def _options(
    chosen: Writing, operation: Operation[RecordT], handing: HandingOver | None
) -> RunOptions:
    """Return how a run opens the image, and what it does with the result."""
    needs = dict(operation.needs)
    if chosen.discard_hibernation:
        needs["switches"] = needs.get("switches", frozenset()) | {"discard-hibernation"}
    return chosen.options(
        form=handing.form if handing else None,
        keys=chosen.keys if chosen.decrypt else None,
        **needs,
    )


def handing_over(image: Path, writing: Writing) -> HandingOver | None:
    """Return what the output is made for; None if it is just an image.

    Raises:
        UsageError: the destination is not known, or does not take such an output.
    """
    if writing.output is None:
        return None
    from reseal.operations.handing_over import HandingOver

    return HandingOver.of(image, writing.output, writing.destination)


def _rehearsing(writing: Writing) -> Rehearsing | None:
    """Return the rehearsal of a run; None to leave it out. Raises UsageError for an unknown machine."""
    from reseal.operations.rehearsing import rehearsing

    return rehearsing(
        machine=writing.machine, required=writing.require_rehearsal, off=writing.no_rehearsal
    )


def look(
    image: Path,
    job: Callable[[Found], Mapping[str, Any]],
    opening: Opening | None = None,
    *,
    whole: bool = False,
    on_message: OnMessage | None = None,
) -> dict[str, Any]:
    """Look at one Windows of an image without changing it.

    Args:
        image: a disk image, a WIM or a folder with a Windows installation.
        job: gets the installation and returns plain data; runs in the worker.
        opening: which Windows, and how to open the image.
        whole: whether the job reads the whole volume, rather than some files of a WIM.
        on_message: gets what the job reports.
    """
    from reseal.run.opening import choose

    chosen = opening or Opening()
    return look_at_all(
        image,
        lambda found: job(choose(found, chosen.volume, str(image))),
        chosen,
        whole=whole,
        on_message=on_message,
    )


def look_at_all(
    image: Path,
    job: Callable[[list[Found]], Mapping[str, Any]],
    opening: Opening,
    *,
    whole: bool = False,
    on_message: OnMessage | None = None,
) -> dict[str, Any]:
    """Look at every Windows of an image, as `look` does at one.

    Args:
        image: a disk image, a WIM or a folder.
        job: gets the installations and returns plain data; runs in the worker.
        opening: how to open the image.
        whole: whether the job reads whole volumes, rather than some files of a WIM.
        on_message: gets what the job reports.
    """
    from reseal.run import read

    return read(
        image,
        lambda found: dict(job(found)),
        allow_backing=opening.allow_backing,
        index=opening.index,
        whole=whole,
        keys=opening.keys,
        report=on_message,
        disks=opening.disks,
    )


def check_force(given: Iterable[str], *known: str) -> None:
    """Raise UsageError if --force was given a name that an operation does not know."""
    if unknown := sorted(set(given) - set(known)):
        msg = f"--force {', '.join(unknown)} is not known here."
        raise UsageError(msg, f"It takes {' or '.join(known)}.")
