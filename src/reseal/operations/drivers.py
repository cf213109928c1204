"""Driver packages that an operation adds to an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.session import Session


def added(session: Session, folder: Path) -> list[dict[str, Any]]:
    """Stage the driver packages of a folder of this computer; return the outcome of each."""
    from reseal.drivers import add_packages

    with session.step("Adding drivers"):
        found = [one.to_json() for one in add_packages(session, folder)]
        session.verify()
    return found
