"""`reseal unattend new`: make an answer file from options or questions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from reseal import answerfile
from reseal.answerfile import (
    Answers,
    Level,
    Secret,
    Target,
    product_keys,
)
from reseal.answerfile.assignment import completions
from reseal.cli import unattend_parts as parts
from reseal.cli.help import Command
from reseal.cli.options import (
    FILE_OR_STDIN,
    PATH,
    allow_backing_option,
    index_option,
    text_output_option,
    volume_option,
)
from reseal.cli.unattend_asking import asked
from reseal.errors import CheckError, UsageError
from reseal.operations.answers import STANDARD_INPUT
from reseal.operations.operation import Opening
from reseal.operations.unattend import windows_of

_FROM_FILE = "Read the {} from the first line of this file; - for standard input."
#: Architectures of Windows 10 and 11.
_ARCHITECTURES = ("x86", "amd64", "arm64")

#: Kinds of options.
_text = partial(click.option, default="")
_texts = partial(click.option, multiple=True)
_flag = partial(click.option, is_flag=True)
_number = partial(click.option, metavar="NUMBER")
_secret = partial(click.option, type=FILE_OR_STDIN, default="", metavar="FILE")

#: How the words of an option become a field of `Answers`, in the order in which secrets are read.
_PARSED: dict[str, Callable[[Any], object]] = {
    "administrator_password": parts.secret,
    "accounts": parts.accounts,
    "interfaces": parts.interfaces,
    "keyboard": ";".join,
    "oem": parts.oem,
    "run": parts.run,
    "settings": parts.settings,
}


def _complete_setting(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    # "nospace" is what bash is told by its own completion; zsh and fish take the words as they are.
    return [CompletionItem(one) for one in completions(incomplete)]


@click.command(cls=Command)
@_text("--computer-name", help="Set the computer name; * for a random one.")
@_text("--owner", help="Set the registered owner.")
@_text("--organization", help="Set the registered organization.")
@_text("--locale", help="Set formats and keyboard, such as de-DE.")
@_text("--language", help="Set the language of Windows, if it differs.")
@_text("--fallback-language", help="Set the fallback language, such as en-US.")
@_texts(
    "--keyboard",
    metavar="LAYOUT",
    help="Set the keyboard, such as 0409:00000409. Repeatable.",
)
@_text("--time-zone", help="Set the time zone by its Windows name.")
@_secret("--product-key-file", help=_FROM_FILE.format("product key"))
@_secret(
    "--administrator-password-file",
    "administrator_password",
    help=_FROM_FILE.format("password"),
)
@_texts(
    "--account",
    "accounts",
    metavar="NAME[,group=G]...[,password-file=FILE][,display-name=N]",
    help="Add a local account. Repeatable.",
)
@_text("--logon", metavar="NAME", help="Set the account that logs on automatically.")
@_flag("--logon-once", "once", help="Log it on automatically only once.")
@_number(
    "--logon-count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Set how many times it logs on; Windows adds one.",
)
@_text("--workgroup", help="Join this workgroup.")
@_text("--domain", help="Join this domain.")
@_text("--domain-user", metavar="[DOMAIN\\]USER", help="Join with this account.")
@_secret("--domain-password-file", help=_FROM_FILE.format("password"))
@_text("--domain-unit", help="Set the organizational unit.")
@_texts(
    "--interface",
    "interfaces",
    metavar="NAME,address=A/N[,KEY=VALUE]...",
    help="Set fixed addresses of a network interface. Repeatable keys: address, gateway, "
    "route=NETWORK@GATEWAY, dns; and once: suffix.",
)
@_texts(
    "--first-logon",
    "commands",
    metavar="COMMAND",
    help="Run a command at the first logon. Repeatable.",
)
@click.option(
    "--mode",
    type=click.Choice(["oobe", "audit"]),
    default="oobe",
    show_default=True,
    help="Choose what the image boots to.",
)
@_flag("--copy-profile", help="Use Administrator's profile as the default profile.")
@_texts(
    "--run",
    metavar="PASS:COMMAND",
    help=f"Run a command in {', '.join(parts.RUN)}. Repeatable.",
)
@_text(
    "--edition",
    metavar="NAME",
    help="Take the public product key of this edition, such as Windows 11 Pro.",
)
@_texts("--oem", metavar="KEY=TEXT", help=f"Set OEM information: {', '.join(parts.OEM)}.")
@_flag("--remote-desktop", help="Allow Remote Desktop, also in the firewall.")
@_texts(
    "--firewall-group",
    "firewall_groups",
    metavar="GROUP",
    help="Enable a firewall rule group.",
)
@_text("--wifi", metavar="NAME[,password-file=FILE]", help="Add a wireless network.")
@_number(
    "--password-days",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Set the days until passwords expire; 0 for never.",
)
@_number(
    "--lockout-attempts",
    type=click.IntRange(min=0, max=999),
    help="Lock an account after N wrong passwords; 0 for never.",
)
@_flag("--generalize", help="In audit mode: generalize and shut down (auditUser).")
@_flag("--persist-devices", help="Keep devices installed when generalizing.")
@_flag("--keep-absent-devices", help="Keep devices that are not present, too.")
@_flag("--skip-rearm", help="Don't rearm activation when generalizing.")
@_text(
    "--disk",
    "firmware",
    metavar="uefi|bios",
    type=click.Choice(["", "uefi", "bios"]),
    help="For Windows Setup: wipe and lay out a disk for this firmware.",
)
@_number(
    "--disk-number", type=click.IntRange(min=0), default=0, metavar="N", help="Choose the disk."
)
@_text(
    "--image",
    metavar="NAME|INDEX",
    help="For Windows Setup: choose the image to install.",
)
@_texts(
    "--set",
    "settings",
    metavar="PASS/COMPONENT/SETTING=VALUE",
    shell_complete=_complete_setting,
    help="Set any other setting, such as oobeSystem/Shell-Setup/OOBE/ProtectYourPC=3; list items have a "
    "number: SynchronousCommand[1].",
)
@click.option(
    "--from",
    "image_file",
    type=PATH,
    metavar="IMAGE",
    help="Take architecture, language and edition from the Windows in this image.",
)
@volume_option
@index_option
@allow_backing_option
@_flag("--show-pages", help="Show the OOBE pages to the user.")
@_texts(
    "--architecture",
    type=click.Choice(_ARCHITECTURES),
    help="Choose the architecture of Windows; several make several files.",
)
@_flag("--ask", help="Ask for settings that no option sets.")
@text_output_option
def new(
    *,
    language: str,
    edition: str,
    product_key_file: str,
    domain: str,
    domain_user: str,
    domain_password_file: str,
    domain_unit: str,
    mode: str,
    wifi: str,
    firmware: str,
    disk_number: int,
    image: str,
    image_file: Path | None,
    volume: str | None,
    index: int | None,
    allow_backing: bool,
    show_pages: bool,
    architecture: tuple[str, ...],
    ask: bool,
    output: Path | None,
    **fields: Any,
) -> None:
    """Make an answer file from options or, with --ask, from questions."""
    target = _target(image_file, Opening(volume=volume, index=index, allow_backing=allow_backing))
    product_key = _product_key(edition, product_key_file, target if firmware else Target())
    for name, parse in _PARSED.items():
        fields[name] = parse(fields[name])
    answers = Answers(
        language=language or _language_of(target),
        product_key=product_key,
        domain=parts.domain_join(domain, domain_user, domain_password_file, domain_unit),
        audit=mode == "audit",
        hide_pages=not show_pages,
        wireless=parts.wireless(wifi),
        setup=parts.disk(firmware, disk_number, image),
        build=target.build,
        **fields,
    )
    if ask:
        answers = asked(answers)
    _write(answers, architecture, target, output)


def _write(
    answers: Answers, architecture: tuple[str, ...], target: Target, output: Path | None
) -> None:
    """Make a file for each architecture, and write or print it."""
    own = (target.architecture,) if target.architecture else ("amd64",)
    architectures = architecture or own
    printed = output is None or str(output) == STANDARD_INPUT
    if len(architectures) > 1 and printed:
        msg = "several architectures make several files"
        raise UsageError(msg, "Say with --output where they are to be written.")
    for name in architectures:
        # A file for another architecture is for another image than the one that was looked at.
        data = _make(answers, name, target if name in own else Target())
        if output is None or printed:
            click.echo(data, nl=False)
        else:
            several = len(architectures) > 1
            path = output.with_stem(f"{output.stem}-{name}") if several else output
            _create(path, data)


def _target(image: Path | None, opening: Opening) -> Target:
    """Look at the Windows of an image; any Windows where none is named."""
    if image is None:
        if opening != Opening():
            msg = "--volume, --index and --allow-backing belong to an image."
            raise UsageError(msg, "Name it with --from IMAGE.")
        return Target()
    return windows_of(image, opening)


def _language_of(target: Target) -> str:
    """Return the language of an image that has one; the person says which of several."""
    languages = target.languages or frozenset()
    return next(iter(languages)) if len(languages) == 1 else ""


def _product_key(edition: str, file: str, target: Target) -> Secret | None:
    """Return the key that is named, or the public one of an image that Setup is to install."""
    if edition and file:
        msg = "--edition and --product-key-file are two product keys"
        raise UsageError(msg, "Leave one of them out.")
    if edition or file:
        return parts.public_key(edition) or parts.secret(file)
    product = product_keys.installed(target.edition, target.build)
    key = product_keys.key_for(product) if product else ""
    return Secret(key) if key else None


def _make(answers: Answers, architecture: str, target: Target) -> bytes:
    """Return a file without errors; warnings and notes go to standard error."""
    document = answerfile.make(answers, architecture)
    findings = answerfile.check(document, target)
    # Some settings, such as the locale, are in two passes.
    said = {
        f"{finding.level}: {finding.what}; {finding.why}; {finding.instead}": None
        for finding in findings
        if finding.level is not Level.NOTE
    }
    for sentence in said:
        click.echo(sentence, err=True)
    if any(finding.level is Level.ERROR for finding in findings):
        msg = "no answer file was made, since Windows would not accept it"
        raise CheckError(msg, "Change the options that the errors above name.")
    return document.to_bytes()


def _create(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read."""
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(data)
    except FileExistsError as error:
        msg = f"{path} exists already"
        raise UsageError(msg, "Delete it or choose another name.") from error
    except OSError as error:
        msg = f"{path} can't be written: {error.strerror}"
        raise UsageError(msg) from error
