"""Facts about a golden image, read once before the first clone is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reseal.answerfile import Target
from reseal.disk.block import is_block, size_of
from reseal.disk.golden import digest
from reseal.disk.image import resolve
from reseal.errors import ImageError, UsageError
from reseal.hostfile import NetworkPath
from reseal.run import read
from reseal.run.opening import Found, choose
from reseal.run.options import RunOptions
from reseal.run.work import session_of
from reseal.session import Session
from reseal.unattend import apply as unattend
from reseal.windows import Sid, identity
from reseal.windows.setup import MODE_MARK, SetupState


@dataclass(frozen=True, slots=True)
class Golden:
    """A golden image.

    Attributes:
        path: its resolved path.
        sid: its machine SID; None if it has none.
        domain: its domain's SID, or None.
        name: its computer name, or None.
        server: whether it is a Windows Server.
        target: the Windows that answer files are checked against.
        warnings: sentences on what its clones will share with it.
        rehearsal: what its next boot would do; None if it was not rehearsed.
    """

    path: Path
    sid: Sid | None
    domain: Sid | None
    name: str | None
    server: bool
    target: Target
    warnings: tuple[str, ...]
    rehearsal: dict[str, Any] | None = None

    @property
    def fingerprint(self) -> list[object]:
        """The data that identifies the golden image in a later run."""
        if is_block(self.path):  # it has no time of its last change
            return [str(self.path), size_of(self.path), digest([self.path])]
        status = self.path.stat()
        return [str(self.path), status.st_size, status.st_mtime_ns]

    @classmethod
    def look(
        cls,
        path: Path,
        *,
        volume: str | None,
        allow_backing: bool,
        rehearse: Callable[[Session], dict[str, Any]] | None = None,
    ) -> Golden:
        """Read the facts about a golden image.

        Args:
            path: the image.
            volume: the Windows, in the form of `--volume`; None for the only one.
            allow_backing: whether it may have backing files outside its folder.
            rehearse: rehearses its next boot; None to leave that out.

        Raises:
            ResealError: it can't be read, or holds no Windows, or several and none was chosen.
        """
        if isinstance(path, NetworkPath):
            msg = f"{path} is on a server, and clones are made from a disk of this computer."
            raise UsageError(msg, "Copy it first: reseal customize URL --output FILE.")
        if path.is_dir():
            msg = f"{path} is a folder; clones are made from disk images."
            raise UsageError(msg, "Make an image of it first.")
        facts = read(
            path,
            lambda found: _facts(found, volume, str(path), rehearse),
            allow_backing=allow_backing,
        )
        state = facts["state"]
        warnings = []
        if not facts["generalized"]:
            warnings.append(
                f"{path} is not generalized ({state or 'unknown state'}): its clones keep its devices, "
                "users and other parts of its identity. Run `reseal generalize` on it first."
            )
        if facts["mode"] == "vm":
            warnings.append(
                f"{path} was generalized in VM mode: its clones keep its devices and drivers' settings. "
                "Use them only on the same hypervisor with the same virtual hardware."
            )
        return cls(
            path=resolve(path),
            sid=Sid.parse(facts["sid"]) if facts["sid"] else None,
            domain=Sid.parse(facts["domain"]) if facts["domain"] else None,
            name=facts["name"],
            server=facts["server"],
            target=Target.from_json(facts["target"]),
            warnings=tuple(warnings),
            rehearsal=facts["rehearsal"],
        )


def _facts(
    found: list[Found],
    volume: str | None,
    subject: str,
    rehearse: Callable[[Session], dict[str, Any]] | None,
) -> dict[str, Any]:
    chosen = choose(found, volume, subject)
    state = chosen.state
    if state and (state.dirty or not state.log_clean or state.hibernation != "none"):
        what = "Windows is hibernated on it" if state.hibernation != "none" else "it is dirty"
        msg = f"{subject} was not shut down cleanly ({what}), so its clones would be incomplete."
        raise ImageError(msg, "Start Windows once, and shut it down fully (shutdown /s /t 0).")
    installation = chosen.installation
    registry = installation.registry
    sid, domain = identity.machine_sid(registry), identity.domain_sid(registry)
    setup = SetupState.of(installation)
    return {
        "sid": str(sid) if sid else None,
        "domain": str(domain) if domain else None,
        "name": registry.text(identity.COMPUTER_NAME, "ComputerName"),
        "server": installation.is_server,
        "mode": registry.text(MODE_MARK, "Mode"),
        "state": setup.image_state,
        "generalized": setup.generalized,
        "target": unattend.target_of(installation).to_json(),
        "rehearsal": rehearse(session_of(chosen, RunOptions(dry_run=True))) if rehearse else None,
    }
