"""OfflineUserAccounts of an answer file: accounts and passwords, written to SAM at once.

Documented (Unattended Windows Setup Reference, OfflineUserAccounts): the password of the built-in
Administrator, local accounts to create or, if they exist, to change, and domain members of local groups.
An account listed without a password has none. Each function stages one item, and raises

- CheckError: the image has no such group, or the account name is not allowed. The message names the place
  in the answer file, and contains no password.
- NotHiddenError: a password is marked as hidden but is not.
- SamError: SAM is damaged, or its key is not in the image.
"""

from __future__ import annotations

from collections.abc import Callable

from reseal.answerfile import Secret, Setting
from reseal.answerfile.secrets import password_of
from reseal.errors import CheckError, UsageError
from reseal.unattend.applier import Applier, Work, leaves
from reseal.unattend.local_accounts import ADMINISTRATOR, LocalAccounts
from reseal.windows.sid import Sid


def _on_accounts(stage: Callable[[LocalAccounts, Setting], None]) -> Applier:
    """Turn a function that stages one item into an applier."""

    def apply(work: Work, item: Setting) -> None:
        local = LocalAccounts(work.session)
        try:
            stage(local, item)
        except UsageError as error:
            place = f"{work.document.name}:{item.position}"
            raise CheckError(f"{place}: {error.message} Nothing was changed.", error.hint) from None
        work.applied.update(leaves(item))

    return apply


@_on_accounts
def set_administrator_password(local: LocalAccounts, item: Setting) -> None:
    """Stage the password of the built-in Administrator."""
    password = password_of(item)
    if password is not None:
        local.set_password(ADMINISTRATOR, password)


@_on_accounts
def add_account(local: LocalAccounts, item: Setting) -> None:
    """Stage a local account."""
    around = item.child("Password")
    password: Secret | None = password_of(around) if around else None
    name = item.text_of("Name")
    rid = local.find(name)
    if rid is None:
        rid = local.create(name)
    local.describe(rid, item.text_of("DisplayName"), item.text_of("Description"))
    if password:
        local.set_password(rid, password)
    _join_groups(local, rid, item)


@_on_accounts
def add_domain_member(local: LocalAccounts, item: Setting) -> None:
    """Stage the membership of a domain account in local groups."""
    text = item.text_of("SID")
    try:
        sid = Sid.parse(text)
    except ValueError:
        raise UsageError(
            f"{text[:60]!r} is not a SID.",
            "Write S-1-5-21-, the numbers of the domain, and the RID.",
        ) from None
    _join_groups(local, sid, item)


def _join_groups(local: LocalAccounts, member: int | Sid, item: Setting) -> None:
    for group in item.text_of("Group").split(";"):
        if group.strip():
            local.join(member, group.strip())
