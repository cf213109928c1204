"""What a process that handles hostile images may still do.

Everything here is entered by a process of its own free will, before it touches the image, and holds
for it and all its children from then on. What the kernel does not offer is left out, step by step, and
said: `missing` names it.

| layer | module | what it takes |
|---|---|---|
| resource limits | `limits` | memory, processor time, open files, core files |
| privileges | `privileges` | capabilities, the environment, and by namespaces the network and mounts |
| Landlock | `landlock` | all files but the named ones, TCP, signals to others |
| seccomp | `seccomp`, `calls` | all system calls but those that the work needs |
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reseal.errors import EngineError
from reseal.sandbox import landlock, privileges, seccomp, trace
from reseal.sandbox.limits import (
    FILES,
    PATIENCE,
    Limits,
    heartbeat,
    limit,
    use_spare_memory,
    watch,
)
from reseal.sandbox.privileges import hide_memory

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "FILES",
    "PATIENCE",
    "Limits",
    "enter",
    "enter_tool",
    "features",
    "heartbeat",
    "hide_memory",
    "limit",
    "missing",
    "prepare",
    "use_spare_memory",
    "watch",
]

#: What a worker can have, in the order in which it is entered.
NAMESPACES = "namespaces of its own"
LANDLOCK = "Landlock"
ALLOW_LIST = "seccomp's list of allowed system calls"
REFUSALS = "seccomp"
LAYERS = (NAMESPACES, LANDLOCK, ALLOW_LIST, REFUSALS)
#: Layers to leave out, for the tests of each: names separated by commas.
_WITHOUT = "RESEAL_SANDBOX_WITHOUT"
_REQUIRED = "RESEAL_REQUIRE_SANDBOX"


def features() -> dict[str, int | bool]:
    """Say what this system offers: `landlock`, the version of its interface or 0, and `seccomp`."""
    return {"landlock": landlock.version(), "seccomp": seccomp.available()}


def prepare() -> None:
    """Find out once what every worker needs, before the first is forked."""
    landlock.imported()
    for attributes in (False, True):
        seccomp.allow_list(attributes=attributes)


def enter(limits: Limits, scratch: Path) -> list[str]:
    """Give up everything that the work does not need, for good.

    To be called in a process with a single thread.

    Args:
        limits: what the work may touch.
        scratch: its folder for temporary files.

    Returns:
        The layers that this system does not offer.

    Raises:
        EngineError: one is missing, and RESEAL_REQUIRE_SANDBOX forbids to go on.
    """
    without = os.environ.get(_WITHOUT, "").split(",")
    in_force = []
    writes = (*limits.writes, scratch)
    privileges.no_new_privileges()
    if "namespaces" not in without and {"mount", "network"} <= privileges.separate(writes):
        in_force.append(NAMESPACES)
    privileges.drop_capabilities()
    if "landlock" not in without and landlock.restrict(
        limits.reads, writes, programs=limits.programs
    ):
        in_force.append(LANDLOCK)
    in_force += _enter_seccomp(limits, without)
    privileges.clean_environment()
    found = [layer for layer in LAYERS if layer not in in_force]
    if found and os.environ.get(_REQUIRED) not in {None, "", "0"}:
        raise EngineError(
            f"the worker would run without {', '.join(found)}, and {_REQUIRED} is set; the image was"
            " not opened.",
            hint=f"`reseal doctor` tells what this system lacks. Unset {_REQUIRED} to do without it.",
        )
    return found


def _enter_seccomp(limits: Limits, without: list[str]) -> list[str]:
    if "seccomp" in without or not seccomp.available():
        return []
    seccomp.install(seccomp.of_this_process())
    listed = seccomp.allow_list(attributes=bool(limits.writes))
    if listed and not limits.programs and "allow-list" not in without:
        installed = trace.install(listed) if trace.wished() else seccomp.install(listed)
        return [ALLOW_LIST, REFUSALS] if installed else []
    refused = seccomp.refusals(programs=limits.programs)
    return [REFUSALS] if refused and seccomp.install(refused) else []


def enter_tool(writes: Iterable[Path]) -> None:
    """Give up the network and all files but the named ones, for a program of others.

    To be called between fork and exec.
    """
    privileges.no_new_privileges()
    landlock.restrict((), writes, programs=True)
    program = seccomp.refusals(programs=True)
    if program:
        seccomp.install(seccomp.of_this_process())
        seccomp.install(program)


def missing(found: Iterable[str]) -> str:
    """Return the sentence that says which layers a run lacks."""
    return (
        f"The worker runs without {', '.join(found)}, which this system does not offer: an image that"
        " takes it over can do more. `reseal doctor` says more."
    )
