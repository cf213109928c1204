"""OfflineUserAccounts of an answer file: accounts and passwords, put into SAM at once.

Documented (Unattended Windows Setup Reference, OfflineUserAccounts): the password of the built-in
Administrator, local accounts to make or, where they exist, to change, and members of local groups from a
domain. An account that is named without a password has none.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from reseal.answerfile.components import SHELL
from reseal.answerfile.offline import offline_settings
from reseal.errors import CheckError, UsageError
from reseal.session import Mark
from reseal.unattend.local_accounts import ADMINISTRATOR, LocalAccounts
from reseal.unattend.pass_settings import hidden_passwords_of
from reseal.windows.sid import Sid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.answerfile import AnswerFile, Setting
    from reseal.answerfile.offline import DomainMember, LocalAccount, OfflineSettings
    from reseal.session import Session

STEP = "offline-accounts"
_ROOT = "OfflineUserAccounts/"


def is_account_setting(setting: Setting) -> bool:
    """Whether a setting belongs to OfflineUserAccounts."""
    return (
        setting.component.name.casefold() == SHELL.casefold()
        and setting.path.casefold().startswith(_ROOT.casefold())
    )


def apply(session: Session, document: AnswerFile) -> None:
    """Stage the accounts that the pass offlineServicing asks for.

    Raises:
        CheckError: the image has no such group, an account can't have its name, or a password is marked as
            hidden and is not. The message names the place in the answer file, and holds no password.
        SamError: SAM is damaged, or its key is not in the image.
    """
    with hidden_passwords_of(document):
        wanted = offline_settings(document, session.installation.architecture or "")
    if not _asks_for_accounts(wanted):
        return
    with session.acting(STEP, Mark.REPORTED):
        local = LocalAccounts(session)
        if wanted.administrator_password is not None:
            local.set_password(ADMINISTRATOR, wanted.administrator_password)
        for account in wanted.local_accounts:
            with _placed(document, account.setting):
                _account(local, account)
        for member in wanted.domain_members:
            with _placed(document, member.setting):
                _member(local, member)


@contextmanager
def _placed(document: AnswerFile, setting: Setting) -> Iterator[None]:
    """Say of what is wrong with an item where it stands in the answer file."""
    try:
        yield
    except UsageError as error:
        msg = f"{document.name}:{setting.position}: {error.message} Nothing was changed."
        raise CheckError(msg, error.hint) from None


def _asks_for_accounts(wanted: OfflineSettings) -> bool:
    return bool(
        wanted.administrator_password is not None or wanted.local_accounts or wanted.domain_members
    )


def _account(local: LocalAccounts, wanted: LocalAccount) -> None:
    rid = local.find(wanted.name)
    if rid is None:
        rid = local.create(wanted.name)
    local.describe(rid, wanted.display_name, wanted.description)
    if wanted.password:
        local.set_password(rid, wanted.password)
    for group in wanted.groups:
        local.join(rid, group)


def _member(local: LocalAccounts, wanted: DomainMember) -> None:
    try:
        sid = Sid.parse(wanted.sid)
    except ValueError:
        msg = f"{wanted.sid[:60]!r} is no SID."
        raise UsageError(msg, "Write S-1-5-21-, the numbers of the domain, and the RID.") from None
    for group in wanted.groups:
        local.join(sid, group)
