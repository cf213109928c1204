r"""Local accounts that the registry and tasks name together with the computer, as `OLDNAME\user`.

A new computer name makes such a name invalid. `.\user` means the same account on any computer (documented
for services: CreateService, lpServiceStartName; for a logon: LogonUser, lpszDomain).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.windows.accounts import accounts
from reseal.windows.identity import COMPUTER_NAME, TCPIP
from reseal.windows.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.windows.registry import Registry

WINLOGON = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
#: The local computer, in place of its name.
LOCAL = "."
#: The account that a task runs as (documented: Task Scheduler Schema, UserId).
_USER_ID = re.compile(r"<UserId>\s*([^<\\]{1,64})\\([^<\\]{1,256}?)\s*</UserId>")


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    r"""A service that logs on as a local account by the computer's name.

    Attributes:
        service: the name of the service.
        path: its registry key, in its control set.
        given: the account as it is written, such as `OLDNAME\user`.
        user: the account without the computer.
        known: whether SAM has the account.
    """

    service: str
    path: str
    given: str
    user: str
    known: bool

    @property
    def local(self) -> str:
        """The same account on a computer of any name."""
        return rf"{LOCAL}\{self.user}"


def computer_names(registry: Registry) -> set[str]:
    """Return the names that the computer has now, in upper case."""
    names = (
        registry.text(COMPUTER_NAME, "ComputerName"),
        registry.text(TCPIP, "Hostname"),
        registry.text(TCPIP, "NV Hostname"),
    )
    return {name.upper() for name in names if name}


def service_accounts(registry: Registry) -> Iterator[ServiceAccount]:
    """Yield the services of every control set that log on as an account named with the computer."""
    names = computer_names(registry)
    users = {one.name.casefold() for one in accounts(registry)}
    for control_set in registry.control_sets:
        top = SERVICES.replace("CurrentControlSet", control_set)
        for service in registry.subkeys(top):
            value = service.value("ObjectName")
            given = value.decoded if value is not None else None
            computer, separator, user = (
                given.partition("\\") if isinstance(given, str) else ("",) * 3
            )
            if separator and user and computer.upper() in names:
                path = rf"{top}\{service.name}"
                known = user.casefold() in users
                yield ServiceAccount(service.name, path, str(given), user, known)


def logon_domain(registry: Registry) -> str | None:
    """Return the domain of automatic logon if it is the computer's name; None otherwise."""
    domain = registry.text(WINLOGON, "DefaultDomainName")
    return domain if domain and domain.upper() in computer_names(registry) else None


def task_account(data: bytes, names: set[str]) -> str | None:
    r"""Return the account of a task that is named with the computer, such as `OLDNAME\user`.

    Args:
        data: the XML of the task; UTF-16 with a byte order mark (seen), or UTF-8.
        names: names of the computer, in upper case.
    """
    text = data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8", "replace")
    for match in _USER_ID.finditer(text):
        if match[1].strip().upper() in names:
            return rf"{match[1].strip()}\{match[2]}"
    return None
