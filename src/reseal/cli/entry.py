"""The start of the `reseal` command: what can be answered at once is, without loading the rest."""

from __future__ import annotations

import os
import sys

from reseal import __version__


def main() -> None:
    """Run the command line."""
    _leave_current_folder()
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"reseal {__version__}\n")
        return
    from reseal.cli import console  # noqa: PLC0415  it takes several times as long
    from reseal.cli.commands import reseal  # noqa: PLC0415

    with console.errors(as_json=False):
        reseal(prog_name="reseal")


def _leave_current_folder() -> None:
    """Import nothing from the current folder, which may belong to an attacker.

    An empty or relative part of PYTHONPATH means that folder. Python has made it absolute already.
    """
    for part in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        if not os.path.isabs(part):  # noqa: PTH117  pathlib is not loaded yet
            try:
                absolute = os.path.abspath(part)  # noqa: PTH100
            except FileNotFoundError:  # the current folder was deleted
                absolute = part
            sys.path[:] = [entry for entry in sys.path if entry not in {part, absolute}]
