"""SetupComplete.cmd and the first logon."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.answerfile import Pass
from reseal.answerfile.components import SHELL
from reseal.answerfile.document import Component
from reseal.answerfile.requested import components_of
from reseal.mark import Mark
from reseal.rehearsal import sources
from reseal.rehearsal.declaration import Fact, asks, passes, stage, unknown, waits
from reseal.rehearsal.stages.logon import WINLOGON
from reseal.rehearsal.walk import Walk
from reseal.unattend.present import users
from reseal.windows.accounts import NAMES

SCRIPT = r"Setup\Scripts\SetupComplete.cmd"
_LOGON = "the logon screen, with a wrong name or password"
#: The RID of the built-in Administrator.
_ADMINISTRATOR = "administrator"
_MAX_ACCOUNTS = 1_000


@stage(
    "first-logon",
    "SetupComplete.cmd runs, and somebody logs on",
    order=10,
    mark=Mark.DOCUMENTED,
    source=f"{sources.CUSTOM_SCRIPT}; {sources.OOBE_DETAILS}",
)
def first_logon(walk: Walk) -> Iterator[Fact]:
    """SetupComplete.cmd runs before the logon screen, not with an OEM key; the exit code is ignored."""
    if walk.runs_setup and walk.stat(walk.installation.path(SCRIPT)):
        yield unknown(
            f"{walk.installation.path(SCRIPT)} runs before the logon, unless Windows has an OEM key; what it "
            "does is not looked at.",
            Mark.DOCUMENTED,
            sources.CUSTOM_SCRIPT,
        )
    shell = _shell(walk) if walk.runs_setup else None
    if shell and shell.child("AutoLogon"):
        yield from _automatic(walk, shell)
    elif shell and shell.child("FirstLogonCommands"):
        yield waits(
            "The answer file has FirstLogonCommands, but no AutoLogon: they run when a person logs on.",
            "the logon screen",
            Mark.DOCUMENTED,
            sources.OOBE_DETAILS,
        )
    yield from _registry(walk)


def _shell(walk: Walk) -> Component | None:
    found = users(walk.answer_files, [Pass.OOBE_SYSTEM]).get(Pass.OOBE_SYSTEM)
    if found is None or found.document is None:
        return None
    listed = components_of(found.document, Pass.OOBE_SYSTEM, walk.architecture or "")
    return next((one for one in listed if one.name == SHELL), None)


def _automatic(walk: Walk, shell: Component) -> Iterator[Fact]:
    name = shell.text_of("AutoLogon/Username")
    domain = shell.text_of("AutoLogon/Domain")
    if shell.text_of("AutoLogon/Enabled").lower() == "false":
        return
    if domain and domain not in {".", walk.registry.text(WINLOGON, "DefaultDomainName")}:
        yield unknown(
            "AutoLogon logs on to a domain, or to the computer by name.",
            Mark.DOCUMENTED,
            sources.OOBE_DETAILS,
        )
    made = {
        one.text_of("Name").lower()
        for one in shell.settings()
        if one.path.endswith("LocalAccounts/LocalAccount")
    }
    if name.lower() in made | _local_accounts(walk):
        yield passes("The account of AutoLogon exists.", Mark.DOCUMENTED, sources.OOBE_DETAILS)
    elif not domain or domain == ".":
        yield asks(
            "AutoLogon names an account that neither the answer file nor the image has.",
            _LOGON,
            Mark.DOCUMENTED,
            sources.OOBE_DETAILS,
            cure="reseal unattend check FILE",
        )
    if not shell.text_of("AutoLogon/LogonCount"):
        yield unknown(
            "AutoLogon has no LogonCount, which has to be specified.",
            Mark.DOCUMENTED,
            sources.OOBE_DETAILS,
        )


def _local_accounts(walk: Walk) -> set[str]:
    listed = walk.registry.subkeys(NAMES)[:_MAX_ACCOUNTS]
    return {one.name.lower() for one in listed} | {_ADMINISTRATOR}


def _registry(walk: Walk) -> Iterator[Fact]:
    """The automatic logon that the registry has."""
    on = str(walk.registry.value(WINLOGON, "AutoAdminLogon") or "0").strip() == "1"
    name = walk.registry.text(WINLOGON, "DefaultUserName") or ""
    domain = walk.registry.text(WINLOGON, "DefaultDomainName") or ""
    if not on:
        yield passes(
            "The registry has no automatic logon.", Mark.DOCUMENTED, "Microsoft, Autologon"
        )
        return
    if name.lower() in _local_accounts(walk):
        yield passes(
            f"The account of the automatic logon, {name}, exists.",
            Mark.DOCUMENTED,
            "Microsoft, Autologon",
        )
    elif domain:
        yield unknown(
            f"The automatic logon is for {domain}\\{name}.", Mark.DOCUMENTED, "Microsoft, Autologon"
        )
    else:
        yield asks(
            f"The automatic logon is for {name}, an account that the image does not have."
            if name
            else "The automatic logon names no account.",
            _LOGON,
            Mark.DOCUMENTED,
            "Microsoft, Autologon",
        )
