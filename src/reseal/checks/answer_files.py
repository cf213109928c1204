"""Answer files that call Sysprep by themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, NotCheckableError, check, note, warning
from reseal.checks.reading import local_name, xml
from reseal.mark import Mark
from reseal.windows import setup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lxml import etree

    from reseal.session import Session

#: Where Windows looks for answer files, below its folder and in the root of its volume (documented:
#: Microsoft, Windows Setup Automation Overview).
BELOW_WINDOWS = (
    r"Panther\Unattend\Unattend.xml",
    r"Panther\Unattend\Autounattend.xml",
    r"Panther\unattend.xml",
    r"System32\Sysprep\unattend.xml",
)
IN_ROOT = ("Unattend.xml", "Autounattend.xml")
UNATTEND_FILE = "UnattendFile"

DEPLOYMENT = "Microsoft-Windows-Deployment"
COMMAND = "RunSynchronousCommand"
#: The program, and not its folder, in which scripts clean up.
_SYSPREP = re.compile(r"(?<![\w.-])sysprep(\.exe(?![\w.\\-])|(?![\w.\\/-]))", re.IGNORECASE)


@check(
    "answer-files",
    "No answer file in the image calls Sysprep.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Unsupported Scenarios (RunSynchronous)",
)
def answer_files(session: Session) -> Iterable[Finding]:
    """Calling Sysprep from RunSynchronous of Microsoft-Windows-Deployment is not supported.

    In specialize it would generalize the clone while that is being set up. The setting Generalize is
    there for it. One build diary reports that it works in auditUser. The command itself is not shown,
    since it may hold passwords.
    """
    for path in dict.fromkeys(_places(session)):
        try:
            root = xml(session, path)
        except NotCheckableError as problem:
            yield note(f"Not checked: {problem.message}")
            continue
        for configuration_pass, line in _calls(root) if root is not None else ():
            yield warning(
                f"{path}:{line} calls Sysprep from RunSynchronous in the pass {configuration_pass}.",
                "Use the setting Generalize of Microsoft-Windows-Deployment instead.",
            )


def _places(session: Session) -> Iterator[str]:
    named = session.registry.text(setup.SETUP, UNATTEND_FILE)
    if named:
        yield session.registry.local_path(named)
    yield from map(session.installation.path, BELOW_WINDOWS)
    yield from IN_ROOT


def _calls(root: etree._Element) -> Iterator[tuple[str, int]]:
    """Yield the pass and the line of every command of Deployment's that calls Sysprep."""
    for settings in root:
        for component in settings:
            if component.get("name") != DEPLOYMENT:
                continue
            for command in component.iter():
                if local_name(command) == COMMAND and any(
                    local_name(part) == "Path" and _SYSPREP.search(part.text or "")
                    for part in command
                ):
                    line = command.sourceline
                    assert line is None or isinstance(line, int)
                    yield settings.get("pass") or "unknown", line or 0
