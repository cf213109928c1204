r"""Make one machine of an installation. All is staged in a session; nothing is written here.

| what | generalized image | any other |
|---|---|---|
| name | in the hives at once, and in the answer file for specialize, which sets it again | in the hives |
| SID | `SidAccountDomainNew`, which setupcl.exe takes at the next boot; with `now` in the hives, and the request is withdrawn | at once |
| MachineGuid and what else generalize replaces | new values | new values |
| answer file, settings | placed for the passes to come; with `now` also applied where the place is known | placed if OOBE is still to come; settings with `now` alone |

That a name in the hives and the same name in the answer file agree: inferred; the places are seen
(`reseal.providers.computer_name`). Random names: `DESKTOP-` and seven characters on clients, `WIN-` and
eleven on servers, as Windows generates them (seen in real hives). `DismComputerNameSet`, by which Setup knows
that the name is preset, is set with `now` only (seen in a hive that Microsoft publishes).
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from reseal.answerfile import AnswerFile, Pass, merge
from reseal.errors import CheckError, ImageError
from reseal.providers.computer_name import computer_name, random_name, rename
from reseal.providers.machine_guid import machine_guid
from reseal.providers.msdtc import msdtc
from reseal.providers.rng_seed import rng_seed
from reseal.providers.smb_server import smb_server
from reseal.providers.terminal_services import terminal_services
from reseal.session import Mark, Session
from reseal.sid import Pending, Replacement, Result, change_now, choose, pend, refuse
from reseal.sid.change import remains
from reseal.sid.effects import effects, refuse_in_domain
from reseal.specialize import answers
from reseal.specialize.wish import RANDOM, SidChoice, Wish
from reseal.unattend import apply as unattend
from reseal.unattend import place as placing
from reseal.unattend.place import Situation
from reseal.unattend.present import hidden
from reseal.windows import Installation, Sid, identity
from reseal.windows.setup import SetupState

STEP = "specialize"
#: What identifies a machine and has no other way to a new value than being replaced.
IDENTIFIERS = (machine_guid, smb_server, rng_seed, msdtc, terminal_services)
_CLIENT, _SERVER = "DESKTOP-", "WIN-"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The identity that a machine got.

    Attributes:
        generalized: whether the image was generalized.
        computer_name: its name; None if Windows generates one at specialize.
        machine_sid: its SID from its first boot on; None if Windows generates it.
        sid_when: `now`, `next boot`, or None where it stays.
        machine_guid: its MachineGuid.
        effects: what the change of the SID breaks, where it is done now.
        unattend: what became of the answer file; None where none was touched.
        applied: settings that were applied without an answer file.
        sid_change: where the SID was replaced; None where that is left to Windows.
        drivers: what became of each driver package, as plain data.
    """

    generalized: bool
    computer_name: str | None
    machine_sid: str | None
    sid_when: str | None
    machine_guid: str | None
    effects: list[str]
    unattend: unattend.Outcome | None
    applied: list[dict[str, object]]
    sid_change: Result | None
    drivers: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain data."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return plain | {
            "unattend": self.unattend.to_json() if self.unattend else None,
            "sid_change": asdict(self.sid_change) if self.sid_change else None,
        }


def prefix_of(server: bool) -> str:
    """Return the prefix of random names."""
    return _SERVER if server else _CLIENT


def _say_hidden(
    session: Session,
    now: Situation,
    place: Situation,
    more: list[AnswerFile],
    base: AnswerFile | None,
) -> None:
    """Note answer files that the added settings keep from being used."""
    added = {settings.name for one in more for settings in one.passes}
    lost = hidden(
        session,
        session.installation.path(place.place),
        [each for each in now.to_run if each in added],
        base.name if base else None,
    )
    if lost:
        session.note(f"{lost} To keep both, merge them and give the result with --unattend.")


