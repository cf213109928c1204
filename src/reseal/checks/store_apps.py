"""Store apps that are installed for a user, but not provisioned for all users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error
from reseal.mark import Mark
from reseal.windows.accounts import accounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session
    from reseal.windows import Registry

#: Windows 8 and later. Its subkeys hold packages by their full names.
STORE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore"
PROVISIONED = rf"{STORE}\Applications"
#: Apps that belong to Windows itself, below SystemApps.
INBOX = rf"{STORE}\InboxApplications"
#: Prefixes of the SIDs of users' accounts: local and domain accounts, Entra ID.
PEOPLE = ("S-1-5-21-", "S-1-12-1-")

_BUNDLE = "~"
_PARTS = 5


@dataclass(frozen=True, slots=True)
class Package:
    """The parts of a package's full name, `Name_Version_Architecture_ResourceId_PublisherId`."""

    name: str
    version: tuple[int, ...]
    resource: str
    publisher: str

    @classmethod
    def parse(cls, full_name: str) -> Package | None:
        """Parse a full name; return None if it is not one."""
        parts = full_name.split("_")
        if len(parts) != _PARTS:
            return None
        name, version, _, resource, publisher = (part.lower() for part in parts)
        numbers = version.split(".")
        if not all(number.isascii() and number.isdigit() for number in numbers):
            return None
        return cls(name, tuple(map(int, numbers)), resource, publisher)

    @property
    def family(self) -> tuple[str, str]:
        """The parts that stay the same from version to version."""
        return self.name, self.publisher

    @property
    def is_resource(self) -> bool:
        """Whether it only adds a language or a scale to an app."""
        return bool(self.resource) and self.resource != _BUNDLE


@check(
    "store-apps",
    "Every Store app is provisioned for all users.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep fails with Microsoft Store apps (rule, message, code, cure); where "
    "packages are recorded: reported by scripts and a read-only look at a running Windows",
    entry_points=("appxsysprep.dll,SysprepGeneralizeValidate",),
    code="0x80073cf2",
)
def store_apps(session: Session) -> Iterable[Finding]:
    r"""Sysprep can only clean up apps that every user has; the others would not work in the image.

    `AppxAllUserStore\Applications` lists the provisioned apps, `AppxAllUserStore\<SID>` those of each
    user; the frameworks that an app needs are listed below it. An app that a user updated from the
    Store is no longer the provisioned one. The check skips apps of Windows itself (InboxApplications),
    resource packages, and packages that another user's app needs. That Sysprep skips them too is
    inferred from its logs, which name none of them, and from the documented rule. If a newer version is
    provisioned than the user has, the app counts as provisioned (inferred).

    reseal does not remove apps offline: they are recorded in more places than the registry.
    """
    registry = session.registry
    provisioned = _newest(registry, PROVISIONED)
    inbox = _newest(registry, INBOX)
    for full_name, users in _installed(registry).items():
        package = Package.parse(full_name)
        if package is None or package.is_resource or package.family in inbox:
            continue
        if provisioned.get(package.family, (-1,)) >= package.version:
            continue
        older = " in this version" if package.family in provisioned else ""
        yield error(
            f"The Store app {full_name} is installed for {', '.join(users)}, but is not provisioned "
            f"for all users{older}.",
            _hint(session, full_name, users),
            sysprep_says=f"Package {full_name} was installed for a user, but not provisioned for all "
            "users. This package will not function properly in the sysprep image.",
        )


def _hint(session: Session, full_name: str, users: list[str]) -> str:
    """Say what helps: offline, removing the users or accepting the app as it is; else a running Windows."""
    local = {one.name.casefold() for one in accounts(session.registry)}
    removal = " ".join(f"--remove-user {name}" for name in users if name.casefold() in local)
    remove = f"Remove the account with its apps ({removal}), or accept" if removal else "Accept"
    return (
        f"{remove} the app with --force store-apps: it stays registered for that user alone, and may not "
        "work in the copies. Only a running Windows can remove the app and keep the user: "
        f"`Remove-AppxPackage -AllUsers -Package {full_name}`."
    )


def _newest(registry: Registry, path: str) -> dict[tuple[str, str], tuple[int, ...]]:
    """Return the newest version of every package family below a key."""
    newest: dict[tuple[str, str], tuple[int, ...]] = {}
    for key in registry.subkeys(path):
        package = Package.parse(key.name)
        if package is not None:
            newest[package.family] = max(package.version, newest.get(package.family, (-1,)))
    return newest


def _installed(registry: Registry) -> dict[str, list[str]]:
    """Return the full names of all installed apps, with the users who have each."""
    found: dict[str, list[str]] = {}
    needed: set[str] = set()
    for user in registry.subkeys(STORE):
        if not user.name.upper().startswith(PEOPLE):
            continue
        who = registry.profiles.get(user.name.upper(), "").rpartition("\\")[2] or user.name
        for package in user.subkeys():
            found.setdefault(package.name, []).append(who)
            needed.update(one.name.lower() for one in package.subkeys())
    return {name: users for name, users in found.items() if name.lower() not in needed}
