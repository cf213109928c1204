"""What an answer file asks of an image that lies still: the passes generalize and offlineServicing.

Typed values for those who carry them out; nothing here opens an image. Whatever has no field of its
own stands in `others`, so that it can be named and is not ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.answerfile.components import DEPLOYMENT, DRIVERS, JOIN, LICENSING, PNP_SYSPREP, SHELL
from reseal.answerfile.passes import Pass
from reseal.answerfile.secrets import Secret, password_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.answerfile.document import AnswerFile, Component, Setting

#: Documented: Best Practices for Authoring Answer Files: the 32-bit side of a 64-bit Windows.
WOW64 = "wow64"
#: The passes at whose end a machine can be resealed. A boot goes to OOBE unless something asks for audit
#: mode, so oobeSystem comes first; the other two run only once audit mode was entered.
_RESEALING = (Pass.OOBE_SYSTEM, Pass.AUDIT_SYSTEM, Pass.AUDIT_USER)


@dataclass(frozen=True, slots=True)
class GeneralizeSettings:
    """The pass generalize. None means that the file does not say.

    Attributes:
        persist_all_device_installs: keep the devices as they are installed.
        do_not_clean_up_non_present_devices: keep devices that are not there too.
        skip_rearm: leave the state of the licence alone.
        others: every other leaf of the pass.
    """

    persist_all_device_installs: bool | None
    do_not_clean_up_non_present_devices: bool | None
    skip_rearm: bool | None
    others: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class LocalAccount:
    """An account to make, or to change where it exists.

    Attributes:
        groups: local groups by name; those that reach Windows in English have no language.
        password: None where the file gives none.
    """

    name: str
    display_name: str
    description: str
    groups: tuple[str, ...]
    password: Secret | None
    setting: Setting


@dataclass(frozen=True, slots=True)
class DomainMember:
    """An account of a domain that becomes a member of local groups."""

    sid: str
    groups: tuple[str, ...]
    setting: Setting


@dataclass(frozen=True, slots=True)
class DriverPath:
    """A folder with driver packages, its subfolders too; the credentials are for a share."""

    path: str
    domain: str
    username: str
    password: Secret | None
    setting: Setting


@dataclass(frozen=True, slots=True)
class OfflineSettings:
    """The pass offlineServicing, as DISM /Apply-Unattend would apply it.

    Attributes:
        computer_name: empty where the file gives none or `*`.
        administrator_password: None where the file gives none.
        account_data: the blob of an offline domain join, or None.
        others: every other leaf; `placement` knows where some of them go.
    """

    computer_name: str
    administrator_password: Secret | None
    local_accounts: tuple[LocalAccount, ...]
    domain_members: tuple[DomainMember, ...]
    driver_paths: tuple[DriverPath, ...]
    account_data: Secret | None
    others: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class RequestedMode:
    """What Microsoft-Windows-Deployment asks for at the end of a pass.

    Attributes:
        mode: `oobe` or `audit`.
        generalize: whether the image is to be generalized, too.
        shutdown: whether the machine is to be shut down at once rather than restarted.
        setting: where that stands.
        disagreeing: the passes that ask for the other mode, and don't count.
    """

    mode: str
    generalize: bool
    shutdown: bool
    setting: Setting
    disagreeing: tuple[str, ...] = ()


def components_of(document: AnswerFile, name: Pass, architecture: str = "") -> Iterator[Component]:
    """Yield the components of a pass that an image of an architecture applies.

    Args:
        document: the answer file.
        name: the pass.
        architecture: of the image; empty for any.
    """
    for settings in document.passes:
        if settings.name != name or settings.was_processed:
            continue
        for component in settings.components:
            if not architecture or component.architecture in {architecture, WOW64}:
                yield component


def generalize_settings(document: AnswerFile, architecture: str = "") -> GeneralizeSettings:
    """Return what the pass generalize says."""
    taken = _Taken(document, Pass.GENERALIZE, architecture)
    return GeneralizeSettings(
        persist_all_device_installs=taken.switch(PNP_SYSPREP, "PersistAllDeviceInstalls"),
        do_not_clean_up_non_present_devices=taken.switch(
            PNP_SYSPREP, "DoNotCleanUpNonPresentDevices"
        ),
        skip_rearm=taken.switch(LICENSING, "SkipRearm"),
        others=taken.others(),
    )


def offline_settings(document: AnswerFile, architecture: str = "") -> OfflineSettings:
    """Return what the pass offlineServicing says.

    Raises:
        NotHiddenError: a password is marked as hidden and is not.
    """
    taken = _Taken(document, Pass.OFFLINE_SERVICING, architecture)
    name = taken.one(SHELL, "ComputerName")
    accounts = "OfflineUserAccounts"
    administrator = taken.one(SHELL, f"{accounts}/OfflineAdministratorPassword")
    data = taken.one(JOIN, "OfflineIdentification/Provisioning/AccountData")
    return OfflineSettings(
        computer_name=name.text.removeprefix("*") if name else "",
        administrator_password=password_of(administrator) if administrator else None,
        local_accounts=tuple(
            local_account(item)
            for item in taken.all(SHELL, f"{accounts}/OfflineLocalAccounts/LocalAccount")
        ),
        domain_members=tuple(
            DomainMember(item.text_of("SID"), _groups(item), item)
            for item in taken.all(SHELL, f"{accounts}/OfflineDomainAccounts/OfflineDomainAccount")
        ),
        driver_paths=tuple(
            _driver_path(item) for item in taken.all(DRIVERS, "DriverPaths/PathAndCredentials")
        ),
        account_data=Secret(data.text) if data and data.text else None,
        others=taken.others(),
    )


def requested_mode(document: AnswerFile) -> RequestedMode | None:
    """Return what Generalize or, where there is none, Reseal asks for; None where neither stands.

    Documented: Generalize is in auditUser, its Mode is OOBE by default, and Reseal beside it is
    ignored. Reseal is in auditSystem, auditUser and oobeSystem; a pass that is done is not run again.
    Inferred: where passes disagree, the one counts that the next boot would run first.
    """
    for path in ("Generalize", "Reseal"):
        found = [
            setting
            for name in _RESEALING
            for component in components_of(document, name)
            if component.name.casefold() == DEPLOYMENT.casefold()
            and (setting := component.child(path))
        ]
        if found:
            first = found[0]
            others = dict.fromkeys(one.pass_name for one in found if _mode(one) != _mode(first))
            return RequestedMode(
                mode=_mode(first),
                generalize=path == "Generalize",
                shutdown=first.text_of("ForceShutdownNow").casefold() == "true",
                setting=first,
                disagreeing=tuple(others),
            )
    return None


def _mode(setting: Setting) -> str:
    return "audit" if setting.text_of("Mode").casefold() == "audit" else "oobe"


def local_account(item: Setting) -> LocalAccount:
    """Return a LocalAccount element as a value; raises NotHiddenError."""
    password = item.child("Password")
    return LocalAccount(
        name=item.text_of("Name"),
        display_name=item.text_of("DisplayName"),
        description=item.text_of("Description"),
        groups=_groups(item),
        password=password_of(password) if password else None,
        setting=item,
    )


def _groups(item: Setting) -> tuple[str, ...]:
    return tuple(group.strip() for group in item.text_of("Group").split(";") if group.strip())


def _driver_path(item: Setting) -> DriverPath:
    password = item.text_of("Credentials/Password")
    return DriverPath(
        path=item.text_of("Path"),
        domain=item.text_of("Credentials/Domain"),
        username=item.text_of("Credentials/Username"),
        password=Secret(password) if password else None,
        setting=item,
    )


class _Taken:
    """The leaves of a pass, and which of them have been taken."""

    def __init__(self, document: AnswerFile, name: Pass, architecture: str) -> None:
        self._components = list(components_of(document, name, architecture))
        self._taken: set[Setting] = set()

    def all(self, component: str, path: str) -> Iterator[Setting]:
        """Yield the settings at a path, and take them with all that is in them."""
        parent = path.rpartition("/")[0]
        for candidate in self._components:
            if candidate.name.casefold() != component.casefold() or candidate.architecture == WOW64:
                continue
            around = candidate.child(parent) if parent else candidate
            for setting in around.children if around else ():
                if setting.path.casefold() == path.casefold():
                    self._taken |= {setting, *setting.settings()}
                    yield setting

    def one(self, component: str, path: str) -> Setting | None:
        """Return the first setting at a path and take it."""
        return next(self.all(component, path), None)

    def switch(self, component: str, path: str) -> bool | None:
        """Return a switch, written as a word or as a number."""
        setting = self.one(component, path)
        return setting.text.casefold() in {"true", "1"} if setting and setting.text else None

    def others(self) -> tuple[Setting, ...]:
        """Return the leaves that nobody has taken."""
        return tuple(
            setting
            for component in self._components
            for setting in component.settings()
            if not setting.children and setting not in self._taken
        )
