"""The session manager: the other hives, native programs, csrss."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from reseal.errors import ImageError
from reseal.mark import Mark
from reseal.rehearsal import sources
from reseal.rehearsal.declaration import Fact, passes, stage, stops, unknown
from reseal.rehearsal.programs import C21A, RESTORE, programs_exist
from reseal.rehearsal.walk import Walk
from reseal.windows import setup
from reseal.windows.values import strings, text

HIVES = ("SOFTWARE", "SAM", "SECURITY", "DEFAULT")
#: Programs of the session manager, in System32.
PROGRAMS = ("smss.exe", "csrss.exe", "ntdll.dll")
_BLACK = "a black screen without a message"
#: Keywords of BootExecute before a program (documented).
_KEYWORDS = frozenset({"autocheck", "async", "debug"})
_MAX_ENTRIES = 200


@stage(
    "session-manager",
    "The session manager loads the hives and starts its programs",
    order=6,
    mark=Mark.REPORTED,
    source=sources.REPAIR_LOGON,
)
def session_manager(walk: Walk) -> Iterator[Fact]:
    """smss.exe runs BootExecute and SETUPEXECUTE, the kernel loads the other hives, and csrss.exe starts."""
    control = walk.control
    yield from _hives(walk)
    yield from _product(walk, control)
    manager = rf"{control}\Session Manager"
    yield from programs_exist(walk, PROGRAMS)
    yield from _native(walk, manager)
    yield from _subsystem(walk, manager)
    yield from _servicing(walk, manager)


def _hives(walk: Walk) -> Iterator[Fact]:
    for name in HIVES:
        path = walk.system32("config", name)
        stat = walk.stat(path)
        said = "is missing" if stat is None else "is empty" if not stat.size else None
        if said is None:
            try:
                walk.registry.hive(name)
            except (ImageError, ValueError, struct.error) as error:
                said = f"can't be loaded: {getattr(error, 'message', type(error).__name__)}"
        if said:
            yield stops(
                f"The hive {path} {said}.".replace("..", "."),
                f"one of: 0xC0000218 naming {name}, 0x74",
                Mark.DOCUMENTED,
                sources.BUGCHECKS,
                cure="Restore the hive from a backup",
            )


def _product(walk: Walk, control: str) -> Iterator[Fact]:
    """The kernel compares the product type with its protected copy."""
    kind = text(walk.registry.key(rf"{control}\ProductOptions"), "ProductType")
    install = walk.installation.install_type or ""
    if kind is None or not install:
        return
    if (kind == "WinNT") == install.startswith("Server"):
        yield stops(
            f"ProductType is {kind}, but this is a {install} installation: it was changed offline.",
            "0x9A (SYSTEM_LICENSE_VIOLATION)",
            Mark.DOCUMENTED,
            sources.BUGCHECKS,
        )


def _native(walk: Walk, manager: str) -> Iterator[Fact]:
    """Native programs that smss.exe starts."""
    key = walk.registry.key(manager)
    commands = [("BootExecute", one) for one in strings(key, "BootExecute")]
    for value in setup.executed_names(walk.registry):
        commands += [(value, one) for one in setup.executed(walk.registry, manager, value)]
    checked = []
    for value, command in commands[:_MAX_ENTRIES]:
        words = command.split()
        while words and words[0].lower() in _KEYWORDS:
            words = words[1:]
        if not words:
            continue
        name = words[0]
        if walk.program(name)[1] is not False:
            checked.append(name)
            continue
        own = value != "BootExecute"
        yield stops(
            f"{value} names {name}, which is not in System32.",
            _BLACK,
            Mark.INFERRED if own else Mark.REPORTED,
            "reported for BootExecute: " + sources.REPAIR_LOGON if own else sources.REPAIR_LOGON,
            cure=RESTORE,
        )
    if checked:
        listed = ", ".join(dict.fromkeys(checked))
        yield passes(f"Native programs are there ({listed}).", Mark.REPORTED, sources.REPAIR_LOGON)


def _subsystem(walk: Walk, manager: str) -> Iterator[Fact]:
    command = text(walk.registry.key(rf"{manager}\SubSystems"), "Windows")
    if command is None:
        yield unknown("SubSystems names no Windows subsystem.", Mark.REPORTED, sources.REPAIR_LOGON)
        return
    name, there = walk.program(command)
    if there is False:
        yield stops(
            f"SubSystems starts {name}, which is missing.",
            C21A,
            Mark.REPORTED,
            sources.REPAIR_LOGON,
            cure=RESTORE,
        )


def _servicing(walk: Walk, manager: str) -> Iterator[Fact]:
    if walk.stat(walk.installation.path(r"WinSxS\pending.xml")):
        yield unknown(
            "Windows has an update to finish or to undo (pending.xml) at this boot.",
            Mark.REPORTED,
            sources.REPAIR_SERVICING,
            cure="Boot the image once and let Windows finish the update",
        )
    renames = strings(walk.registry.key(manager), "PendingFileRenameOperations")
    if renames:
        yield passes(
            "Programs left files to rename at this boot (PendingFileRenameOperations), which healthy images "
            "often have.",
            Mark.SEEN,
            sources.HIVES,
        )
