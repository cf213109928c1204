"""What an answer file asks of an image: the settings that count for it, and the mode it boots to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reseal.answerfile.components import DEPLOYMENT
from reseal.answerfile.document import AnswerFile, Component, Setting
from reseal.answerfile.passes import Pass

#: Documented: Best Practices for Authoring Answer Files: the 32-bit side of a 64-bit Windows.
WOW64 = "wow64"
#: The passes at whose end a machine can be resealed. A boot goes to OOBE unless something asks for audit
#: mode, so oobeSystem comes first; the other two run only once audit mode was entered.
_RESEALING = (Pass.OOBE_SYSTEM, Pass.AUDIT_SYSTEM, Pass.AUDIT_USER)


@dataclass(frozen=True, slots=True)
class RequestedMode:
    """What Microsoft-Windows-Deployment asks for at the end of a pass.

    Attributes:
        mode: `oobe` or `audit`.
        generalize: whether the image is to be generalized, too.
        shutdown: whether the machine is to be shut down at once rather than restarted.
        setting: the setting itself.
        disagreeing: the passes that ask for the other mode, and don't count.
    """

    mode: str
    generalize: bool
    shutdown: bool
    setting: Setting
    disagreeing: tuple[str, ...] = ()


def components_of(document: AnswerFile, name: Pass, architecture: str = "") -> Iterator[Component]:
    """Yield the components of a pass that an image of an architecture applies.

    Args:
        document: the answer file.
        name: the pass.
        architecture: of the image; empty for any.
    """
    for settings in document.passes:
        if settings.name != name or settings.was_processed:
            continue
        for component in settings.components:
            if not architecture or component.architecture in {architecture, WOW64}:
                yield component


def settings_at(
    document: AnswerFile, name: Pass, component: str, path: str, architecture: str = ""
) -> Iterator[Setting]:
    """Yield the settings at a path of a component, those for the 32-bit side of Windows left out.

    Args:
        document: the answer file.
        name: the pass.
        component: its name; names compare without case.
        path: below the component; every item of a list has the same one.
        architecture: of the image; empty for any.
    """
    for one in components_of(document, name, architecture):
        if one.name.casefold() == component.casefold() and one.architecture != WOW64:
            for setting in one.settings():
                if setting.path.casefold() == path.casefold():
                    yield setting


def requested_mode(document: AnswerFile) -> RequestedMode | None:
    """Return what Generalize or, where there is none, Reseal asks for; None if the file has neither.

    Documented: Generalize is in auditUser, its Mode is OOBE by default, and Reseal in the same pass is
    ignored. Reseal is in auditSystem, auditUser and oobeSystem; a pass that is done is not run again.
    Inferred: where passes disagree, the one counts that the next boot would run first.
    """
    for path in ("Generalize", "Reseal"):
        found = [
            one for name in _RESEALING for one in settings_at(document, name, DEPLOYMENT, path)
        ]
        if found:
            first = found[0]
            others = dict.fromkeys(one.pass_name for one in found if _mode(one) != _mode(first))
            return RequestedMode(
                mode=_mode(first),
                generalize=path == "Generalize",
                shutdown=first.text_of("ForceShutdownNow").casefold() == "true",
                setting=first,
                disagreeing=tuple(others),
            )
    return None


def _mode(setting: Setting) -> str:
    return "audit" if setting.text_of("Mode").casefold() == "audit" else "oobe"
