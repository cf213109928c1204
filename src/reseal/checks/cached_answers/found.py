"""Find what an image's own answer files do to every copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reseal.answerfile import AnswerFile, AnswerFileError, PassSettings, Setting
from reseal.answerfile.passes import Pass
from reseal.answerfile.processed import lacks_secrets
from reseal.answerfile.secrets import holds_password, is_product_key, is_secret
from reseal.checks.cached_answers import GIVEN
from reseal.checks.declaration import Finding, NotCheckableError, note, warning
from reseal.checks.reading import content
from reseal.session import Session
from reseal.windows.answer_files import IN_PANTHER, places

#: Passes that an armed image may run.
_TO_RUN = (Pass.SPECIALIZE, Pass.AUDIT_SYSTEM, Pass.AUDIT_USER, Pass.OOBE_SYSTEM)
#: Lists of commands, and what runs them.
_COMMANDS = {
    "FirstLogonCommands": "at the first logon",
    "LogonCommands": "at each logon",
    "RunSynchronous": "in Setup",
    "RunAsynchronous": "in Setup",
}
_ACCOUNT_LISTS = {"LocalAccounts", "DomainAccountList"}
_LONGEST_NAME = 64
_MAX_NAMES = 10


def found(session: Session) -> Iterable[Finding]:
    """Yield what an answer file of the image does to every copy; see the package."""
    if GIVEN in session.switches:
        return
    documents: dict[str, AnswerFile] = {}
    for path in dict.fromkeys(places(session.installation, session.registry)):
        try:
            data = content(session, path)
            if data:
                documents[path] = AnswerFile(data, path)
        except (NotCheckableError, AnswerFileError) as problem:
            yield note(f"Not checked: {problem.message}")
    panther = {session.installation.path(name).lower() for name in IN_PANTHER}
    for path, again in _used(documents).items():
        does = list(_does(again, session.installation.architecture))
        if does:
            option = "--drop-cached-unattend"
            if path.lower() not in panther:
                option = rf"--delete '{session.registry.drive}\{path}'"
            passes = ", ".join(dict.fromkeys(one.name for one in again))
            shown = f"{', '.join(does[:-1])} and {does[-1]}" if does[1:] else does[0]
            yield warning(
                f"The answer file {path} is used again ({passes}). It {shown}.",
                f"Delete it with {option}, or give the run an answer file of your own with --unattend FILE.",
            )


def _used(documents: dict[str, AnswerFile]) -> dict[str, list[PassSettings]]:
    """Return the passes that the next boot takes from each file.

    The first file counts that has settings for a pass. A pass that is done in all files runs again from the
    first that has it, since generalizing removes the mark.
    """
    used: dict[str, list[PassSettings]] = {}
    for name in _TO_RUN:
        having = [
            (path, one)
            for path, document in documents.items()
            for one in document.passes
            if one.name == name and one.components and not lacks_secrets(one)
        ]
        waiting = [(path, one) for path, one in having if not one.was_processed]
        for path, one in (waiting or having)[:1]:
            used.setdefault(path, []).append(one)
    return used


def _does(passes: list[PassSettings], architecture: str | None) -> Iterator[str]:
    settings = [
        setting
        for one in passes
        for component in one.components
        # Windows skips components of other architectures (documented).
        if not architecture or component.architecture.lower() in {"", architecture.lower()}
        for setting in component.settings()
    ]
    yield from _computer_names(settings)
    names = [name for setting in settings for name in _accounts(setting)]
    if names:
        more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
        yield f"creates the account{'s' * (len(names) > 1)} {', '.join(names[:_MAX_NAMES])}{more}"
    passwords = sum(map(_holds_password, settings))
    if passwords:
        yield f"holds {passwords} password{'s' * (passwords > 1)} that anyone can read"
    for when in dict.fromkeys(_COMMANDS.values()):
        count = sum(len(one.children) for one in settings if _COMMANDS.get(one.name) == when)
        if count:
            yield f"runs {count} command{'s' * (count > 1)} {when} of every copy"


def _computer_names(settings: list[Setting]) -> Iterator[str]:
    for setting in settings:
        name = setting.text if setting.name == "ComputerName" else ""
        # An asterisk has Windows draw a name; it can stand at the end of a prefix, too.
        if name and "*" not in name and "%" not in name:
            yield f"names every copy {name[:_LONGEST_NAME]}"


def _holds_password(setting: Setting) -> bool:
    if setting.children or not setting.text or is_product_key(setting):
        return False
    return is_secret(setting) or holds_password(setting.text)


def _accounts(setting: Setting) -> Iterator[str]:
    if setting.name in _ACCOUNT_LISTS:
        for item in setting.children:
            name = item.text_of("Name")
            if name:
                yield name[:_LONGEST_NAME]
