r"""The log of a run, in the form of Sysprep's own setupact.log.

Line: `YYYY-MM-DD HH:MM:SS, Level<pad>[0x0f00XX] SYSPRP text`; only some messages have the bracketed id.
Form and ids: seen in a log of Server 2022.
"""

from __future__ import annotations

import re

from reseal.checks.vm_mode import VM_MODE
from reseal.session import Mark, Session
from reseal.sysprep.arm import Stage, Target, image_state
from reseal.sysprep.entry_points import Coverage
from reseal.tree import join
from reseal.version import __version__
from reseal.windows import setup

LOG = join(setup.SYSPREP, r"Panther\setupact.log")
#: Registry values whose old data must not survive in the log.
_OLD_NAMES = ("\\\\ComputerName", "\\\\MachineGuid", "\\\\Hostname")
_MACHINE_SID = re.compile(r"S-1-5-21(-\d+){3}")
_MAC = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{12}(?![0-9A-Fa-f])")
_RULE = "=" * 56
_TITLE = f"==={'Beginning of a new sysprep run':^50}==="


def write(session: Session, target: Target, coverage: Coverage, first: int = 0) -> None:
    r"""Stage the log of this run as `System32\Sysprep\\Panther\setupact.log`.

    Args:
        session: the opened installation.
        target: the destination of the next boot.
        coverage: how the image's own plan was carried out.
        first: the number of changes staged before the generalization, which the log leaves out.
    """
    time = f"{session.now:%Y-%m-%d %H:%M:%S}"
    lines: list[str] = []

    def line(text: str, number: int | None = None, level: str = "Info") -> None:
        shown = f"[0x0f{number:04x}]" if number is not None else ""
        lines.append(f"{time}, {level:<10} {shown:<10} SYSPRP {text}")

    for text in (_RULE, _TITLE, _RULE):
        line(text)
    line(f"The time is now {time}", 0x4D)
    folder = f"C:\\{session.installation.path(setup.SYSPREP)}\\Panther"
    line(f"Initialized SysPrep log at {folder}", 0x4E)
    line(f"This run was made offline by reseal {__version__}; times are UTC")
    for option in (target.value.upper(), "GENERALIZE"):
        line(f"ParseCommands:Found supported command line option '{option}'", 0x5F)
    if VM_MODE in session.switches:
        line("WinMain:Sysprep mode [vm]; was specified", 0xB7)
    names = _old_names(session)
    for change in session.changes[first:]:
        line(f"{change.provider}: {change.kind} {_anonymous(change.target, names)}")
    for name in coverage.to_json()["unknown"]:
        line(f"reseal: {name} is unknown and was not carried out", level="Warning")
    line(f"reseal: the image's state is {image_state(Stage.GENERALIZED, target)}")
    line("Shutting down SysPrep log", 0x52)
    data = "".join(f"{one}\r\n" for one in lines).encode("utf-8", "replace")
    with session.acting("panther-log", Mark.SEEN):
        session.write_file(session.installation.path(LOG), data)


def _old_names(session: Session) -> list[str]:
    """Return the names that the run replaced; the log stays in the image and must not contain them."""
    names = set()
    for change in session.changes:
        data = change.before.get("data") if isinstance(change.before, dict) else None
        if change.target.endswith(_OLD_NAMES) and isinstance(data, str) and data:
            names.add(data)
    return sorted(names, key=len, reverse=True)


def _anonymous(target: str, names: list[str]) -> str:
    """Return a target without the old machine's SID, name, MachineGuid and MAC addresses."""
    for name in names:
        target = re.sub(re.escape(name), "<old>", target, flags=re.IGNORECASE)
    return _MAC.sub("<MAC>", _MACHINE_SID.sub("<machine SID>", target))
