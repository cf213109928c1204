"""Measure in a worker which layers of the sandbox are active.

Each layer is tried, because a container may forbid what the kernel offers.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

from reseal.sandbox import landlock, privileges, seccomp

_NAMESPACES = ("user", "mnt", "net", "ipc", "uts", "pid")
#: A folder that no worker needs.
_FORBIDDEN = "/etc"


def outside() -> dict[str, str]:
    """Return the namespaces of this process, for a worker to compare its own with."""
    return {name: _namespace(name) for name in _NAMESPACES}


def _namespace(name: str) -> str:
    try:
        return str(Path(f"/proc/self/ns/{name}").readlink())
    except OSError:
        return ""


def look(parents: dict[str, str]) -> list[dict[str, Any]]:
    """Measure the layers, in a worker.

    Args:
        parents: the result of `outside` in the parent process.

    Returns:
        `name`, `in_force` and `detail` of each layer.
    """
    status = dict(
        line.split(":\t", 1)
        for line in Path("/proc/self/status").read_text().splitlines()
        if ":\t" in line
    )
    own = [name for name in _NAMESPACES if _namespace(name) != parents.get(name)]
    listed = _is_refused(lambda: os.kill(os.getppid(), 0)) and _is_refused(_read_attribute)
    return [
        _layer(
            "resource limits", resource.getrlimit(resource.RLIMIT_CORE) == (0, 0), "no core file"
        ),
        _layer("Landlock", _is_refused(lambda: os.listdir(_FORBIDDEN)), _version()),  # noqa: PTH208
        _layer("seccomp", status.get("Seccomp") == "2", _calls(listed=listed)),
        _layer("no new privileges", status.get("NoNewPrivs") == "1", ""),
        _layer("no capabilities", int(status.get("CapEff", "1"), 16) == 0, ""),
        _layer("not root", os.geteuid() != 0, _user()),
        _layer("namespaces", {"mnt", "net"} <= set(own), ", ".join(own) or "none"),
        _layer(
            "no terminal", not any(os.isatty(number) for number in (0, 1, 2)), "pipes or /dev/null"
        ),
    ]


def _layer(name: str, in_force: bool, detail: str) -> dict[str, Any]:
    return {"name": name, "in_force": in_force, "detail": detail}


def _user() -> str:
    user = os.geteuid()
    return (
        f"user {user}"
        if user
        else privileges.why_root() or "the folder for temporary files is closed"
    )


def _is_refused(attempt: Any) -> bool:
    try:
        attempt()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _read_attribute() -> None:
    os.getxattr("/proc/self", "user.none")


def _version() -> str:
    found = landlock.version()
    return f"version {found} of its interface" if found else "not in this kernel"


def _calls(*, listed: bool) -> str:
    if not seccomp.available():
        return "not for this processor"
    return "a list of what is allowed" if listed else "a list of what is refused"
