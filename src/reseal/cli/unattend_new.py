"""`reseal unattend new`: make an answer file from options or questions."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from reseal import answerfile
from reseal.answerfile import (
    Answers,
    DomainJoin,
    Level,
    NewAccount,
    NewInterface,
    Secret,
)
from reseal.answerfile.new import DEFAULT_GROUPS
from reseal.cli.help import Command
from reseal.cli.options import FILE_OR_STDIN, PATH
from reseal.errors import CheckError, UsageError

_FROM_FILE = "A file whose first line is the {}; - for a line of standard input."
#: What Windows 10 and 11 are built for.
_ARCHITECTURES = ("x86", "amd64", "arm64")


@click.command(cls=Command)
@click.option("--computer-name", default="", help="The name, or * for a random one.")
@click.option("--owner", default="", help="To whom Windows is registered.")
@click.option("--organization", default="", help="The organization.")
@click.option("--locale", default="", help="Formats and keyboard, such as de-DE.")
@click.option("--language", default="", help="Language of Windows, if another.")
@click.option("--keyboard", default="", help="Keyboard, if another, such as 0409:00000409.")
@click.option("--time-zone", default="", help="As Windows names it.")
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
    help="A local account to make.",
)
@click.option("--logon", default="", metavar="NAME", help="The account that logs on by itself.")
@click.option(
    "--logon-count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="NUMBER",
    help="How often; Windows adds one.",
)
@click.option("--workgroup", default="", help="The workgroup to join.")
@click.option("--domain", default="", help="The domain to join.")
@click.option("--domain-user", default="", metavar="[DOMAIN\\]USER", help="Who may join machines.")
@click.option(
    "--domain-password-file",
    type=FILE_OR_STDIN,
    default="",
    metavar="FILE",
    help=_FROM_FILE.format("password"),
)
@click.option("--domain-unit", default="", help="The organizational unit.")
@click.option(
    "--interface",
    multiple=True,
    metavar="NAME,address=A/N[,gateway=A][,dns=A]...[,suffix=D]",
    help="A network interface with fixed addresses.",
)
@click.option(
    "--first-logon",
    multiple=True,
    metavar="COMMAND",
    help="A command for the first logon, in order.",
)
@click.option(
    "--mode",
    type=click.Choice(["oobe", "audit"]),
    default="oobe",
    show_default=True,
    help="What the image boots to.",
)
@click.option(
    "--copy-profile", is_flag=True, help="Administrator's profile becomes the default profile."
)
@click.option("--show-pages", is_flag=True, help="Leave the pages of OOBE to whoever sits there.")
@click.option(
    "--architecture",
    type=click.Choice(_ARCHITECTURES),
    multiple=True,
    help="Of the Windows it is for; several: files.",
)
@click.option("--ask", is_flag=True, help="Ask for what no option says.")
@click.option("--output", "-o", type=PATH, metavar="FILE", help="Write here instead of printing.")
def new(
    computer_name: str,
    owner: str,
    organization: str,
    locale: str,
    language: str,
    keyboard: str,
    time_zone: str,
    product_key_file: str,
    administrator_password_file: str,
    account: tuple[str, ...],
    logon: str,
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
    show_pages: bool,
    architecture: tuple[str, ...],
    ask: bool,
    output: Path | None,
) -> None:
    """Make an answer file from options or, with --ask, from questions."""
    answers = Answers(
        computer_name=computer_name,
        owner=owner,
        organization=organization,
        locale=locale,
        language=language,
        keyboard=keyboard,
        time_zone=time_zone,
        product_key=_secret(product_key_file),
        administrator_password=_secret(administrator_password_file),
        accounts=tuple(_account(text) for text in account),
        logon=logon,
        logon_count=logon_count,
        domain=_domain(domain, domain_user, domain_password_file, domain_unit),
        workgroup=workgroup,
        interfaces=tuple(_interface(text) for text in interface),
        commands=first_logon,
        audit=mode == "audit",
        copy_profile=copy_profile,
        hide_pages=not show_pages,
    )
    if ask:
        answers = _asked(answers)
    architectures = architecture or ("amd64",)
    if len(architectures) > 1 and output is None:
        msg = "several architectures make several files"
        raise UsageError(msg, "Say with --output where they are to be written.")
    for name in architectures:
        data = _make(answers, name)
        if output is None:
            click.echo(data, nl=False)
        else:
            several = len(architectures) > 1
            path = output.with_stem(f"{output.stem}-{name}") if several else output
            _create(path, data)


def _make(answers: Answers, architecture: str) -> bytes:
    """Return a file without errors; warnings and notes go to standard error."""
    document = answerfile.make(answers, architecture)
    findings = answerfile.check(document)
    # The locale, for one, stands in two passes.
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


def _secret(file: str) -> Secret | None:
    """Read a secret: the first line of a file, or a line of standard input."""
    if not file:
        return None
    try:
        if file == "-":
            return Secret(sys.stdin.readline().rstrip("\r\n"))
        with Path(file).open(encoding="utf-8-sig") as lines:
            return Secret(lines.readline().rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"no secret can be read from {file}"
        raise UsageError(msg) from error


def _parts(text: str, option: str, allowed: frozenset[str]) -> tuple[str, dict[str, list[str]]]:
    """Split `NAME,key=value,…`."""
    name, *rest = text.split(",")
    values: dict[str, list[str]] = {key: [] for key in allowed}
    for part in rest:
        key, sign, value = part.partition("=")
        if not sign or key not in allowed:
            msg = f"--{option} does not understand {part}"
            raise UsageError(
                msg, f"It knows {', '.join(sorted(allowed))}, each with = and a value."
            )
        values[key].append(value)
    if not name:
        msg = f"--{option} needs a name first"
        raise UsageError(msg)
    return name, values


def _account(text: str) -> NewAccount:
    name, values = _parts(text, "account", frozenset({"group", "password-file", "display-name"}))
    return NewAccount(
        name=name,
        password=_secret("".join(values["password-file"][:1])),
        groups=tuple(values["group"]) or DEFAULT_GROUPS,
        display_name="".join(values["display-name"][:1]),
    )


def _interface(text: str) -> NewInterface:
    name, values = _parts(text, "interface", frozenset({"address", "gateway", "dns", "suffix"}))
    return NewInterface(
        identifier=name,
        addresses=tuple(values["address"]),
        gateway="".join(values["gateway"][:1]),
        servers=tuple(values["dns"]),
        domain="".join(values["suffix"][:1]),
    )


def _domain(domain: str, user: str, password_file: str, unit: str) -> DomainJoin | None:
    if not domain:
        return None
    password = _secret(password_file)
    if not user or password is None:
        msg = "joining a domain needs a user and a password"
        raise UsageError(msg, "Add --domain-user and --domain-password-file.")
    return DomainJoin(domain, user, password, unit)


# Complex: one question after the other.
def _asked(answers: Answers) -> Answers:
    """Ask for what no option has said; an empty answer leaves a setting out."""
    answers = replace(
        answers,
        computer_name=answers.computer_name or _text("Computer name (* for a random one)"),
        locale=answers.locale or _text("Locale, such as de-DE"),
        time_zone=answers.time_zone or _text("Time zone, such as W. Europe Standard Time"),
        product_key=answers.product_key or _hidden("Product key"),
        administrator_password=answers.administrator_password
        or _hidden("Password of the built-in Administrator"),
    )
    if not answers.accounts and (name := _text("Name of a local administrator")):
        account = NewAccount(name, _hidden(f"Password of {name}"), ("Administrators",))
        answers = replace(answers, accounts=(account,))
    if not answers.interfaces and (address := _text("Fixed address, such as 192.0.2.10/24")):
        interface = NewInterface(
            identifier=_text("Its network interface", "Ethernet"),
            addresses=(address,),
            gateway=_text("Gateway"),
            servers=tuple(_text("DNS servers, with spaces between them").split()),
        )
        answers = replace(answers, interfaces=(interface,))
    if answers.domain is None and not answers.workgroup and (domain := _text("Domain to join")):
        user = _text("Who may join machines")
        password = _hidden(f"Password of {user}") or Secret("")
        answers = replace(answers, domain=DomainJoin(domain, user, password))
    commands = list(answers.commands)
    while not answers.commands and (command := _text("Command for the first logon")):
        commands.append(command)
    return replace(
        answers,
        commands=tuple(commands),
        audit=answers.audit or _yes("Boot to audit mode instead of the out-of-box experience?"),
        copy_profile=answers.copy_profile
        or _yes("Make the profile of the built-in Administrator the default profile?"),
    )


def _text(question: str, default: str = "") -> str:
    return str(click.prompt(question, default=default, show_default=bool(default), err=True))


def _hidden(question: str) -> Secret | None:
    def ask(text: str) -> str:
        return str(click.prompt(text, default="", show_default=False, hide_input=True, err=True))

    answer = ask(question)
    if answer and ask("Once more") != answer:
        msg = "the two answers differ"
        raise UsageError(msg, "Start again.")
    return Secret(answer) if answer else None


def _yes(question: str) -> bool:
    return click.confirm(question, default=False, err=True)
