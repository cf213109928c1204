"""Find fixed names and first-logon commands in an image's answer files."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from reseal.checks.declaration import Finding, NotCheckableError, note, warning
from reseal.checks.reading import xml
from reseal.session import Session
from reseal.windows.answer_files import places
from reseal.xml import local_name

_HINT = (
    "Give the run an answer file of your own with --unattend, or delete this one from the image."
)
#: Lists of commands that OOBE and the first logon run.
_COMMANDS = {"FirstLogonCommands", "LogonCommands"}
_LONGEST_NAME = 64


def found(session: Session) -> Iterable[Finding]:
    """Yield what an answer file of the image does to every copy; see the package."""
    for path in dict.fromkeys(places(session.installation, session.registry)):
        try:
            root = xml(session, path)
        except NotCheckableError as problem:
            yield note(f"Not checked: {problem.message}")
            continue
        if root is None:
            continue
        does = [*_names(root), *_commands(root)]
        if does:
            yield warning(f"{path} {' and '.join(does)}.", _HINT)


def _names(root: etree._Element) -> Iterable[str]:
    for element in root.iter():
        name = (element.text or "").strip() if local_name(element) == "ComputerName" else ""
        # An asterisk has Windows draw a name; it can stand at the end of a prefix, too.
        if name and "*" not in name and "%" not in name:
            yield f"names every copy {name[:_LONGEST_NAME]}"


def _commands(root: etree._Element) -> Iterable[str]:
    count = sum(len(element) for element in root.iter() if local_name(element) in _COMMANDS)
    if count:
        yield f"runs {count} command{'' if count == 1 else 's'} at the first logon of every copy"
