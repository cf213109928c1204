"""Steps that change local accounts."""

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
    source="where Windows keeps an account: seen in real hives; that nothing else needs these: inferred",
    example=("vagrant",),
    work="reseal.customize.accounts:remove_user",
)
def remove_user() -> None:
    """Remove a local account and everything that belongs to it.

    This deletes its account in SAM, its memberships, its profile and folder, its keys, its tasks and its
    app packages. Where a SID is required, as in permissions, that of an account that does not exist
    replaces it. The last administrator who can log on is not removed, except with --force last-administrator.
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
    """Set a local account's password, read from a file; it appears nowhere else."""


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
    """Disable a local account.

    The last administrator who can log on is not disabled, except with --force last-administrator.
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
    """Enable a local account."""


@step(
    "autologon-off",
    Group.ACCOUNTS,
    mark=Mark.DOCUMENTED,
    source="Microsoft, Configure Windows to automate logon",
    work="reseal.customize.accounts:autologon_off",
)
def autologon_off() -> None:
    """Turn automatic logon off, and delete its password."""
