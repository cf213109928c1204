"""Accounts that are named with the computer name that the image is about to lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, note, warning
from reseal.mark import Mark
from reseal.tree import TreeError, join
from reseal.windows.named_accounts import (
    computer_names,
    logon_domain,
    service_accounts,
    task_account,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reseal.session import Session

#: The folders of tasks, how deep they nest, and bounds on what is read.
_TASKS = (r"System32\Tasks", "Tasks")
_DEPTH = 8
_MAX_TASKS = 20_000
_MAX_TASK = 1 << 20
_SHOWN = 5


@check(
    "account-names",
    "No service and no task names its account with the old computer name.",
    mark=Mark.REPORTED,
    source=r"ObjectName and .\user: documented (Microsoft, CreateService); UserId: documented (Task "
    "Scheduler Schema); services and tasks that fail after a new computer name: reported",
)
def account_names(session: Session) -> Iterable[Finding]:
    r"""`OLDNAME\user` is not an account of a machine with another name, so the logon fails.

    The provider `account-names` mends services and automatic logon. Tasks stay as they are.
    """
    found: dict[str, tuple[str, bool, str]] = {}
    for one in service_accounts(session.registry):
        found.setdefault(one.service, (one.given, one.known, one.local))
    mended = [f"{name} ({given})" for name, (given, known, _) in found.items() if known]
    lost = [f"{name} ({given})" for name, (given, known, _) in found.items() if not known]
    domain = logon_domain(session.registry)
    if domain:
        mended.append(f"automatic logon (DefaultDomainName {domain})")
    if mended:
        yield note(
            f"These log on as a local account named with the computer: {_listed(mended)}. Generalizing "
            r"writes `.\` in place of the name (provider account-names).",
            items=mended,
        )
    if lost:
        yield warning(
            f"Services log on as accounts that SAM does not have: {_listed(lost)}.",
            "Give them another account in Windows, or turn them off with --service NAME:disabled.",
            items=lost,
        )
    tasks = list(_tasks(session))
    if tasks:
        yield warning(
            "Tasks run as a local account named with the computer, and may fail once it has another name: "
            f"{_listed(tasks)}. They stay as they are, since Task Scheduler keeps a copy of the account in a "
            "form that is not documented.",
            "Register them again in each copy, for example with --firstboot-command and schtasks; or delete "
            "them in Windows before the image is made.",
            items=tasks,
        )


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _tasks(session: Session) -> Iterator[str]:
    names = computer_names(session.registry)
    room = _MAX_TASKS
    for folder in map(session.installation.path, _TASKS):
        for path, size in _files(session, folder, _DEPTH):
            room -= 1
            if room < 0:
                return
            if not 0 < size <= _MAX_TASK:
                continue
            try:
                account = task_account(session.files.read(path), names)
            except TreeError:
                continue
            if account:
                yield f"{path[len(folder) + 1 :]} ({account})"


def _files(session: Session, folder: str, depth: int) -> Iterator[tuple[str, int]]:
    for entry in session.files.list(folder):
        path = join(folder, entry.name)
        if not entry.is_directory:
            yield path, entry.size
        elif depth:
            yield from _files(session, path, depth - 1)
