"""Check an image for everything that prevents generalizing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reseal.errors import CheckError, ImageError
from reseal.operations.inspect import windows_facts
from reseal.operations.operation import Opening, look

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from reseal.run.opening import Found


def check(
    image: Path, opening: Opening | None = None, *, force: Iterable[str] = ()
) -> dict[str, Any]:
    """Run every check on an installation, and record the findings.

    Args:
        image: a disk image, a WIM or a folder that holds a Windows installation.
        opening: which Windows, and how to open the image.
        force: names of checks whose errors are overridden.

    Raises:
        UsageError: no check has such a name.
    """
    from reseal import checks

    switches = checks.force(list(force))
    return look(image, lambda found: checked(found, switches), opening)


def checked(found: Found, switches: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Run every check on an installation.

    Args:
        found: the installation, and what is around it.
        switches: names of the switches that checks look at.
    """
    from reseal import checks
    from reseal.session import Session

    session = Session(
        found.installation,
        volume_state=found.state,
        neighbours=found.neighbours,
        switches=switches,
    )
    return {
        "windows": windows_facts(found.installation),
        "checks": [one.to_json() for one in checks.run(session)],
    }


def exit_code(record: Mapping[str, Any]) -> int:
    """Return the exit code of the command line: that of the worst finding, or 0."""
    errors = [one for one in record["checks"] if one["level"] == "error"]
    if any(one["damaged"] for one in errors):
        return ImageError.exit_code
    return CheckError.exit_code if errors else 0
