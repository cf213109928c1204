"""Steps on the accounts of the machine."""

from __future__ import annotations

from reseal.customize.step import Argument, Group, Kind, step
from reseal.mark import Mark

_REPORTED = "libyal winreg-kb, Security Account Manager; impacket"
_USER = Argument("user", "the name of a local account", Kind.NAME)


@step(
    "remove-user",
    Group.ACCOUNTS,
    _USER,
    mark=Mark.INFERRED,
    source="what Windows keeps of an account is seen in real hives; that nothing else needs it, inferred",
    example=("vagrant",),
    work="reseal.customize.accounts:remove_user",
)
def remove_user() -> None:
    """Remove a local account with all that is its own.

    Its account in SAM and its memberships go, its profile with the folder, its keys, its tasks and its
    app packages. Where its SID has to stand for something, as in permissions, that of an account that
    does not exist takes its place. The last administrator who can log on stays, unless it is forced with
    --force last-administrator.
    """


@step(
    "password",
    Group.ACCOUNTS,
    _USER,
    Argument("password", "file:PATH, a file of this machine with the password in its first line"),
    mark=Mark.REPORTED,
    source=_REPORTED,
    example=("Administrator:file:secret.txt",),
    work="reseal.customize.accounts:Password",
)
def password() -> None:
    """Give a local account a password, which is read from a file; it appears nowhere else."""


@step(
    "disable-user",
    Group.ACCOUNTS,
    _USER,
    mark=Mark.REPORTED,
    source=f"{_REPORTED}; [MS-SAMR] 2.2.1.12",
    example=("Guest",),
    work="reseal.customize.accounts:disable_user",
)
def disable_user() -> None:
    """Keep people from logging on with a local account.

    The last administrator who can log on stays, unless it is forced with --force last-administrator.
    """


@step(
    "enable-user",
    Group.ACCOUNTS,
    _USER,
    mark=Mark.REPORTED,
    source=f"{_REPORTED}; [MS-SAMR] 2.2.1.12",
    example=("Administrator",),
    work="reseal.customize.accounts:enable_user",
)
def enable_user() -> None:
    """Let people log on with a local account."""


@step(
    "autologon-off",
    Group.ACCOUNTS,
    mark=Mark.DOCUMENTED,
    source="Microsoft, Configure Windows to automate logon",
    work="reseal.customize.accounts:autologon_off",
)
def autologon_off() -> None:
    """Let nobody be logged on by itself any more, and forget the password for that."""
