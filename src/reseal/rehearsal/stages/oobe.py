"""OOBE: which pages would ask a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reseal.answerfile import Pass
from reseal.answerfile.components import INTERNATIONAL, SHELL
from reseal.answerfile.document import Component
from reseal.answerfile.requested import components_of
from reseal.mark import Mark
from reseal.rehearsal import sources
from reseal.rehearsal.answers import findings
from reseal.rehearsal.declaration import Fact, asks, passes, stage, stops
from reseal.rehearsal.programs import RESTORE
from reseal.rehearsal.walk import Walk
from reseal.unattend.present import Existing, users
from reseal.windows import setup

LOCALES = ("InputLocale", "SystemLocale", "UILanguage", "UserLocale")
ACCOUNTS = ("UserAccounts/LocalAccounts/LocalAccount", "UserAccounts/DomainAccounts")
_WINDOWS_10, _NETWORK_REQUIRED = 10240, 22621
_TO_OOBE = frozenset({setup.GENERALIZE_RESEAL_TO_OOBE, setup.SPECIALIZE_RESEAL_TO_OOBE})
_TO_AUDIT = frozenset({setup.GENERALIZE_RESEAL_TO_AUDIT, setup.SPECIALIZE_RESEAL_TO_AUDIT})
_ANSWER = "reseal generalize IMAGE --unattend FILE, or reseal unattend new"
_CORE = "Server Core"


@dataclass(frozen=True, slots=True)
class Answers:
    """The settings of the pass oobeSystem that pages depend on.

    Attributes:
        shell: the component Microsoft-Windows-Shell-Setup; None if the pass has none.
        locales: the locales that Microsoft-Windows-International-Core sets.
    """

    shell: Component | None
    locales: frozenset[str]

    def on(self, path: str) -> bool:
        """Return whether a setting of the shell component is true."""
        return bool(self.shell) and self.shell.text_of(path).lower() == "true"  # type: ignore[union-attr]

    def has(self, path: str) -> bool:
        """Return whether the shell component has a setting."""
        return bool(self.shell) and self.shell.child(path) is not None  # type: ignore[union-attr]

    @property
    def account(self) -> bool:
        """Whether a person's account is created."""
        return any(self.has(one) for one in ACCOUNTS)


@stage(
    "oobe",
    "OOBE shows its pages",
    order=9,
    mark=Mark.DOCUMENTED,
    source=sources.OOBE_DETAILS,
)
def oobe(walk: Walk) -> Iterator[Fact]:
    """OOBE asks for everything that the pass oobeSystem of the winning answer file does not answer.

    Cloud pages, updates during OOBE and Autopilot depend on the network and are not looked at.
    """
    state = walk.standing.computed
    if state in _TO_AUDIT and walk.runs_setup:
        yield from _audit(walk)
        return
    if state not in _TO_OOBE or not (walk.runs_setup or "setup" in walk.stopped):
        yield passes("OOBE is not due.", Mark.SEEN, sources.STATE_HIVES)
        return
    names = (r"oobe\oobeldr.exe", r"oobe\msoobe.exe")
    for name in names if walk.installation.install_type != _CORE else names[:1]:
        if walk.stat(walk.system32(name)) is None:
            yield stops(
                f"{walk.system32(name)} is missing.",
                "OOBE does not start: a black screen, or Something went wrong",
                Mark.INFERRED,
                sources.STATE_HIVES,
                cure=RESTORE,
            )
    found = users(walk.answer_files, [Pass.OOBE_SYSTEM]).get(Pass.OOBE_SYSTEM)
    if found is not None and found.document is not None:
        yield from findings(walk, found, Pass.OOBE_SYSTEM)
    yield from _pages(walk, _answers(walk, found))


def _audit(walk: Walk) -> Iterator[Fact]:
    if walk.stat(walk.system32(r"oobe\audit.exe")) is None:
        yield stops(
            f"{walk.system32('oobe', 'audit.exe')} is missing.",
            "audit mode does not start",
            Mark.INFERRED,
            sources.STATE_HIVES,
            cure=RESTORE,
        )
    else:
        yield passes("The boot goes to audit mode.", Mark.REPORTED, sources.STATE_HIVES)


def _answers(walk: Walk, found: Existing | None) -> Answers:
    if found is None or found.document is None:
        return Answers(None, frozenset())
    listed = list(components_of(found.document, Pass.OOBE_SYSTEM, walk.architecture or ""))
    shell = next((one for one in listed if one.name == SHELL), None)
    locales = {
        name for one in listed if one.name == INTERNATIONAL for name in LOCALES if one.text_of(name)
    }
    return Answers(shell, frozenset(locales))


def _pages(walk: Walk, answers: Answers) -> Iterator[Fact]:
    if answers.on("OOBE/SkipMachineOOBE") and answers.on("OOBE/SkipUserOOBE"):
        yield passes(
            "SkipMachineOOBE and SkipUserOOBE skip OOBE (deprecated).",
            Mark.DOCUMENTED,
            sources.OOBE_DETAILS,
        )
        return
    pages = list(_server(answers) if walk.installation.is_server else _client(walk, answers))
    for page, hidden_by in pages:
        yield asks(
            f"OOBE would ask for {page}; {hidden_by} answers that.",
            f"the page of OOBE for {page}",
            Mark.DOCUMENTED,
            sources.OOBE_DETAILS,
            cure=_ANSWER,
        )
    if not pages:
        yield passes(
            "The answer file answers every page that it can.",
            Mark.DOCUMENTED,
            sources.OOBE_DETAILS,
        )


def _server(answers: Answers) -> Iterator[tuple[str, str]]:
    yield from _common(answers)
    password = answers.has("UserAccounts/AdministratorPassword")
    if not password and not answers.on("OOBE/HideLocalAccountScreen"):
        yield "the password of Administrator", "UserAccounts/AdministratorPassword"


def _client(walk: Walk, answers: Answers) -> Iterator[tuple[str, str]]:
    yield from _common(answers)
    account = answers.account or (walk.build >= _WINDOWS_10 and answers.has("AutoLogon"))
    if not account:
        yield "an account", "UserAccounts/LocalAccounts"
        if walk.build >= _NETWORK_REQUIRED and not answers.on("OOBE/HideOnlineAccountScreens"):
            yield "a network", "an account, or HideOnlineAccountScreens"
    if walk.build >= _WINDOWS_10:
        if not answers.has("OOBE/ProtectYourPC"):
            yield "privacy settings", "OOBE/ProtectYourPC"
    elif not answers.has("OOBE/NetworkLocation"):
        yield "the network's location", "OOBE/NetworkLocation"


def _common(answers: Answers) -> Iterator[tuple[str, str]]:
    if missing := [one for one in LOCALES if one not in answers.locales]:
        yield (
            "region, language and keyboard",
            f"{INTERNATIONAL} in oobeSystem ({', '.join(missing)})",
        )
    if not answers.on("OOBE/HideEULAPage"):
        yield "the licence", "OOBE/HideEULAPage"
