"""Confine a process that handles hostile images.

A process enters the sandbox voluntarily before it touches the image; from then on it applies to the
process and its children. Layers that the kernel does not offer are skipped, and `missing` names them.

| layer | module | what it restricts |
|---|---|---|
| resource limits | `limits` | memory, processor time, open files, core files |
| privileges | `privileges` | root's rights, the environment, and by namespaces the network and mounts |
| sockets | `sockets` | all but the named ones, to which it is connected before |
| Landlock | `landlock` | all files but the named ones, TCP, signals to others |
| seccomp | `seccomp`, `calls` | all system calls but those that the work needs |
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

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

#: The layers of a worker, in the order in which it enters them.
NAMESPACES = "namespaces of its own"
LANDLOCK = "Landlock"
ALLOW_LIST = "seccomp's list of allowed system calls"
REFUSALS = "seccomp"
LAYERS = (NAMESPACES, LANDLOCK, ALLOW_LIST, REFUSALS)
#: Layers to leave out, for the tests of each: names separated by commas.
_WITHOUT = "RESEAL_SANDBOX_WITHOUT"
_REQUIRED = "RESEAL_REQUIRE_SANDBOX"
#: What the C library reads to resolve the name of a host, and libssh to connect to it.
_RESOLVER = (
    *("/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"),
    *("/etc/services", "/etc/passwd", "/etc/ssh/ssh_config", "/etc/ssh/ssh_known_hosts"),
    "~/.ssh",
)


def features() -> dict[str, int | bool]:
    """Return what this system offers: `landlock`, the version of its interface or 0, and `seccomp`."""
    return {"landlock": landlock.version(), "seccomp": seccomp.available()}


def prepare() -> None:
    """Prepare what every worker needs, once, before the first fork."""
    landlock.imported()
    if os.geteuid() == 0:
        privileges.why_root()
    for attributes in (False, True):
        seccomp.allow_list(attributes=attributes)


def enter(limits: Limits, scratch: Path) -> list[str]:
    """Drop everything that the work does not need, permanently.

    Call it in a process with a single thread.

    Args:
        limits: the limits of the work.
        scratch: its folder for temporary files.

    Returns:
        The layers that this system does not offer.

    Raises:
        EngineError: a layer is missing, and RESEAL_REQUIRE_SANDBOX is set.
    """
    without = os.environ.get(_WITHOUT, "").split(",")
    in_force = []
    writes = (*limits.writes, scratch)
    privileges.no_new_privileges()
    if "namespaces" not in without and {"mount", "network"} <= privileges.separate(writes):
        in_force.append(NAMESPACES)
    privileges.drop_bounding_set()
    # Files of the host that the work names may be readable for root only.
    if "nobody" not in without and not (limits.reads or limits.writes):
        privileges.become_nobody(scratch)
    privileges.drop_capabilities()
    if "landlock" not in without and landlock.restrict(
        limits.reads, writes, programs=limits.programs
    ):
        in_force.append(LANDLOCK)
    in_force += _enter_seccomp(limits, without)
    privileges.clean_environment()
    # A worker that starts programs has no list of allowed calls on any system: they need calls of their own.
    wanted = [layer for layer in LAYERS if layer != ALLOW_LIST or not limits.programs]
    found = [layer for layer in wanted if layer not in in_force]
    if found and os.environ.get(_REQUIRED) not in {None, "", "0"}:
        raise EngineError(
            f"the worker would run without {', '.join(found)}, and {_REQUIRED} is set; the image was"
            " not opened.",
            hint=f"`reseal doctor` lists what this system lacks. Unset {_REQUIRED} to run without it.",
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


def enter_tool(writes: Iterable[Path], *, network: bool = False, connects: bool = False) -> None:
    """Drop the network and all files except the named ones, for a third-party program.

    Call it between fork and exec.

    Args:
        writes: files and folders that it may read and write.
        network: whether it keeps the network, and may read how names are resolved.
        connects: whether it connects to local sockets.
    """
    privileges.no_new_privileges()
    reads = [Path(one).expanduser() for one in _RESOLVER] if network else []
    landlock.restrict(reads, writes, programs=True, network=network)
    program = seccomp.refusals(programs=True, network=network, connects=connects)
    if program:
        seccomp.install(seccomp.of_this_process())
        seccomp.install(program)


def missing(found: Iterable[str]) -> str:
    """Return a sentence that names the missing layers of a run."""
    return (
        f"The worker runs without {', '.join(found)}, which this system does not offer: an image that"
        " takes it over can do more. `reseal doctor` gives details."
    )
