"""Accounts and automatic logon."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.answerfile.components import ACCOUNTS, SHELL
from reseal.answerfile.document import AnswerFile, Setting
from reseal.answerfile.findings import Context, Level, Problem, list_around, repeated, rule
from reseal.answerfile.passes import Pass
from reseal.answerfile.secrets import DELETED, NotHiddenError, Secret, password_of, shown
from reseal.answerfile.variables import is_template
from reseal.mark import Mark

#: Documented: LocalAccount Name.
FORBIDDEN_IN_ACCOUNT_NAME = frozenset('"/\\[]:|<>+=;,?*%@')
#: Accounts that Windows makes itself (documented: Local Accounts); Administrator may be changed.
BUILT_IN_ACCOUNTS = frozenset({"guest", "defaultaccount", "wdagutilityaccount"})
#: Groups of Windows in English (documented: Local Accounts, Active Directory security groups); a name
#: is that of a group or of an account, not of both.
GROUPS = frozenset(
    (
        "administrators",
        "backup operators",
        "cryptographic operators",
        "distributed com users",
        "event log readers",
        "guests",
        "iis_iusrs",
        "network configuration operators",
        "performance log users",
        "performance monitor users",
        "power users",
        "remote desktop users",
        "remote management users",
        "replicator",
        "users",
    )
)
#: Documented: LocalAccount Name, for NONE; Naming conventions in Active Directory, reserved names.
RESERVED_ACCOUNT_NAMES = frozenset(
    (
        "none",
        "anonymous",
        "anonymous logon",
        "authenticated user",
        "authenticated users",
        "batch",
        "builtin",
        "creator group",
        "creator group server",
        "creator owner",
        "creator owner server",
        "dialup",
        "digest auth",
        "everyone",
        "interactive",
        "internet",
        "local",
        "local service",
        "local system",
        "network",
        "network service",
        "nt authority",
        "nt domain",
        "ntlm auth",
        "null",
        "proxy",
        "remote interactive",
        "restricted",
        "schannel auth",
        "self",
        "server",
        "service",
        "system",
        "terminal server",
        "this organization",
        "world",
    )
)

#: The longest name of a local account (documented: the user name limit of NetUserAdd is 20).
ACCOUNT_NAME_LENGTH = 20

ADMINISTRATOR = "administrator"


def account_name_problem(name: str) -> tuple[str, str, str] | None:
    """Say what is wrong with an account's name: what, why, what instead; None where nothing is."""
    wrong = sorted(set(name) & FORBIDDEN_IN_ACCOUNT_NAME)
    if wrong:
        return (
            f"the account name holds {' '.join(wrong)}",
            "Windows does not allow that",
            "write letters, digits, spaces, hyphens, full stops",
        )
    folded = name.casefold()
    if folded in RESERVED_ACCOUNT_NAMES:
        return (
            f"the account is called {name.upper()}",
            "Windows reserves this name",
            "choose another name",
        )
    if folded in BUILT_IN_ACCOUNTS:
        return (
            f"the account is called {name}",
            "Windows has an account of this name already",
            "choose another name",
        )
    if folded in GROUPS:
        return (
            f"the account is called {name}",
            "a group of Windows has this name",
            "choose another name",
        )
    if len(name) > ACCOUNT_NAME_LENGTH:
        return (
            f"the account name has {len(name)} characters",
            f"Windows allows {ACCOUNT_NAME_LENGTH}",
            "shorten it, and put the long form into <DisplayName>",
        )
    if not name.strip(" ."):
        return ("the account name has no letter", "Windows does not allow that", "write a name")
    if name.endswith("."):
        return (
            "the account name ends with a full stop",
            "Windows does not allow that",
            "write it without",
        )
    return None


def account_names(document: AnswerFile) -> set[str]:
    """Return the names of the local accounts that a file makes, variables of a template too."""
    paths = {f"{path}/Name".casefold() for path in ACCOUNTS}
    return {
        setting.text
        for setting in document.settings()
        if setting.path.casefold() in paths
        and setting.component.name.casefold() == SHELL.casefold()
        and setting.text
    }


