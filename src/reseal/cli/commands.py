"""The command line. Each command is in the module of its name; a run loads only that one."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from reseal import __version__
from reseal.cli.help import Group

#: In the order of the list that `reseal --help` shows.
COMMANDS = (
    "inspect",
    "check",
    "customize",
    "generalize",
    "verify",
    "rehearse",
    "boot",
    "sysprep",
    "sid",
    "specialize",
    "clone",
    "capture",
    "apply",
    "deploy",
    "decrypt",
    "providers",
    "resume",
    "doctor",
    "bcd",
    "reg",
    "unattend",
)
#: The exit code that shells use for an interrupt: 128 and the number of the signal.
_INTERRUPTED = 130


class _Commands(Group):
    """All commands, each loaded on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        # For an unknown name load all commands, so that click can suggest near matches.
        for name in (cmd_name,) if cmd_name in COMMANDS else COMMANDS:
            self.add_command(getattr(import_module(f"reseal.cli.{name}"), name))
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # click would end with 1, as after an unexpected error.
            raise SystemExit(_INTERRUPTED) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s", help="Show the version.")
def reseal() -> None:
    """Sysprep for powered-off Windows images."""
