"""The worker's part of a run: stage, write, read back."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reseal.errors import ImageError
from reseal.run.opening import choose
from reseal.session.aftermath import settle
from reseal.session.session import Session
from reseal.windows import Installation
from reseal.windows.volumes import Volumes

if TYPE_CHECKING:
    from reseal.run.medium import Opened
    from reseal.run.opening import Found
    from reseal.run.operation import Operation
    from reseal.run.options import RunOptions
    from reseal.tree import Tree
    from reseal.worker import Report


def perform(
    operation: Operation, options: RunOptions, opened: Opened, report: Report
) -> dict[str, Any]:
    """Run an operation on an opened medium, and write its staged changes.

    Args:
        operation: the operation.
        options: how to open the image, and what to do with the result.
        opened: the medium.
        report: receives `{"step": …}`.

    Returns:
        The result of the operation, with `changes`, `notes`, `written`, `traffic` and `timings`.

    Raises:
        ResealError: the operation was refused or failed; the caller must discard all writes.
    """
    with opened.installations() as found:
        chosen = choose(found, options.volume, opened.subject)
        session = session_of(chosen, options, report)
        result = operation.stage(session)
        settle(session)
    done: dict[str, Any] = {"written": None}
    if (session.changes or options.chkdsk_at_boot) and not options.dry_run:
        done = opened.write(session, chosen.place, options)
        with session.step("Reading it back"):
            look = partial(_read_back, session, operation, opened.subject)
            opened.read_back(session, chosen.place, look)
        opened.flush()
    return {
        **result,
        "changes": [one.to_json() for one in session.changes],
        "notes": session.notes,
        **done,
        "traffic": opened.traffic,
        "timings": session.timings,
    }


def session_of(chosen: Found, options: RunOptions, report: Report = lambda _: None) -> Session:
    """Start a session on an installation.

    Args:
        chosen: the installation and its volume.
        options: how to open the image, and what to do with the result.
        report: receives `{"step": …}`.
    """
    state = chosen.state
    if state and options.decrypt:  # a dry run does not decrypt, but shows the decrypted state
        state = replace(state, encrypted=False)
    return Session(
        chosen.installation,
        volume_state=state,
        neighbours=chosen.neighbours,
        boot_stores=chosen.boot_stores,
        parts=chosen.parts,
        disk=chosen.disk,
        switches=options.switches,
        report=report,
    )


def written(session: Session, tree: Tree) -> Installation:
    """Return the installation of a session as it was written to a tree."""
    old = session.installation
    volumes = tree if isinstance(tree, Volumes) else Volumes(tree)
    names = volumes.names
    again = Installation(volumes.own, old.root, volume=old.volume, volumes=volumes)
    again.registry.all_volumes = old.registry.all_volumes
    # The written registry may have other names for the volumes.
    volumes.names = names
    return again


def _read_back(session: Session, operation: Operation, subject: str, tree: Tree) -> None:
    """Read back the written changes; raise ImageError if anything differs from the staged state."""
    again = written(session, tree)
    for name in session.edited_hives:
        loaded = session.registry.loaded[name]
        if tree.read(loaded.file) != loaded.hive.to_bytes():
            msg = f"The hive {loaded.file} of {subject} reads back differently than written."
            raise ImageError(msg, "The image was not changed. Please report this.")
    problems = operation.recheck(again)
    if problems:
        msg = f"{subject} is incomplete after the run; it lacks {', '.join(problems)}."
        raise ImageError(msg, "The image was not changed. Please report this.")
