"""`reseal unattend new`: make an answer file from options or questions."""

from __future__ import annotations

from pathlib import Path

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


def _complete_setting(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    # "nospace" is what bash is told by its own completion; zsh and fish take the words as they are.
    return [CompletionItem(one) for one in completions(incomplete)]


@click.command(cls=Command)
@click.option("--computer-name", default="", help="Set the computer name; * for a random one.")
@click.option("--owner", default="", help="Set the registered owner.")
@click.option("--organization", default="", help="Set the registered organization.")
@click.option("--locale", default="", help="Set formats and keyboard, such as de-DE.")
@click.option("--language", default="", help="Set the language of Windows, if it differs.")
@click.option("--fallback-language", default="", help="Set the fallback language, such as en-US.")
@click.option(
    "--keyboard",
    multiple=True,
    metavar="LAYOUT",
    help="Set the keyboard, such as 0409:00000409. Repeatable.",
)
@click.option("--time-zone", default="", help="Set the time zone by its Windows name.")
@click.option(
    "--product-key-file",
    type=FILE_OR_STDIN,
    default="",
    metavar="FILE",
    help=_FROM_FILE.format("product key"),
)
@click.option(
    "--administrator-password-file",
    type=FILE_OR_STDIN,
    default="",
    metavar="FILE",
    help=_FROM_FILE.format("password"),
)
@click.option(
    "--account",
    multiple=True,
    metavar="NAME[,group=G]...[,password-file=FILE][,display-name=N]",
    help="Add a local account. Repeatable.",
)
@click.option(
    "--logon", default="", metavar="NAME", help="Set the account that logs on automatically."
)
@click.option("--logon-once", is_flag=True, help="Log it on automatically only once.")
@click.option(
    "--logon-count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="NUMBER",
    help="Set how many times it logs on; Windows adds one.",
)
@click.option("--workgroup", default="", help="Join this workgroup.")
@click.option("--domain", default="", help="Join this domain.")
@click.option("--domain-user", default="", metavar="[DOMAIN\\]USER", help="Join with this account.")
@click.option(
    "--domain-password-file",
    type=FILE_OR_STDIN,
    default="",
    metavar="FILE",
    help=_FROM_FILE.format("password"),
)
@click.option("--domain-unit", default="", help="Set the organizational unit.")
@click.option(
    "--interface",
    multiple=True,
    metavar="NAME,address=A/N[,KEY=VALUE]...",
    help="Set fixed addresses of a network interface. Repeatable keys: address, gateway, "
    "route=NETWORK@GATEWAY, dns; and once: suffix.",
)
@click.option(
    "--first-logon",
    multiple=True,
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
@click.option(
    "--copy-profile", is_flag=True, help="Use Administrator's profile as the default profile."
)
@click.option(
    "--run",
    "run_commands",
    multiple=True,
    metavar="PASS:COMMAND",
    help=f"Run a command in {', '.join(parts.RUN)}. Repeatable.",
)
@click.option(
    "--edition",
    default="",
    metavar="NAME",
    help="Take the public product key of this edition, such as Windows 11 Pro.",
)
@click.option(
    "--oem",
    multiple=True,
    metavar="KEY=TEXT",
    help=f"Set OEM information: {', '.join(parts.OEM)}.",
)
@click.option("--remote-desktop", is_flag=True, help="Allow Remote Desktop, also in the firewall.")
@click.option(
    "--firewall-group", multiple=True, metavar="GROUP", help="Enable a firewall rule group."
)
@click.option(
    "--wifi", default="", metavar="NAME[,password-file=FILE]", help="Add a wireless network."
)
@click.option(
    "--password-days",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Set the days until passwords expire; 0 for never.",
)
@click.option(
    "--lockout-attempts",
    type=click.IntRange(min=0, max=999),
    metavar="NUMBER",
    help="Lock an account after N wrong passwords; 0 for never.",
)
@click.option(
    "--generalize", is_flag=True, help="In audit mode: generalize and shut down (auditUser)."
)
@click.option("--persist-devices", is_flag=True, help="Keep devices installed when generalizing.")
@click.option("--keep-absent-devices", is_flag=True, help="Keep devices that are not present, too.")
@click.option("--skip-rearm", is_flag=True, help="Don't rearm activation when generalizing.")
@click.option(
    "--disk",
    "firmware",
    default="",
    metavar="uefi|bios",
    type=click.Choice(["", "uefi", "bios"]),
    help="For Windows Setup: wipe and lay out a disk for this firmware.",
)
@click.option(
    "--disk-number", type=click.IntRange(min=0), default=0, metavar="N", help="Choose the disk."
)
@click.option(
    "--image",
    default="",
    metavar="NAME|INDEX",
    help="For Windows Setup: choose the image to install.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
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
@click.option("--show-pages", is_flag=True, help="Show the OOBE pages to the user.")
@click.option(
    "--architecture",
    type=click.Choice(_ARCHITECTURES),
    multiple=True,
    help="Choose the architecture of Windows; several make several files.",
)
@click.option("--ask", is_flag=True, help="Ask for settings that no option sets.")
@text_output_option
def new(
    computer_name: str,
    owner: str,
    organization: str,
    locale: str,
    language: str,
    fallback_language: str,
    keyboard: tuple[str, ...],
    time_zone: str,
    product_key_file: str,
    administrator_password_file: str,
    account: tuple[str, ...],
    logon: str,
    logon_once: bool,
    logon_count: int,
    workgroup: str,
    domain: str,
    domain_user: str,
    domain_password_file: str,
    domain_unit: str,
    interface: tuple[str, ...],
    first_logon: tuple[str, ...],
    mode: str,
    copy_profile: bool,
    run_commands: tuple[str, ...],
    edition: str,
    oem: tuple[str, ...],
    remote_desktop: bool,
    firewall_group: tuple[str, ...],
    wifi: str,
    password_days: int | None,
    lockout_attempts: int | None,
    generalize: bool,
    persist_devices: bool,
    keep_absent_devices: bool,
    skip_rearm: bool,
    firmware: str,
    disk_number: int,
    image: str,
    settings: tuple[str, ...],
    image_file: Path | None,
    volume: str | None,
    index: int | None,
    allow_backing: bool,
    show_pages: bool,
    architecture: tuple[str, ...],
    ask: bool,
    output: Path | None,
) -> None:
    """Make an answer file from options or, with --ask, from questions."""
    target = _target(image_file, Opening(volume=volume, index=index, allow_backing=allow_backing))
    answers = Answers(
        computer_name=computer_name,
        owner=owner,
        organization=organization,
        locale=locale,
        language=language or _language_of(target),
        fallback_language=fallback_language,
        keyboard=";".join(keyboard),
        time_zone=time_zone,
        product_key=_product_key(edition, product_key_file, target if firmware else Target()),
        administrator_password=parts.secret(administrator_password_file),
        accounts=tuple(parts.account(text) for text in account),
        logon=logon,
        once=logon_once,
        logon_count=logon_count,
        domain=parts.domain_join(domain, domain_user, domain_password_file, domain_unit),
        workgroup=workgroup,
        interfaces=tuple(parts.interface(text) for text in interface),
        commands=first_logon,
        run=parts.run(run_commands),
        audit=mode == "audit",
        copy_profile=copy_profile,
        hide_pages=not show_pages,
        oem=parts.oem(oem),
        remote_desktop=remote_desktop,
        firewall_groups=firewall_group,
        wireless=parts.wireless(wifi),
        password_days=password_days,
        lockout_attempts=lockout_attempts,
        generalize=generalize,
        persist_devices=persist_devices,
        keep_absent_devices=keep_absent_devices,
        skip_rearm=skip_rearm,
        setup=parts.disk(firmware, disk_number, image),
        settings=parts.settings(settings),
        build=target.build,
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
