"""The questions of `reseal unattend new --ask`."""

from __future__ import annotations

from dataclasses import replace

import click

from reseal.answerfile import Answers, DomainJoin, NewAccount, NewInterface, Secret
from reseal.errors import UsageError


# Complex: one question after the other.
def asked(answers: Answers) -> Answers:
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
