"""Work on a folder that holds a Windows: before-images put it back where the work fails."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from reseal.errors import ImageError, UsageError
from reseal.folder import Folder
from reseal.sandbox import Limits
from reseal.session.opening import Found, acquaint, choose
from reseal.session.outcome import host_errors, read_back, summary
from reseal.session.session import Session
from reseal.windows import Installation, find_installations
from reseal.worker import in_worker

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.session.run import Job, Look, Options, Recheck
    from reseal.session.session import Report
    from reseal.tree import Tree


def read(path: Path, job: Look, *, ignore_logs: bool, writes: tuple[Path, ...]) -> dict[str, Any]:
    """Look at a folder without changing it, as `reseal.session.run.read`."""

    def look(report: Report) -> dict[str, Any]:
        del report
        with Folder(path, read_only=True) as folder:
            return job(_found(folder, path, ignore_logs=ignore_logs))

    with host_errors(path):
        result = in_worker(path, look, None, Limits(reads=(path,), writes=writes))
    return {"image": _facts(path), **result}


def change(
    path: Path, job: Job, recheck: Recheck, options: Options, report: Report
) -> dict[str, Any]:
    """Work on a folder, as `reseal.session.run.change`."""
    if options.output or options.thin or options.chkdsk_at_boot or options.shrink:
        msg = f"{path} is a folder; --output, --thin, --shrink and --chkdsk-at-boot are for disk images."
        raise UsageError(msg, "Copy the folder first, or work on it in place.")
    # An earlier run that was interrupted is refused here, before a later one could undo it.
    Folder(path, read_only=True).close()
    work = partial(_work, path, job, recheck, options)
    try:
        with host_errors(path):
            result = in_worker(path, work, report, _limits(path, options))
    except BaseException:
        # Whatever ended the worker: the before-images put the folder back.
        Folder.recover(path)
        raise
    return {"image": _facts(path), **result}


def _limits(path: Path, options: Options) -> Limits:
    # Its journal lies beside it.
    return Limits(reads=options.reads, writes=(*options.writes, path.resolve().parent))


def _work(
    path: Path, job: Job, recheck: Recheck, options: Options, report: Report
) -> dict[str, Any]:
    with Folder(path, read_only=options.dry_run) as folder:
        chosen = choose(_found(folder, path), options.volume, str(path))
        session = Session(
            chosen.installation,
            neighbours=chosen.neighbours,
            switches=options.switches,
            report=report,
        )
        result = job(session)
        written = None
        if session.changes and not options.dry_run:
            with session.step("Writing"):
                written = session.commit(folder)
            with session.step("Reading it back"):
                read_back(folder, session, recheck, str(path))
            folder.commit()
    return summary(result, session, written)


def _found(tree: Tree, path: Path, *, ignore_logs: bool = False) -> list[Found]:
    roots = find_installations(tree)
    if not roots:
        msg = f"The folder {path} holds no Windows installation. Nothing was changed."
        raise ImageError(msg, r"Name the folder that has Windows\System32\config below it.")
    return acquaint([Found(Installation(tree, root, ignore_logs=ignore_logs)) for root in roots])


def _facts(path: Path) -> dict[str, Any]:
    return {"path": str(path), "format": "folder", "size": None}