def _names(context: Context) -> Iterator[Setting]:
    for path in ACCOUNTS:
        yield from context.values_at(SHELL, f"{path}/Name")


@rule(
    "account-name",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, LocalAccount Name; NetUserAdd for the length",
)
def account_name(context: Context) -> Iterator[Problem]:
    """The name of a local account is one that Windows accepts."""
    for name in _names(context):
        problem = account_name_problem(name.text)
        if problem:
            yield Problem(name.value_position, *problem)


@rule(
    "account-is-computer",
    Level.ERROR,
    mark=Mark.REPORTED,
    source="Windows makes such an account and puts it into no group; NetUserAdd refuses the name",
)
def account_is_computer(context: Context) -> Iterator[Problem]:
    """No local account has the name of the computer."""
    computers = {
        setting.text.casefold(): setting
        for setting in context.values_at(SHELL, "ComputerName")
        if setting.text != "*"
    }
    for name in _names(context):
        computer = computers.get(name.text.casefold())
        if computer is not None:
            yield Problem(
                name.value_position,
                f"the account {shown(name)} has the name of the computer",
                f"the computer gets it on line {computer.position.line}, and Windows adds such an "
                "account to no group",
                "rename one of the two",
            )


@rule(
    "account-without-name",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, LocalAccount Name does not support being empty",
)
def account_without_name(context: Context) -> Iterator[Problem]:
    """A local account has a name."""
    for path in ACCOUNTS:
        for account in context.at(SHELL, path):
            if account.children and not account.text_of("Name"):
                yield Problem(
                    account.position,
                    "this LocalAccount has no Name",
                    "there is no account to make",
                    "add <Name>",
                )


@rule(
    "duplicate-account",
    Level.ERROR,
    mark=Mark.INFERRED,
    source="an account is found by its name, so that the second replaces the first",
)
def duplicate_account(context: Context) -> Iterator[Problem]:
    """A local account occurs once in a list."""
    for name, first in repeated(
        _names(context), lambda name: (list_around(name), name.text.casefold())
    ):
        yield Problem(
            name.value_position,
            f"another account of this list is called {shown(name)}",
            f"it is on line {first.position.line}, and names are not case-sensitive",
            "make one of the two",
        )


def _logons(context: Context) -> Iterator[Setting]:
    for logon in context.at(SHELL, "AutoLogon"):
        if logon.children and logon.text_of("Enabled").casefold() != "false":
            yield logon


@rule(
    "logon-account",
    Level.NOTE,
    mark=Mark.INFERRED,
    source="where it is not, the image must have it already, or the logon fails",
)
def logon_account(context: Context) -> Iterator[Problem]:
    """The account for automatic logon is created in the same file, or is Administrator."""
    made = {name.text.casefold() for name in _names(context)}
    for logon in _logons(context):
        name = logon.child("Username")
        if name is None or not name.text or logon.text_of("Domain").strip(". "):
            continue
        if name.text.casefold() not in {*made, ADMINISTRATOR} and not is_template(name.text):
            yield Problem(
                name.value_position,
                f"AutoLogon uses the account {shown(name)}, which this file does not make",
                "the logon fails unless the image has it",
                "make it in UserAccounts, or check the image",
            )


@rule(
    "logon-enabled",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, AutoLogon Enabled: false is the default",
)
def logon_enabled(context: Context) -> Iterator[Problem]:
    """An automatic logon is enabled."""
    for logon in _logons(context):
        if logon.text_of("Username") and not logon.text_of("Enabled"):
            yield Problem(
                logon.position,
                "AutoLogon has no Enabled",
                "false is the default, so no automatic logon takes place",
                "add <Enabled>true</Enabled>",
            )


