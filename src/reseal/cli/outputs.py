"""The files that a command leaves on this computer, kept with the command's context."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reseal.run.outputs import Outputs

_KEY = "reseal.outputs"
#: Parameters that name outputs themselves.
_OWN = {"report_files", "save_identity"}


def of_command() -> Outputs:
    """Return the outputs of the command that runs; those without a place are deleted after it."""
    from reseal.run.outputs import Outputs  # noqa: PLC0415  --help needs no engines

    context = click.get_current_context()
    found: Outputs | None = context.meta.get(_KEY)
    if found is None:
        found = context.meta[_KEY] = Outputs()
        context.call_on_close(found.discard)
    return found


def inputs() -> Iterator[Path]:
    """Yield what the command reads and writes itself."""
    for name, value in click.get_current_context().params.items():
        if name not in _OWN:
            for one in value if isinstance(value, tuple | list) else (value,):
                if isinstance(one, Path):
                    yield one


def stage(message: Mapping[str, object]) -> bool:
    """Write the outputs of a command when the image is about to change; return whether it is."""
    from reseal.run.medium import FINISHING  # noqa: PLC0415  the run has loaded it

    record = message.get(FINISHING)
    if isinstance(record, dict):
        of_command().stage(record)
    return FINISHING in message
