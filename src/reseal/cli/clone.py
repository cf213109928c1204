"""`reseal clone`: a fleet of machines from one golden image."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from reseal.answerfile.variables import STYLES
from reseal.cli import console
from reseal.cli.help import Command, argument
from reseal.cli.options import (
    PATH,
    allow_backing_option,
    among,
    drivers_option,
    json_option,
    quiet_option,
    volume_option,
)
from reseal.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@click.command(cls=Command)
@argument("golden", type=PATH, help="The generalized image to make machines of.")
@click.option(
    "--machines",
    type=PATH,
    required=True,
    metavar="FLEET",
    help="The machines: .csv, .json or .toml, a row or table for each.",
)
@click.option(
    "--output-dir",
    type=PATH,
    required=True,
    metavar="DIR",
    help="Where the images and fleet.json go.",
)
@click.option(
    "--format",
    "image_format",
    default="qcow2",
    show_default=True,
    metavar="qcow2|vhdx|raw",
    shell_complete=among("qcow2", "vhdx", "raw"),
    help="Of the images.",
)
@click.option(
    "--thin/--full",
    default=None,
    help="Overlays over GOLDEN, which is made read-only (default), or whole images.",
)
@click.option(
    "--unattend",
    type=PATH,
    metavar="FILE",
    help="An answer file for all; its variables, as in ${name}, are columns of the table.",
)
@click.option(
    "--template-style",
    metavar="STYLE",
    type=click.Choice(STYLES),
    help=f"How answer files write variables: {', '.join(STYLES)}. By default ${{name}}, and any other "
    "style where a variable has the name of a column.",
)
@click.option(
    "--sid",
    default="new",
    show_default=True,
    metavar="new|pending",
    shell_complete=among("new", "pending"),
    help="Who draws SIDs that the table does not name: reseal, or Windows.",
)
@click.option("--now", is_flag=True, help="Do at once what has a known place, the SID too.")
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="How many at a time; one a core."
)
@click.option("--seed", metavar="TEXT", help="Draw the same identities every time.")
@click.option("--dask", metavar="tcp://HOST:PORT", help="Hand the work to a Dask cluster.")
@drivers_option
@volume_option
@json_option
@allow_backing_option
@quiet_option
def clone(
    golden: Path,
    machines: Path,
    output_dir: Path,
    image_format: str,
    thin: bool | None,
    unattend: Path | None,
    template_style: str | None,
    sid: str,
    now: bool,
    jobs: int | None,
    seed: str | None,
    dask: str | None,
    drivers: Path | None,
    volume: str | None,
    as_json: bool,
    allow_backing: bool,
    quiet: bool,
) -> None:
    """Make a fleet of machines, each with a name, SID, MachineGuid and answers of its own.

    The whole table is checked before anything is written. A run that died goes on where it was when it
    is called again. One clone is compared with the same machine made by `reseal specialize`.
    """
    from reseal.clone import CloneOptions  # noqa: PLC0415  --help needs no engines
    from reseal.clone import clone as make  # noqa: PLC0415
    from reseal.report import fleet  # noqa: PLC0415
    from reseal.specialize import SidChoice  # noqa: PLC0415

    with console.errors(as_json=as_json):
        if sid not in set(SidChoice):
            msg = f"--sid {sid} is not known."
            raise UsageError(msg, "It takes new and pending; single SIDs stand in the table.")
        options = CloneOptions(
            unattend=unattend,
            template_style=template_style,
            format=image_format,
            thin=image_format == "qcow2" if thin is None else thin,
            jobs=jobs,
            seed=seed,
            sid=SidChoice(sid),
            now=now,
            volume=volume,
            allow_backing=allow_backing,
            dask=dask,
            drivers=drivers,
        )
        start = time.perf_counter()
        warnings: list[str] = []
        results = []
        with _progress(quiet=quiet) as show:

            def on_message(message: dict[str, Any]) -> None:
                if "warning" in message:
                    warnings.append(message["warning"])
                show(message)

            for result in make(golden, machines, output_dir, options, on_message):
                results.append(result)
                show({"finished": result.entry.name, "result": result})
        record = fleet.summary(results, output_dir, warnings, time.perf_counter() - start)
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(fleet.lines(record))
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
                click.echo(fleet.line(message["result"], done, total), err=True)

        yield tell
        return
    from rich.console import Console  # noqa: PLC0415  only a terminal needs it
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
    )

    with Progress(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(),
        MofNCompleteColumn(), TimeElapsedColumn(), console=Console(stderr=True), transient=True,
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
                bars.add_task(f"Comparing {message['comparing']} with the long way", total=None)

        yield draw
