"""Find calls of Sysprep in an image's answer files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lxml import etree

from reseal.answerfile.components import DEPLOYMENT
from reseal.checks.declaration import Finding, NotCheckableError, note, warning
from reseal.checks.reading import xml
from reseal.session import Session
from reseal.windows.answer_files import places
from reseal.xml import local_name

COMMAND = "RunSynchronousCommand"
#: The program, but not its folder, which scripts clean up.
_SYSPREP = re.compile(r"(?<![\w.-])sysprep(\.exe(?![\w.\\-])|(?![\w.\\/-]))", re.IGNORECASE)


def calls_of_sysprep(session: Session) -> Iterable[Finding]:
    """Yield every command of an answer file that calls Sysprep; see the package."""
    for path in dict.fromkeys(places(session.installation, session.registry)):
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


def _calls(root: etree._Element) -> Iterator[tuple[str, int]]:
    """Yield the pass and line of every command of Microsoft-Windows-Deployment that calls Sysprep."""
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
