"""The request that makes Windows' own setupcl.exe replace the SID at the next boot."""

from __future__ import annotations

from dataclasses import dataclass

from reseal.providers.machine_sid import machine_sid
from reseal.regf import types
from reseal.session import Mark, Session
from reseal.windows import Registry, Sid, setup

_ACTOR = "sid"


@dataclass(frozen=True, slots=True)
class Pending:
    """What the image asks setupcl.exe for.

    Attributes:
        requested: whether the SID is replaced at the next boot.
        chosen: the SID that it will be; None where Windows draws one.
    """

    requested: bool
    chosen: Sid | None

    @classmethod
    def of(cls, registry: Registry) -> Pending:
        """Read the request from an installation's registry."""
        if not setup.new_sid_pending(registry):
            return cls(requested=False, chosen=None)
        data = registry.value(setup.PENDING_REQUEST, setup.SID_NEW)
        try:
            chosen = Sid.from_bytes(data) if isinstance(data, bytes) else None
        except ValueError:
            chosen = None
        return cls(requested=True, chosen=chosen)


def pend(session: Session, new: Sid | None) -> None:
    """Stage the request.

    Args:
        session: the opened installation.
        new: the SID that the machine is to get; None to let Windows draw one.
    """
    before = Pending.of(session.registry)
    if before.requested and before.chosen == new:
        return
    machine_sid(session)
    if new is not None:
        with session.acting(_ACTOR, Mark.REPORTED):
            session.set_value(
                setup.PENDING_REQUEST, setup.SID_NEW, types.REG_BINARY, new.to_bytes()
            )


def withdraw(session: Session) -> None:
    """Stage that setupcl.exe has no SID to replace any more, since that is done now.

    Bit 4 goes with its operands. Where other bits of the request ask for something of their own, they
    stay, and setupcl.exe with them. Otherwise all values of the request go and its key stays, as Windows
    leaves it; other strings of SETUPEXECUTE, under both of its names, stay.
    """
    registry = session.registry
    others = setup.pending_operations(registry) & ~setup.REPLACE_ACCOUNT_DOMAIN_SID
    with session.acting(_ACTOR, Mark.REPORTED):
        if others & ~setup.SCOPES:
            withdraw_sids(session)
            session.set_number(setup.PENDING_REQUEST, setup.OPERATION_FLAGS, others)
            session.note(
                f"The pending SetupCl request keeps its other bits ({others:#x}) and their operands."
            )
            return
        key = registry.key(setup.PENDING_REQUEST)
        for value in list(key.values()) if key else []:
            session.delete_value(setup.PENDING_REQUEST, value.name)
        for control_set in registry.control_sets:
            manager = setup.SESSION_MANAGER.replace("CurrentControlSet", control_set)
            for name in setup.SETUPEXECUTE_NAMES:
                others_started = setup.executed_beside(registry, manager, name)
                if others_started != setup.executed(registry, manager, name):
                    session.set_strings(manager, name, others_started)


def withdraw_sids(session: Session) -> None:
    """Stage that the request names no SID: the old one is gone, and each copy draws its own."""
    for name in (setup.SID_OLD, setup.SID_NEW):
        session.delete_value(setup.PENDING_REQUEST, name)
