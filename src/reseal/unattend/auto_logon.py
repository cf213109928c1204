r"""AutoLogon of an answer file, in the form in which Winlogon keeps it.

Documented (Microsoft, "Turn on automatic logon in Windows"; Unattended Windows Setup Reference, AutoLogon):
`Winlogon` AutoAdminLogon, DefaultUserName, DefaultPassword in plain text, DefaultDomainName, and
AutoLogonCount, which is LogonCount + 1 if LogonCount is above 0. That the setting ends up in exactly these
values: reported.
"""

from __future__ import annotations

from reseal.answerfile import Setting
from reseal.answerfile.secrets import password_of
from reseal.unattend.applier import Work, as_number, leaves

WINLOGON = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
_TEXTS = (("Username", "DefaultUserName"), ("Domain", "DefaultDomainName"))
_MOST = 2**32 - 2


def set_auto_logon(work: Work, wanted: Setting) -> None:
    """Stage the automatic logon; do nothing if the element does not say whether it is on.

    The record of the change shows only that there is a password.

    Raises:
        NotHiddenError: the password is marked as hidden but is not.
    """
    session = work.session
    password = wanted.child("Password")
    secret = password_of(password) if password else None
    enabled = wanted.child("Enabled")
    if enabled is None:
        return
    on = enabled.text.casefold() in {"true", "1"}
    session.set_text(WINLOGON, "AutoAdminLogon", str(int(on)))
    work.applied.add(enabled)
    if not on:
        return
    for leaf, value in _TEXTS:
        if (named := wanted.child(leaf)) is not None:
            session.set_text(WINLOGON, value, named.text)
            work.applied.add(named)
    if password is not None and secret is not None:
        session.set_text(WINLOGON, "DefaultPassword", secret.reveal())
        work.applied.update(leaves(password))
    count = wanted.child("LogonCount")
    number = as_number(count.text) if count else None
    if count is not None and number is not None and number <= _MOST:
        session.set_number(WINLOGON, "AutoLogonCount", number + 1 if number else 0)
        work.applied.add(count)
