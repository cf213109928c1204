"""`reseal clone`: a fleet of machines from one golden image."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from reseal.answerfile.variables import STYLES
from reseal.cli import progress, terminal
from reseal.cli.answer_files import now_option
from reseal.cli.help import Command, argument
from reseal.cli.options import PATH, among, drivers_option, option
from reseal.cli.run import REHEARSING, Run, shares
from reseal.errors import UsageError


@click.command(cls=Command)
@argument("golden", type=PATH, help="The generalized image to clone.")
@option(
    "--machines",
    type=PATH,
    required=True,
    metavar="FLEET",
    help="Read the machines from a table: .csv, .json or .toml, one row each.",
)
@option(
    "--output-dir",
    type=PATH,
    required=True,
    metavar="DIR",
    help="Write the images and fleet.json here.",
)
@option(
    "--format",
    default="qcow2",
    show_default=True,
    metavar="qcow2|vhdx|raw",
    shell_complete=among("qcow2", "vhdx", "raw"),
    help="Choose the format of the images.",
)
@option(
    "--thin/--full",
    default=None,
    help="Make overlays over GOLDEN, which becomes read-only (default), or whole images.",
)
@option(
    "--unattend",
    type=PATH,
    metavar="FILE",
    help="Use this answer file for all; a variable such as ${name} is a column of the table.",
)
@option(
    "--template-style",
    metavar="STYLE",
    type=click.Choice(STYLES),
    help=f"Choose how answer files write variables: {', '.join(STYLES)}. By default ${{name}}, and any "
    "other style whose variable has the name of a column.",
)
@option(
    "--sid",
    default="new",
    show_default=True,
    metavar="new|pending",
    shell_complete=among("new", "pending"),
    help="Set new SIDs where the table has none; pending leaves them to Windows.",
)
@now_option
@option(
    "--all-volumes",
    is_flag=True,
    help="With a SID that changes at once, also change volumes that hold no profile of this Windows.",
)
@option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Make N machines at a time (default: one per core).",
)
@option("--seed", metavar="TEXT", help="Derive the same identities from TEXT every time.")
@option("--dask", metavar="tcp://HOST:PORT", help="Run on a Dask cluster.")
@drivers_option
@shares("volume", "allow_backing", *REHEARSING, "as_json", "quiet", "verbose")
def clone(
    golden: Path, machines: Path, output_dir: Path, thin: bool | None, sid: str, run: Run,
    **given: Any,
) -> None:  # fmt: skip
    """Make a fleet of machines, each with its own name, SID, MachineGuid and answers.

    The whole table is checked before anything is written. Run the command again to continue an
    interrupted run. One clone is compared with the same machine made by `reseal specialize`.
    """
    from reseal.clone import CloneOptions  # noqa: PLC0415  --help needs no engines
    from reseal.clone import clone as make  # noqa: PLC0415
    from reseal.report import fleet  # noqa: PLC0415
    from reseal.specialize import SidChoice  # noqa: PLC0415

    if sid not in set(SidChoice):
        msg = f"--sid {sid} is not known."
        raise UsageError(msg, "It takes new or pending; write single SIDs into the table.")
    options = CloneOptions(
        thin=given["format"] == "qcow2" if thin is None else thin,
        sid=SidChoice(sid),
        volume=run.writing.volume,
        allow_backing=run.writing.allow_backing,
        machine=run.writing.machine,
        require_rehearsal=run.writing.require_rehearsal,
        no_rehearsal=run.writing.no_rehearsal,
        **given,
    )
    start = time.perf_counter()
    warnings: list[str] = []
    found: dict[str, Any] = {}
    results = []
    with _progress(quiet=run.quiet) as show:

        def on_message(message: dict[str, Any]) -> None:
            if "warning" in message:
                warnings.append(message["warning"])
            found.update(message if "rehearsal" in message else {})
            show(message)

        for result in make(golden, machines, output_dir, options, on_message):
            results.append(result)
            show({"finished": result.entry.name, "result": result})
    record = fleet.summary(results, output_dir, warnings, time.perf_counter() - start) | found
    run.show(record, fleet.lines(record, verbose=run.verbose), failed=bool(record["errors"]))
    if record["errors"]:
        first = next(iter(record["errors"].values()))
        raise SystemExit(int(first["exit_code"]) or 1)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Show the progress of the whole and of each machine."""
    from reseal.report import fleet  # noqa: PLC0415

    if quiet:
        yield lambda _: None
        return
    if not sys.stderr.isatty():
        total = done = 0

        def tell(message: dict[str, Any]) -> None:
            nonlocal total, done
            total = message.get("planned", total)
            if "finished" in message:
                done += 1
                terminal.show(fleet.line(message["result"], done, total), err=True)

        yield tell
        return
    from rich.progress import (  # noqa: PLC0415  only a terminal needs it
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(),
        MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(compact=True),
        console=progress.console(), transient=True,
    ) as bars:  # fmt: skip
        whole = bars.add_task("Checking the fleet", total=None)
        each: dict[str, TaskID] = {}

        def draw(message: dict[str, Any]) -> None:
            if "planned" in message:
                bars.update(whole, description="Machines", total=message["planned"])
            elif "started" in message:
                each[message["started"]] = bars.add_task(message["started"], total=1)
            elif "finished" in message:
                bars.advance(whole)
                one = each.pop(message["finished"], None)
                if one is not None:
                    bars.remove_task(one)
            elif "comparing" in message:
                bars.add_task(
                    f"Comparing {message['comparing']} with reseal specialize", total=None
                )

        yield draw
