"""The start of the `reseal` command: what can be answered at once is, without loading the rest."""

from __future__ import annotations

import sys

from reseal import __version__


def main() -> None:
    """Run the command line."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"reseal {__version__}\n")
        return
    from reseal.cli import console  # noqa: PLC0415  it takes several times as long
    from reseal.cli.commands import reseal  # noqa: PLC0415

    with console.errors(as_json=False):
        reseal(prog_name="reseal")
