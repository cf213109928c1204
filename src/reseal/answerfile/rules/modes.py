"""Reseal, generalize, retired settings, and passes that are done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.answerfile.components import DEPLOYMENT, SHELL
from reseal.answerfile.findings import Context, Level, Problem, rule
from reseal.answerfile.variables import variables_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.answerfile.source import Position

#: The first build of each Windows that retired something (documented: Windows versions).
_FIRST_BUILDS = {"Windows 7": 7600, "Windows 8": 9200}


@rule("reseal-beside-generalize", Level.WARNING)
def reseal_beside_generalize(context: Context) -> Iterator[Problem]:
    """Reseal does not stand beside Generalize.

    Documented: Unattended Windows Setup Reference, Microsoft-Windows-Deployment Generalize.
    """
    for reseal in context.at(DEPLOYMENT, "Reseal"):
        if reseal.component.child("Generalize"):
            yield Problem(
                reseal.position,
                "Reseal stands beside Generalize",
                "Windows generalizes and ignores Reseal",
                "write the mode into Generalize and delete Reseal",
            )


@rule("skipped-oobe", Level.WARNING)
def skipped_oobe(context: Context) -> Iterator[Problem]:
    """OOBE is answered rather than skipped.

    Documented: Unattended Windows Setup Reference of 2016, SkipMachineOOBE: tests only; deprecated.
    """
    for name in ("SkipMachineOOBE", "SkipUserOOBE"):
        for setting in context.at(SHELL, f"OOBE/{name}"):
            if setting.text.casefold() == "true":
                yield Problem(
                    setting.position,
                    f"{name} is true",
                    "it was meant for tests, has been retired since Windows 8, and leaves out what "
                    "OOBE would set up",
                    "answer its pages: HideEULAPage, ProtectYourPC, an account and the locale",
                )


@rule("retired-setting", Level.NOTE)
def retired_setting(context: Context) -> Iterator[Problem]:
    """A setting is not one that the reference calls deprecated.

    Documented: Unattended Windows Setup Reference, deprecation notes of each setting.
    """
    schemas = dict(context.known)
    for setting, schema in context.known:
        around = schemas.get(setting.parent)  # type: ignore[call-overload]
        if not schema.deprecated or (around and around.deprecated):
            continue
        if schema.name in {"SkipMachineOOBE", "SkipUserOOBE"}:
            continue  # the rule above
        if 0 < context.target.build < _FIRST_BUILDS.get(schema.since, 0):
            continue  # this image is older than that
        since = f" since {schema.since}" if schema.since else ""
        instead = schema.instead[:1].lower() + schema.instead[1:].rstrip(".")
        yield Problem(
            setting.position,
            f"{schema.name} is deprecated{since}",
            "newer Windows may ignore it",
            instead or "delete it unless an older Windows needs it",
        )


@rule("vm-mode", Level.NOTE)
def vm_mode(context: Context) -> Iterator[Problem]:
    """Optimizations for virtual machines need Sysprep's mode for them.

    Documented: Unattended Windows Setup Reference, VMModeOptimizations.
    """
    for setting in context.at(SHELL, "OOBE/VMModeOptimizations"):
        if any(child.text.casefold() == "true" for child in setting.children):
            yield Problem(
                setting.position,
                "VMModeOptimizations take full effect in an image that was generalized with "
                "/mode:vm",
                "otherwise Windows ignores some of them",
                "generalize with --mode vm",
            )


@rule("processed-pass", Level.NOTE)
def processed_pass(context: Context) -> Iterator[Problem]:
    """A pass that Windows has marked as done is not run again.

    Documented: Windows Setup Automation Overview; seen: the attribute in build logs.
    """
    for settings in context.document.passes:
        if settings.was_processed:
            yield Problem(
                context.document.position(settings.element, "wasPassProcessed"),
                f"the pass {settings.name} is marked as done",
                "Windows does not run it again from this file",
                "delete wasPassProcessed if it is to run",
            )


@rule("template-variable", Level.NOTE)
def template_variable(context: Context) -> Iterator[Problem]:
    """A variable of a template gets its value before Windows reads the file.

    Inferred: Windows does not know variables of these forms and takes them as they stand.
    """
    said: set[str] = set()
    for where, text, position in _texts(context):
        for _, match in variables_in(text, command=where in {"Path", "CommandLine"}):
            if match.group() in said:
                continue
            said.add(match.group())
            yield Problem(
                position,
                f"{where} holds the variable {match.group(1)[:40]}",
                "Windows takes it as it stands",
                "give it a value, as `reseal clone` does",
            )


def _texts(context: Context) -> Iterator[tuple[str, str, Position]]:
    """Yield what can hold a variable: attributes of components, and settings."""
    document = context.document
    for component in document.components():
        for name, value in component.element.attributes.items():
            if not name.startswith("{"):
                yield name, value, document.position(component.element, name)
    for setting, schema in context.known:
        yield schema.name, setting.value, setting.value_position
