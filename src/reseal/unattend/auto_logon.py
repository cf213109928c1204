r"""AutoLogon of an answer file, as Winlogon keeps it.

Documented (Microsoft, "Turn on automatic logon in Windows"; Unattended Windows Setup Reference, AutoLogon):
`Winlogon` AutoAdminLogon, DefaultUserName, DefaultPassword in plain text, DefaultDomainName, and
AutoLogonCount, which is one more than LogonCount where that is above 0. That the setting ends up in just
these values: reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.answerfile.secrets import password_of
from reseal.session import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.answerfile import Setting
    from reseal.session import Session

WINLOGON = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
STEP = "auto-logon"
#: What of the setting ends up in the registry, by its path below AutoLogon.
LEAVES = ("Enabled", "Username", "Domain", "LogonCount", "Password/Value", "Password/PlainText")
_MOST = 2**32 - 2


def set_auto_logon(session: Session, wanted: Setting) -> list[Setting]:
    """Stage who logs on by itself.

    The record of the change says that there is a password, and nothing more of it.

    Args:
        session: the opened installation.
        wanted: the AutoLogon element.

    Returns:
        The leaves that were applied; none where the element does not say whether it is on.

    Raises:
        NotHiddenError: the password is marked as hidden and is not.
    """
    password = wanted.child("Password")
    secret = password_of(password) if password else None
    enabled = wanted.child("Enabled")
    if enabled is None:
        return []
    on = enabled.text.casefold() in {"true", "1"}
    used = [enabled]
    with session.acting(STEP, Mark.REPORTED):
        session.set_text(WINLOGON, "AutoAdminLogon", str(int(on)))
        if not on:
            return used
        for leaf, value in (("Username", "DefaultUserName"), ("Domain", "DefaultDomainName")):
            named = wanted.child(leaf)
            if named is not None:
                session.set_text(WINLOGON, value, named.text)
                used.append(named)
        if password is not None and secret is not None:
            session.set_text(WINLOGON, "DefaultPassword", secret.reveal())
            used += _leaves(password)
        count = wanted.child("LogonCount")
        if count is not None and count.text.isdecimal() and int(count.text[:11]) <= _MOST:
            number = int(count.text)
            session.set_number(WINLOGON, "AutoLogonCount", number + 1 if number else 0)
            used.append(count)
    return used


def _leaves(setting: Setting) -> Iterator[Setting]:
    return (one for one in setting.settings() if not one.children)
