"""Passwords: hidden rightly, readable, or deleted already."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.answerfile.components import COMMANDS
from reseal.answerfile.document import Setting
from reseal.answerfile.findings import Context, Level, Problem, rule
from reseal.answerfile.secrets import (
    DELETED,
    NotHiddenError,
    holds_password,
    is_product_key,
    is_secret,
    secrets,
    unhide,
)
from reseal.answerfile.variables import is_template
from reseal.mark import Mark


def _values(context: Context, *, hidden: bool) -> Iterator[Setting]:
    """Yield the Value of the password elements whose PlainText says so."""
    for value in secrets(context.document):
        if value.name != "Value" or not isinstance(value.parent, Setting):
            continue
        flag = value.parent.text_of("PlainText").casefold() == "false"
        if flag == hidden and not is_template(value.text):
            yield value


@rule(
    "hidden-password",
    Level.ERROR,
    mark=Mark.SEEN,
    source="21 real files and the examples of the reference: base64 of UTF-16LE, element's "
    "name last",
)
def hidden_password(context: Context) -> Iterator[Problem]:
    """A password with PlainText false has the hidden form of Windows."""
    for value in _values(context, hidden=True):
        name = value.parent.name
        try:
            unhide(value.text, name)
        except NotHiddenError as error:
            yield Problem(
                value.value_position,
                error.message,
                "PlainText is false, so Windows decodes it to a different password",
                "hide it with `reseal unattend hide-secrets`, or write <PlainText>true</PlainText>",
            )


@rule(
    "hidden-password-flag",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, PlainText: true is the default",
)
def hidden_password_flag(context: Context) -> Iterator[Problem]:
    """A hidden password is marked as hidden."""
    for value in _values(context, hidden=False):
        try:
            unhide(value.text, value.parent.name)
        except NotHiddenError:
            continue
        yield Problem(
            value.value_position,
            "the password looks hidden, but PlainText is not false",
            "Windows takes the encoded text itself as the password",
            "write <PlainText>false</PlainText>",
        )


@rule(
    "deleted-secret",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Windows Setup Automation Overview; seen: the text itself in a build log",
)
def deleted_secret(context: Context) -> Iterator[Problem]:
    """A secret that Windows has deleted from the file is only in a completed pass."""
    for setting in context.document.settings():
        if setting.text == DELETED and not setting.component.pass_settings.was_processed:
            yield Problem(
                setting.value_position,
                "Windows has deleted the secret that was here",
                "the pass would use this text instead",
                "write the secret again",
            )


@rule(
    "plain-text-secret",
    Level.NOTE,
    mark=Mark.DOCUMENTED,
    source="Best Practices for Authoring Answer Files, Improve Security for Answer Files",
)
def plain_text_secret(context: Context) -> Iterator[Problem]:
    """A password is readable in the file."""
    for value in secrets(context.document):
        if is_product_key(value) or is_template(value.text):
            continue
        if (
            isinstance(value.parent, Setting)
            and value.parent.text_of("PlainText").casefold() == "false"
        ):
            continue
        hideable = value.name == "Value"
        yield Problem(
            value.value_position,
            "this secret is in plain text",
            "everyone who can read the file can read it",
            "hide it with `reseal unattend hide-secrets`, and still keep the file safe"
            if hideable
            else "Windows has no hidden form for it, so keep the file safe",
        )
    for component, path, leaf in COMMANDS:
        for command in context.at(component, f"{path}/{leaf}"):
            if holds_password(command.text):
                yield Problem(
                    command.value_position,
                    "this command holds a password",
                    "everyone who can read the file can read it, and logs may keep it",
                    "let the command read it from a file that only administrators can read",
                )


@rule(
    "password-beside-value",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, LocalAccount Password: PlainText and Value",
)
def password_beside_value(context: Context) -> Iterator[Problem]:
    """The password of an account is in Value."""
    for setting, schema in context.known:
        if not schema.is_container or not is_secret(setting) or is_product_key(setting):
            continue
        if setting.text and setting.text != DELETED:
            yield Problem(
                setting.value_position,
                f"the password is directly in {schema.name}",
                "Windows looks for it in <Value> and ignores this",
                "put it into <Value>",
            )
