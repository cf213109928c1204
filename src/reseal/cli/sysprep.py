"""`reseal sysprep`: Sysprep's own command line, for a powered-off image.

Options and legal combinations: documented (Microsoft, Sysprep Command-Line Options). /respecialize is
internal to Windows and refused. Microsoft documents /mode:vm with /reboot, /shutdown and /quit only; public
recipes (Azure, Packer, EC2, cloudbase-init) also use it with /quiet and /unattend, so it is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from reseal.cli import console, terminal
from reseal.cli.boot import boot
from reseal.cli.help import Command, argument
from reseal.cli.keys import read_keys
from reseal.cli.options import image_argument, option
from reseal.cli.run import CHANGING, declares
from reseal.errors import UsageError
from reseal.operations import answers
from reseal.operations.operation import Opening

#: How a run of Sysprep ends; they have no effect on an image that is powered off.
_ENDINGS = ("reboot", "shutdown", "quit")
_KNOWN = ("oobe", "audit", "generalize", "quiet", *_ENDINGS)
_WITH_VALUE = ("mode", "unattend")
_SYNTAX = (
    "The syntax is: [/oobe | /audit] [/generalize] [/mode:vm] [/reboot | /shutdown | /quit] [/quiet] "
    "[/unattend:FILE]."
)
#: The program itself, as lines that were copied from a script name it.
_PROGRAM = re.compile(r"(?:.*[\\/])?sysprep(?:\.exe)?", re.IGNORECASE)
#: Neither one of Sysprep's options nor one of reseal's, of which -o and -h have one dash.
_MISTYPED = re.compile(r"-[^-oh].+")
#: A path of Windows: with a drive, a variable, or a backslash in front.
_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|%\w+%|\\")
#: A path whose backslashes a shell has removed.
_MANGLED = re.compile(r"[A-Za-z]:[^\\/]")


class _Sysprep(Command):
    """A command that takes Sysprep's options before click does: click would read `-oobe` as `-o obe`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line: reseal's options and the image, then Sysprep's options."""
        own, theirs = _sorted(args)
        # With the image, or in its place, which an error then names as missing.
        return super().parse_args(ctx, [*own, *(["--"] if theirs else []), *theirs])


def _sorted(args: Iterable[str]) -> tuple[list[str], list[str]]:
    """Sort the words of a line: those of reseal, and those of Sysprep with a slash in front."""
    own: list[str] = []
    theirs: list[str] = []
    for word in args:
        parts = word.split() if word[:1] in {"/", "-"} else [word]
        if all(map(_is_option, parts)):
            theirs += [f"/{part[1:]}" for part in parts]
        elif _is_option(word) or _MISTYPED.fullmatch(
            word
        ):  # a path with blanks, or for `parse` to refuse
            theirs.append(f"/{word[1:]}")
        else:
            own.append(word)
    return own, theirs


def _is_option(word: str) -> bool:
    name, colon, _ = word[1:].partition(":")
    known = _WITH_VALUE if colon else (*_KNOWN, *_WITH_VALUE)
    return word[:1] in {"/", "-"} and name.lower() in known


@click.command(cls=_Sysprep)
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
    r"""Accept Sysprep's own command line: /generalize /oobe /shutdown /mode:vm /quiet and the others.

    Options may begin with a dash, and come in any case and order. /unattend takes a file of this computer, or
    one of the image by its Windows path, such as C:\Windows\System32\Sysprep\unattend.xml.
    """
    from reseal.cli.generalize import generalize  # noqa: PLC0415  it declares every step

    with console.errors(as_json=shared["as_json"]):
        if _is_option(str(image)):
            msg = f"The image is missing: {image} is an option of Sysprep."
            raise UsageError(msg, "Name the image first: reseal sysprep IMAGE /generalize /oobe.")
        given, mode, unattend = parse(arguments)
        file = _answer_file(image, unattend, shared) if unattend else None
    audit = "audit" in given
    if not shared["quiet"]:
        for note in _notes(given, mode, unattend):
            terminal.show(f"Note: {note}", err=True)
    shared |= {"image": image, "audit": audit, "unattend": file}
    if "generalize" in given:
        # Sysprep rearms every copy; reseal those that count as clients of a key management service.
        rearm = False if no_rearm else None
        context.invoke(generalize, oobe="oobe" in given, mode=mode, rearm=rearm, steps=[], **shared)
    else:
        context.invoke(boot, oobe=not audit, **shared)


def _notes(given: set[str], mode: str | None, unattend: str | None) -> Iterable[str]:
    ending = next((one for one in _ENDINGS if one in given), None)
    if ending:
        yield f"/{ending} has no effect: the image is powered off and stays so."
    besides = [*(["/quiet"] if "quiet" in given else []), *(["/unattend"] if unattend else [])]
    if mode and besides:
        yield (
            f"Microsoft documents /mode:vm without {' and '.join(besides)}. reseal accepts it, as public "
            "recipes use it."
        )


def _answer_file(image: Path, name: str, shared: dict[str, Any]) -> answers.Content:
    """Return the answer file: its path on this computer, or its name and content if it is in the image."""
    if _OF_WINDOWS.match(name):
        opening = Opening(
            volume=shared["volume"],
            index=shared["index"],
            allow_backing=shared["allow_backing"],
            keys=read_keys(shared["keys"]),
        )
        return answers.in_image(image, name, opening)
    if _MANGLED.match(name) and not Path(name).exists():
        msg = f"{name} is not a path: the shell has removed its backslashes."
        raise UsageError(msg, "Put the option in quotes.")
    return name


# Complex: one condition for each of the rules of Sysprep's options.
def parse(arguments: Sequence[str]) -> tuple[set[str], str | None, str | None]:
    """Read Sysprep's options.

    Returns:
        The plain options in lower case, the mode and the answer file.

    Raises:
        UsageError: Sysprep would refuse the line.
    """
    given: set[str] = set()
    mode = unattend = None
    for word in arguments:
        if _PROGRAM.fullmatch(word):
            continue
        name, _, value = word.lstrip("/-").partition(":")
        name = name.lower()
        if word[:1] not in {"/", "-"} or (not value and name not in _KNOWN):
            raise _refused(f"{word} is not an option of Sysprep")
        if name == "mode" and value.lower() == "vm":
            mode = "vm"
        elif name == "unattend" and value.strip('"'):
            unattend = value.strip('"')
        elif name in _KNOWN and not value:
            given.add(name)
        else:
            raise _refused(f"{word} is not an option of Sysprep")
    _check_combination(given, mode)
    return given, mode, unattend


def _check_combination(given: set[str], mode: str | None) -> None:
    if {"oobe", "audit"} <= given:
        raise _refused("/oobe and /audit exclude each other")
    if len(given & set(_ENDINGS)) > 1:
        raise _refused("only one of /reboot, /shutdown and /quit is possible")
    if not given & {"oobe", "audit", "generalize"}:
        raise _refused("one of /oobe, /audit and /generalize is needed; an offline run can't ask")
    if mode and not {"generalize", "oobe"} <= given:
        raise _refused("/mode:vm goes with /generalize and /oobe")


def _refused(why: str) -> UsageError:
    # Sysprep's own words, as its log has them (seen).
    return UsageError(
        f"Unable to parse command-line arguments to sysprep; GLE = 0x0: {why}.", _SYNTAX
    )
