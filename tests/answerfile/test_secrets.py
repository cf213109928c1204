"""Passwords: how Windows hides them, and that nobody sees them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.answerfile import Secret, check, hide_passwords, scrub, show
from reseal.answerfile.secrets import (
    HIDDEN,
    NotHiddenError,
    conceal,
    hide,
    password_of,
    unhide,
)
from tests.answerfile.judges import canonical, texts
from tests.answerfile.samples import JOIN, SHELL, document, one

#: Hidden passwords as others wrote them: the examples of Microsoft's reference (the first without
#: padding, as it stands there) and real answer files.
EXAMPLES = [
    ("cAB3AFAAYQBzAHMAdwBvAHIAZAA", "Password", "pw"),
    ("cABhAHMAcwB3AG8AcgBkAFAAYQBzAHMAdwBvAHIAZAA=", "Password", "password"),
    ("UABhAHMAcwB3AG8AcgBkADEAMgAzADQANgBQAGEAcwBzAHcAbwByAGQA", "Password", "Password12346"),
    (
        "YwBvAG0AcABsAGUAeABfAHAAYQBzAHMAdwBvAHIAZABQAGEAcwBzAHcAbwByAGQA",
        "Password",
        "complex_password",
    ),
    (
        "cAB3AEEAZABtAGkAbgBpAHMAdAByAGEAdABvAHIAUABhAHMAcwB3AG8AcgBkAA==",
        "AdministratorPassword",
        "pw",
    ),
    # The example of OfflineAdministratorPassword ends with the shorter name.
    (
        "cAB3AEEAZABtAGkAbgBpAHMAdAByAGEAdABvAHIAUABhAHMAcwB3AG8AcgBkAA==",
        "OfflineAdministratorPassword",
        "pw",
    ),
    ("YQBkAG0AaQBuAFAAYQBzAHMAdwBvAHIAZAA=", "Password", "admin"),
    ("dgBhAGcAcgBhAG4AdABQAGEAcwBzAHcAbwByAGQA", "Password", "vagrant"),
]


@pytest.mark.parametrize(("value", "element", "password"), EXAMPLES)
def test_examples_of_others(value: str, element: str, password: str) -> None:
    assert unhide(value, element) == password
    # Decoded without our code:
    assert (
        base64.b64decode(value + "=" * (-len(value) % 4)).decode("utf-16-le").startswith(password)
    )


@pytest.mark.parametrize(
    ("element", "passwords"),
    [("Password", ["pw", "password", "admin"]), ("AdministratorPassword", ["pw"])],
)
def test_we_hide_as_others_do(element: str, passwords: list[str]) -> None:
    theirs = {(e, p): v for v, e, p in EXAMPLES}
    for password in passwords:
        assert hide(password, element).rstrip("=") == theirs[element, password].rstrip("=")


@given(
    st.text(st.characters(codec="utf-16")), st.sampled_from(["Password", "AdministratorPassword"])
)
def test_what_is_hidden_comes_back(password: str, element: str) -> None:
    assert unhide(hide(password, element), element) == password


@pytest.mark.parametrize(
    "value", ["hunter2", "aAB1AG4AdABlAHIAMgA=", "AAA=", "", "ß", "=====", "QQ"]
)
def test_what_is_not_hidden_is_an_error_without_the_value(value: str) -> None:
    with pytest.raises(NotHiddenError) as caught:
        unhide(value, "Password")

    assert not value or value not in caught.value.message
    assert caught.value.__cause__ is None


ACCOUNTS = one(
    "oobeSystem",
    SHELL,
    "<UserAccounts>\n"
    "  <AdministratorPassword><Value>geheim &amp; so</Value></AdministratorPassword>\n"
    '  <LocalAccounts><LocalAccount wcm:action="add"><Name>bob</Name>\n'
    "    <Password><PlainText>true</PlainText><Value> spaces </Value></Password>\n"
    "  </LocalAccount></LocalAccounts>\n"
    "</UserAccounts>",
)


def test_hiding_passwords() -> None:
    before = document(ACCOUNTS)
    after, left = hide_passwords(before)
    administrator, password = [s for s in after.settings() if s.name.endswith("Password")]

    assert left == []
    assert administrator.text_of("PlainText") == "false"
    assert unhide(administrator.text_of("Value"), "AdministratorPassword") == "geheim & so"
    assert unhide(password.text_of("Value"), "Password") == " spaces "
    assert password_of(password) == Secret(" spaces ")
    # Nothing else has changed: with the old texts and without the new flag it is the same document.
    text = after.to_bytes().decode()
    for setting, old in ((administrator, "geheim &amp; so"), (password, " spaces ")):
        text = text.replace(setting.text_of("Value"), old)
    text = text.replace("<PlainText>false</PlainText></Adm", "</Adm").replace(">false<", ">true<")
    assert canonical(text.encode()) == canonical(before.to_bytes())


def test_what_can_not_be_hidden_is_left_and_named() -> None:
    text = one(
        "offlineServicing",
        SHELL,
        "<OfflineUserAccounts><OfflineAdministratorPassword><Value>pw</Value>"
        "</OfflineAdministratorPassword></OfflineUserAccounts>",
    )
    after, left = hide_passwords(document(text))

    assert after.to_bytes() == text.encode()
    assert [setting.path for setting in left] == [
        "OfflineUserAccounts/OfflineAdministratorPassword/Value"
    ]


def test_domain_passwords_are_left_and_named() -> None:
    text = one(
        "specialize",
        JOIN,
        "<Identification><Credentials><Password>pw</Password></Credentials></Identification>",
    )
    after, left = hide_passwords(document(text))

    assert texts(after.to_bytes()) == texts(text.encode())
    assert [setting.name for setting in left] == ["Password"]


def test_a_secret_never_shows_itself() -> None:
    secret = Secret("hunter2")

    assert f"{secret} {secret!r} {[secret]}" == f"{HIDDEN} {HIDDEN} [{HIDDEN}]"
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2")
    assert secret != "hunter2"
    assert bool(secret)
    assert not Secret("")


COMMANDS = [
    ("net user bob hunter2 /add", "net user bob (hidden) /add"),
    ('net.exe  user "Bob B" "hunter 2"', 'net.exe  user "Bob B" (hidden)'),
    ("net user bob /active:yes", "net user bob /active:yes"),
    ("tool /password:hunter2 /quiet", "tool /password:(hidden) /quiet"),
    ("tool --password=hunter2", "tool --password=(hidden)"),
    ("tool -AdminPassword hunter2 -x", "tool -AdminPassword (hidden) -x"),
    ("tool -Password -Force", "tool -Password -Force"),
    (
        "powershell ConvertTo-SecureString 'hunter2' -AsPlainText -Force",
        "powershell ConvertTo-SecureString (hidden) -AsPlainText -Force",
    ),
    (
        'reg add "HKLM\\...\\Winlogon" /v DefaultPassword /t REG_SZ /d hunter2 /f',
        'reg add "HKLM\\...\\Winlogon" /v DefaultPassword /t REG_SZ /d (hidden) /f',
    ),
    ("curl https://bob:hunter2@example.org/x", "curl https://bob:(hidden)@example.org/x"),
    ("wmic useraccount where \"name='v'\" set PasswordExpires=FALSE",) * 2,
    (r"cmd /c C:\passwords\set.cmd",) * 2,
]


@pytest.mark.parametrize(("command", "said"), COMMANDS)
def test_passwords_in_commands(command: str, said: str) -> None:
    assert conceal(command) == said


@pytest.mark.parametrize(
    "body",
    [
        "<Pasword><Value>hunter2</Value></Pasword>",
        "<AdministratorPasswrod><Value>hunter2</Value></AdministratorPasswrod>",
        "<Passwords>hunter2</Passwords>",
        "<Secret><Value>hunter2</Value><PlainText>true</PlainText></Secret>",
        "<Password>hunter2<PlainText>true</PlainText></Password>",
    ],
)
def test_passwords_under_wrong_names_are_not_shown_either(body: str) -> None:
    answer_file = document(one("oobeSystem", SHELL, f"<UserAccounts>{body}</UserAccounts>"))

    said = [str(finding) for finding in check(answer_file)]
    said += [step.text for passes in show(answer_file) for step in passes.steps]
    assert "hunter2" not in " ".join(said)
    assert b"hunter2" not in scrub(answer_file).document.to_bytes()