@rule(
    "logon-username",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, AutoLogon Username and Domain",
)
def logon_username(context: Context) -> Iterator[Problem]:
    """The account for automatic logon is named without its domain."""
    for name in context.values_at(SHELL, "AutoLogon/Username"):
        if "\\" in name.text:
            yield Problem(
                name.value_position,
                "the Username of AutoLogon holds a backslash",
                "it is the name alone, and the domain has a setting of its own",
                "write the part before the backslash into <Domain>",
            )


@rule(
    "logon-password",
    Level.ERROR,
    mark=Mark.INFERRED,
    source="the file that makes the account gives it another password, so that the logon fails",
)
def logon_password(context: Context) -> Iterator[Problem]:
    """The password of the automatic logon is that of the account."""
    passwords: dict[tuple[str, str], Secret | None] = {}
    for path in ACCOUNTS[:1]:
        for account in context.at(SHELL, path):
            key = (account.pass_name, account.text_of("Name").casefold())
            passwords[key] = _password(account.child("Password"))
    for element in context.at(SHELL, "UserAccounts/AdministratorPassword"):
        passwords[element.pass_name, ADMINISTRATOR] = _password(element)
    for logon in _logons(context):
        own = logon.child("Password")
        key = (logon.pass_name, logon.text_of("Username").casefold())
        theirs = passwords.get(key)
        mine = _password(own)
        if own is not None and mine is not None and theirs is not None and mine != theirs:
            yield Problem(
                own.position,
                "AutoLogon has another password than this file gives the account",
                "the logon fails",
                "write the same password in both places",
            )


def _password(element: Setting | None) -> Secret | None:
    """Return a password; None where there is none, or where it can't be told."""
    try:
        password = password_of(element) if element else None
    except NotHiddenError:
        return None  # the rules on secrets say that
    if password and (is_template(password.reveal()) or password.reveal() == DELETED):
        return None
    return password


@rule(
    "logon-count",
    Level.NOTE,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, LogonCount; seen: 31 real files log on without",
)
def logon_count(context: Context) -> Iterator[Problem]:
    """An automatic logon has a LogonCount, to which Windows adds one."""
    for logon in _logons(context):
        count = logon.child("LogonCount")
        if count is None:
            yield Problem(
                logon.position,
                "AutoLogon has no LogonCount",
                "the reference requires it, and without it Windows decides how often",
                "add <LogonCount> with the number of logons minus one",
            )
        elif count.text == "1" and not _is_reset(context):
            yield Problem(
                count.value_position,
                "LogonCount 1 gives two automatic logons",
                "Windows adds one to it",
                "to get one logon, set Winlogon's AutoLogonCount to 0 in FirstLogonCommands",
            )


def _is_reset(context: Context) -> bool:
    """Whether a command of the first logon says that it was the last automatic one."""
    return any(
        "autologoncount" in command.text.casefold()
        for command in context.at(SHELL, "FirstLogonCommands/SynchronousCommand/CommandLine")
    )


@rule(
    "no-account",
    Level.NOTE,
    mark=Mark.INFERRED,
    source="OOBE skips its account page only where an account or Administrator's password is set",
)
def no_account(context: Context) -> Iterator[Problem]:
    """An account can log on after OOBE."""
    hides = [
        setting
        for name in ("HideOnlineAccountScreens", "HideLocalAccountScreen")
        for setting in context.at(SHELL, f"OOBE/{name}")
        if setting.text.casefold() == "true" and setting.pass_name == Pass.OOBE_SYSTEM
    ]
    anybody = (
        *_names(context),
        *context.at(SHELL, "UserAccounts/AdministratorPassword"),
        *context.at(SHELL, "UserAccounts/DomainAccounts"),
        *context.at(SHELL, "OfflineUserAccounts"),
    )
    skipped = [s for s in context.at(SHELL, "OOBE/SkipMachineOOBE") if s.text == "true"]
    if hides and skipped and not anybody:
        yield Problem(
            hides[0].position,
            "the account pages are hidden and no account is made",
            "logging on may be impossible, unless the image has an account",
            "add UserAccounts, or check the image",
        )
