r"""Passes that are done: how Windows marks them, and which an answer file still has to run.

Documented (Windows Setup Automation Overview): when a pass is done, Windows Setup annotates it in
the cached file `Panther\unattend.xml` and deletes the sensitive data of it; a pass so marked is not
run again. Seen (build logs): the attribute `wasPassProcessed="true"` and the text
`*SENSITIVE*DATA*DELETED*`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from reseal.answerfile import passes
from reseal.answerfile.document import PROCESSED, AnswerFile, PassSettings, Setting
from reseal.answerfile.markup import XML_SPACE, Edit, Element
from reseal.answerfile.passes import Pass
from reseal.answerfile.secrets import DELETED, holds_password, is_secret

#: A secret in a comment, where settings were disabled.
_IN_COMMENT = re.compile(
    r"(<(?:\w*Password|Value|Key|ProductKey|AccountData)>)(?!\s*<)([^<>]+)(?=</)"
)


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """An answer file without its secrets.

    Attributes:
        document: the new document.
        count: how many secrets were deleted.
        commands: commands of the new document that seem to contain a password. Windows keeps them, and so
            does reseal, but they should be reported.
    """

    document: AnswerFile
    count: int
    commands: tuple[Setting, ...]


def still_to_run(
    document: AnswerFile, mode: str, done: Mapping[str, int]
) -> tuple[PassSettings, ...]:
    r"""Return the passes of a file that a generalized image will run from it, in order.

    Args:
        document: the answer file, where the image finds it.
        mode: `oobe` or `audit`, to which the image boots.
        done: the values under `SYSTEM\Setup\Status\\UnattendPasses`.
    """
    return tuple(
        settings
        for name in passes.still_to_run(mode, done)
        for settings in document.passes
        if settings.name == name and settings.components and not settings.was_processed
    )


def mark(document: AnswerFile, names: Collection[Pass]) -> AnswerFile:
    """Mark passes as done, as Windows does: the attribute is set and their secrets are deleted."""
    markup = document.markup
    marked = [settings for settings in document.passes if settings.name in names]
    edits = [markup.set_attribute(settings.element, PROCESSED, "true") for settings in marked]
    return scrub(document.edited(edits), names).document


def reset(document: AnswerFile, names: Collection[Pass]) -> AnswerFile:
    """Take the mark from passes, so that they run again; from none that lacks its secrets."""
    markup = document.markup
    return document.edited(
        markup.remove_attribute(settings.element, PROCESSED)
        for settings in document.passes
        if settings.name in names
        and PROCESSED in settings.element.attributes
        and not lacks_secrets(settings)
    )


def lacks_secrets(settings: PassSettings) -> bool:
    """Whether a secret of a pass was deleted: the pass would use the text in its place."""
    return any(
        DELETED in setting.text
        for component in settings.components
        for setting in component.settings()
    )


def holds_secrets(settings: PassSettings) -> bool:
    """Whether a pass holds secrets, deleted or not."""
    return any(
        is_secret(setting) and not setting.children and setting.text
        for component in settings.components
        for setting in component.settings()
    )


def scrub(document: AnswerFile, names: Collection[Pass] | None = None) -> Scrubbed:
    """Delete the secrets of passes, in comments too.

    Args:
        document: the answer file.
        names: the passes; None for all of them and for text outside of passes.
    """
    scope = [s for s in document.passes if names is None or s.name in names]
    edits: list[Edit] = []
    emptied: set[Element] = set()
    for settings in scope:
        for setting in _secrets(settings):
            if any(setting.element.children):
                # Misplaced text next to settings may be a secret, too.
                edits += _stray(document, setting.element)
            else:
                edits.append(document.markup.set_text(setting.element, DELETED))
                emptied.add(setting.element)
    for root in [document.root] if names is None else [s.element for s in scope]:
        edits += _comments(document, root, emptied)
    clean = document.edited(edits)
    commands = tuple(
        setting
        for setting in clean.settings()
        if not setting.children and holds_password(setting.text)
    )
    return Scrubbed(clean, len(edits), commands)


def _secrets(settings: PassSettings) -> Iterator[Setting]:
    for component in settings.components:
        for setting in component.settings():
            if is_secret(setting) and setting.text not in {"", DELETED}:
                yield setting


def _stray(document: AnswerFile, element: Element) -> Iterator[Edit]:
    text = document.markup.source.text
    before = element.content
    ends = [(node.start, node.end) for node in element.nodes]
    for end, after in [*ends, (element.content_end, element.content_end)]:
        gap = text[before:end]
        if stray := gap.strip(XML_SPACE):
            start = before + gap.index(stray)
            yield Edit(start, start + len(stray), DELETED)
        before = after


def _comments(document: AnswerFile, element: Element, emptied: set[Element]) -> Iterator[Edit]:
    """Yield the edits of comments in an element, those in emptied elements left out."""
    text = document.markup.source.text
    prologue = document.markup.prologue if element is document.root else []
    for node in [*prologue, *element.nodes]:
        if isinstance(node, Element):
            if node not in emptied:
                yield from _comments(document, node, emptied)
            continue
        for match in _IN_COMMENT.finditer(text, node.start, node.end):
            if match.group(2).strip() != DELETED:
                yield Edit(match.start(2), match.end(2), DELETED)
