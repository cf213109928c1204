"""`reseal sysprep`: Sysprep's own command line, for a powered-off image.

Options and legal combinations: documented (Microsoft, Sysprep Command-Line Options). /respecialize is
internal to Windows and refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from reseal.cli import console
from reseal.cli.boot import boot
from reseal.cli.help import Command, argument
from reseal.cli.options import image_argument, option
from reseal.cli.run import CHANGING, declares
from reseal.errors import UsageError

#: How a run of Sysprep ends; they have no effect on an image that is powered off.
_ENDINGS = ("reboot", "shutdown", "quit")
_KNOWN = ("oobe", "audit", "generalize", "quiet", *_ENDINGS)
_SYNTAX = (
    "The syntax is: [/oobe | /audit] [/generalize] [/mode:vm] [/reboot | /shutdown | /quit] [/quiet] "
    "[/unattend:FILE]."
)


@click.command(cls=Command)
@image_argument
@argument("arguments", nargs=-1, metavar="/OPTION", help="Sysprep's own options.")
@option(
    "--no-rearm",
    is_flag=True,
    help="Don't rearm activation at the first boot, as /generalize does for volume licenses.",
)
@declares(*CHANGING)
@click.pass_context
def sysprep(
    context: click.Context,
    /,
    image: Path,
    arguments: tuple[str, ...],
    no_rearm: bool,
    **shared: Any,
) -> None:
    """Accept Sysprep's own command line: /generalize /oobe /shutdown /mode:vm /quiet and the others."""
    from reseal.cli.generalize import generalize  # noqa: PLC0415  it declares every step

    with console.errors(as_json=shared["as_json"]):
        given, mode, unattend = parse(arguments)
    audit, quiet = "audit" in given, shared.pop("quiet") or "quiet" in given
    ending = next((one for one in _ENDINGS if one in given), None)
    if ending and not quiet:
        click.echo(f"/{ending} has no effect: the image is powered off and stays so.", err=True)
    shared |= {
        "image": image,
        "audit": audit,
        "quiet": quiet,
        "unattend": str(unattend) if unattend else None,
    }
    if "generalize" in given:
        # Sysprep rearms every copy; reseal those that count as clients of a key management service.
        rearm = False if no_rearm else None
        context.invoke(generalize, oobe="oobe" in given, mode=mode, rearm=rearm, steps=[], **shared)
    else:
        context.invoke(boot, oobe=not audit, **shared)


# Complex: one condition for each of the rules of Sysprep's options.
def parse(arguments: Sequence[str]) -> tuple[set[str], str | None, Path | None]:
    """Read Sysprep's options.

    Returns:
        The plain options in lower case, the mode and the answer file.

    Raises:
        UsageError: Sysprep would refuse the line.
    """
    given: set[str] = set()
    mode = unattend = None
    for word in arguments:
        name, _, value = word.lstrip("/-").partition(":")
        name = name.lower()
        if word[:1] not in {"/", "-"} or (not value and name not in _KNOWN):
            raise _refused(f"{word} is not an option of Sysprep")
        if name == "mode" and value.lower() == "vm":
            mode = "vm"
        elif name == "unattend" and value:
            unattend = Path(value.strip('"'))
        elif name in _KNOWN and not value:
            given.add(name)
        else:
            raise _refused(f"{word} is not an option of Sysprep")
    _check_combination(given, mode, unattend)
    return given, mode, unattend


def _check_combination(given: set[str], mode: str | None, unattend: Path | None) -> None:
    if {"oobe", "audit"} <= given:
        raise _refused("/oobe and /audit exclude each other")
    if len(given & set(_ENDINGS)) > 1:
        raise _refused("only one of /reboot, /shutdown and /quit is possible")
    if not given & {"oobe", "audit", "generalize"}:
        raise _refused("one of /oobe, /audit and /generalize is needed; an offline run can't ask")
    if mode and not {"generalize", "oobe"} <= given:
        raise _refused("/mode:vm goes with /generalize and /oobe")
    if (mode and given & {"quiet", "audit"}) or (mode and unattend):
        raise _refused("/mode:vm allows only /reboot, /shutdown and /quit")


def _refused(why: str) -> UsageError:
    # Sysprep's own words, as its log has them (seen).
    return UsageError(
        f"Unable to parse command-line arguments to sysprep; GLE = 0x0: {why}.", _SYNTAX
    )
