"""`--debug`: show the tracebacks of an error, and write a log for a bug report.

The log has no messages and no values of options, since both may hold secrets. Its tracebacks consist of
files, lines of code and classes of exceptions.
"""

from __future__ import annotations

import os
import platform
import time
import traceback
from contextvars import ContextVar
from pathlib import Path

import click
from click.core import ParameterSource

from reseal import __version__

#: The command that runs with --debug; None for one that runs without.
_command: ContextVar[click.Context | None] = ContextVar("command", default=None)


def _remember(context: click.Context, _option: click.Parameter, given: bool) -> None:
    _command.set(context if given else None)
    context.call_on_close(lambda: _command.set(None))


OPTION = click.Option(
    ["--debug"],
    is_flag=True,
    expose_value=False,
    callback=_remember,
    help="Show the traceback of an error, and write a log for a bug report.",
)


def show(error: BaseException) -> None:
    """With --debug, print the tracebacks of an error, the worker's included, and write the log."""
    if _command.get():
        for line in "".join(traceback.format_exception(error)).splitlines():
            click.echo(_printable(line), err=True)
        write_log(error)


def write_log(error: BaseException) -> None:
    """With --debug, write the log of an error to the current folder, readable by its owner only."""
    if context := _command.get():
        path = Path(time.strftime(f"reseal-debug-%Y%m%d-%H%M%S-{os.getpid()}.log"))
        text = "".join(f"{_printable(line)}\n" for line in log(error, context).splitlines())
        try:
            with open(path, "x", encoding="utf-8", opener=_private) as file:
                file.write(text)
            click.echo(f"Log for a bug report, without messages and values: {path}", err=True)
        except OSError as failure:
            click.echo(f"The log {path} can't be written: {failure.strerror}.", err=True)


def log(error: BaseException, context: click.Context) -> str:
    """Return the facts about an error and its command that a bug report needs."""
    from reseal.worker import WORKER, frames  # noqa: PLC0415  --help needs no worker

    options = [
        one.opts[0]
        for one in context.command.params
        if isinstance(one, click.Option)
        and context.params.get(str(one.name))
        and context.get_parameter_source(str(one.name)) is not ParameterSource.DEFAULT
    ]
    options += [f"--{words[0]}" for words in context.params.get("steps", ())]
    notes = [one for one in getattr(error, "__notes__", ()) if one.startswith(WORKER)]
    return "\n".join(
        [
            f"reseal {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"Command: {context.command_path} {' '.join(options)}",
            frames(error),
            *notes,
        ]
    )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _printable(line: str) -> str:
    # A worker that an image has taken over may send anything.
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
