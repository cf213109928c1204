"""An image of a real machine, put together from the corpus.

SYSTEM (dirty, with logs) of a Windows 10 1709; SAM, SECURITY, DEFAULT and the users' hives (dirty, with
logs) of a Windows 10 21H1; the real action file of build 18362; a SOFTWARE hive that is built, since
none is at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reseal.testing.machine import Machine, software_hive, tree
from reseal.testing.windows import windows
from reseal.windows import Sid

if TYPE_CHECKING:
    from pathlib import Path

SID = Sid.parse("S-1-5-21-2290304894-658537038-505560459")
COMPUTER_NAME = "DESKTOP-PM6C56D"
SIZE = 192 << 20


def machine(corpus: Path) -> Machine:
    """What `reseal.testing` is to build around the real hives."""
    built = Machine(
        build=18363, product="Windows 10 Pro", version="1909", sid=SID,
        computer_name=COMPUTER_NAME, users=("AndrewRathbun",),
    )  # fmt: skip
    built.files = _files(corpus, built)
    return built


def _with_logs(folder: Path, name: str) -> dict[str, bytes]:
    found = {name: (folder / name).read_bytes()}
    for suffix in ("LOG1", "LOG2"):
        log = folder / f"{name}.{suffix}"
        found[f"{name}.{suffix}"] = log.read_bytes() if log.exists() else b""
    return found


def _files(corpus: Path, built: Machine) -> dict[str, Any]:
    first, second = corpus / "machines" / "win10-1709", corpus / "machines" / "win10-21h1"
    config = _with_logs(first, "SYSTEM")
    for name in ("SAM", "SECURITY", "DEFAULT"):
        config |= _with_logs(second, name)
    config["SOFTWARE"] = software_hive(built)
    user, services = second / "Users", second / "ServiceProfiles"
    logs = {name: (corpus / "evtx" / f"win10-21h1-{name}.evtx").read_bytes()
            for name in ("System", "Setup")}  # fmt: skip
    plan = (corpus / "actionfiles" / "Generalize-18362.xml").read_bytes()
    return {
        "Windows": {
            "System32": {
                "config": config,
                "Sysprep": {"ActionFiles": {"Generalize.xml": plan}},
                "winevt": {"Logs": {f"{name}.evtx": data for name, data in logs.items()}},
            },
            "ServiceProfiles": {
                name: _with_logs(services / name, "NTUSER.DAT")
                for name in ("LocalService", "NetworkService")
            },
        },
        "Users": {
            "AndrewRathbun": _with_logs(user / "AndrewRathbun", "NTUSER.DAT"),
            "Default": _with_logs(user / "Default", "NTUSER.DAT"),
        },
    }


def build(corpus: Path, path: Path) -> dict[str, Any]:
    """Make the image; returns its files as nested data."""
    made = machine(corpus)
    windows(path, made, size=SIZE)
    return tree(made)