class Specialization:
    """Makes one machine of an image: call it with a session, then `recheck` what was written."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._replacement: Replacement | None = None
        self._outcome: Outcome | None = None

    def __call__(self, session: Session) -> Outcome:
        """Stage the machine.

        Raises:
            CheckError: something in the image forbids it.
            UsageError: the SID can't be a machine's.
        """
        state = SetupState.of(session.installation)
        now = placing.situation(state)
        staged = Pass.SPECIALIZE in now.to_run
        architecture = session.installation.architecture or "amd64"
        settings = self._wish.settings(architecture) if self._wish.settings else None
        self._refuse(session, now, settings, staged=staged)
        drivers: list[dict[str, Any]] = []
        if self._wish.drivers:
            from reseal.drivers import add_packages  # noqa: PLC0415  few runs add any

            with session.step("Adding drivers"):
                drivers = [one.to_json() for one in add_packages(session, self._wish.drivers)]
        with session.step("Giving it a SID"):
            sid, when, broken, change = self._sid(session, staged=staged)
        with session.step("Giving it its identifiers"):
            for one in IDENTIFIERS:
                one(session)
        with session.step("Giving it a name and answers"):
            name, application, applied = self._answers(session, now, settings, staged=staged)
        if not staged:
            session.note(
                f"The image is not generalized ({state.image_state or 'unknown state'}): the new identity is "
                "in it now, but everything else still identifies the original machine."
            )
        with session.step("Verifying the edited hives"):
            session.verify()
        self._outcome = Outcome(
            generalized=state.generalized,
            computer_name=name,
            machine_sid=str(sid) if sid else None,
            sid_when=when,
            machine_guid=session.registry.text(identity.CRYPTOGRAPHY, "MachineGuid"),
            effects=broken,
            unattend=application,
            applied=applied,
            sid_change=change,
            drivers=drivers,
        )
        return self._outcome

    def _refuse(
        self, session: Session, now: Situation, settings: AnswerFile | None, *, staged: bool
    ) -> None:
        wish = self._wish
        if (wish.computer_name or wish.sid) and not staged:
            refuse_in_domain(session, force=wish.force_domain)
        if wish.document and not now.to_run:
            msg = (
                "This installation is not generalized, so its next boot runs no pass and takes nothing "
                "from an answer file. Nothing was changed."
            )
            raise CheckError(msg, "Generalize the image first (reseal generalize).")
        late = answers.leaves(settings, beside=now.to_run)
        if late and not wish.now:
            shown = ", ".join(f"{one.component.name}/{one.path}" for one in late)
            msg = (
                f"This image no longer runs the passes that would set {shown}. Nothing was changed."
            )
            raise CheckError(msg, "Generalize it first, or set what has a known place with --now.")

    def _sid(
        self, session: Session, *, staged: bool
    ) -> tuple[Sid | None, str | None, list[str], Result | None]:
        """Stage the SID; return it, when it counts, what that breaks, and where it was replaced."""
        wish = self._wish
        pending = Pending.of(session.registry)
        old = identity.machine_sid(session.registry)
        if wish.sid is None:
            if pending.requested:
                return pending.chosen, "next boot", [], None
            return old, None, [], None
        if wish.sid is SidChoice.PENDING:
            pend(session, None)
            return None, "next boot", [], None
        if old is None:
            msg = "The image has no machine SID (no SECURITY and SAM hives). Nothing was changed."
            raise ImageError(msg, "Restore the hives from a backup.")
        if isinstance(wish.sid, Sid):
            new = wish.sid
            refuse(session, new)
        else:
            domain = identity.domain_sid(session.registry)
            others = wish.taken | (frozenset({domain}) if domain else frozenset())
            new = choose(old, session.random, others)
        if staged and not wish.now:
            pend(session, new)
            return new, "next boot", [], None
        if new == old:
            session.note(f"The machine has this SID already: {new}.")
            return new, None, [], None
        broken = effects(session, old)
        session.registry.all_volumes = wish.all_volumes
        self._replacement = Replacement(old, new)
        return new, "now", broken, change_now(session, self._replacement)

    def _answers(
        self, session: Session, now: Situation, settings: AnswerFile | None, *, staged: bool
    ) -> tuple[str | None, unattend.Outcome | None, list[dict[str, object]]]:
        """Stage name and answer file; return the name and what became of the settings."""
        wish = self._wish
        name = wish.computer_name
        if name == RANDOM:
            name = random_name(session.random, prefix_of(session.installation.is_server))
        document, place, written = self._document(session, now, settings, name if staged else None)
        if staged and document is not None:
            name = name or answers.name_in(document)
        if name or staged:
            # Without a name of its own it must not bear that of the image, either.
            with session.acting(computer_name.id, Mark.INFERRED):
                rename(session, name or random_name(session.random))
        outcome, applied = None, []
        if document is not None:
            request = unattend.Request(
                document,
                replace=wish.replace,
                force=wish.force_answers,
                now=wish.now,
                written=written,
            )
            outcome = unattend.stage(session, request, place)
        if wish.now and settings:
            applied = answers.apply_now(session, settings, now)
        if not staged:
            name = session.registry.text(identity.COMPUTER_NAME, "ComputerName")
        return name, outcome, applied

    def _document(
        self, session: Session, now: Situation, settings: AnswerFile | None, name: str | None
    ) -> tuple[AnswerFile | None, Situation, AnswerFile | None]:
        """Return the machine's answer file, where it goes, and the file as it was written.

        The first is None where the machine needs none, the last where it is made of settings alone.

        Args:
            session: the opened installation.
            now: the passes to come.
            settings: those that win over the answer file.
            name: the machine's name, where specialize is still to set it.
        """
        installation = session.installation
        document, place = self._wish.document, now
        more = [settings] if settings and now.to_run else []
        if document is None and now.to_run and (more or name):
            document, place = placing.base_of(session, now)
        base = document
        if name and not (document and answers.name_in(document) == name):
            more.append(answers.named(name, installation.architecture or "amd64"))
        for one in more:
            document = merge(document, one) if document else one
        if self._wish.document is None:
            _say_hidden(session, now, place, more, base)
        return document, place, base

    def recheck(self, installation: Installation) -> list[str]:
        """Check the written image; return what it lacks."""
        outcome, registry = self._outcome, installation.registry
        assert outcome
        problems = self._wrong_sid(installation, outcome)
        if registry.text(identity.CRYPTOGRAPHY, "MachineGuid") != outcome.machine_guid:
            problems.append("its MachineGuid")
        found = registry.text(identity.COMPUTER_NAME, "ComputerName")
        if outcome.computer_name and (found or "").upper() != outcome.computer_name.upper():
            problems.append("its name")
        if outcome.unattend and outcome.unattend.placed:
            stat = installation.tree.stat(outcome.unattend.placed)
            if stat is None or not stat.size:
                problems.append("its answer file")
        return problems

    def _wrong_sid(self, installation: Installation, outcome: Outcome) -> list[str]:
        registry, problems = installation.registry, []
        if outcome.sid_when == "next boot":
            pending = Pending.of(registry)
            chosen = str(pending.chosen) if pending.chosen else None
            if not pending.requested or chosen != outcome.machine_sid:
                problems.append("the request for its SID")
        elif outcome.machine_sid and str(identity.machine_sid(registry)) != outcome.machine_sid:
            problems.append("its SID")
        if self._replacement and outcome.sid_change:
            problems += remains(installation, self._replacement, outcome.sid_change)
            if Pending.of(registry).requested:
                problems.append("a withdrawn request for another SID")
        return problems
