"""Reseal, generalize, retired settings, and passes that are done."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reseal.answerfile.components import DEPLOYMENT, SHELL
from reseal.answerfile.document import Setting
from reseal.answerfile.findings import Context, Level, Problem, rule
from reseal.answerfile.passes import Pass
from reseal.answerfile.schema import BUILDS, SettingSchema
from reseal.answerfile.source import Position
from reseal.answerfile.variables import variables_in
from reseal.mark import Mark


@rule(
    "reseal-beside-generalize",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Microsoft-Windows-Deployment Generalize",
)
def reseal_beside_generalize(context: Context) -> Iterator[Problem]:
    """Reseal is not combined with Generalize."""
    for reseal in context.at(DEPLOYMENT, "Reseal"):
        if reseal.component.child("Generalize"):
            yield Problem(
                reseal.position,
                "there are both Reseal and Generalize",
                "Windows generalizes and ignores Reseal",
                "write the mode into Generalize and delete Reseal",
            )


@rule(
    "skipped-oobe",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference of 2016, SkipMachineOOBE: tests only; deprecated",
)
def skipped_oobe(context: Context) -> Iterator[Problem]:
    """The pages of OOBE are answered rather than skipped."""
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


@rule(
    "retired-setting",
    Level.NOTE,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, deprecation notes of each setting",
)
def retired_setting(context: Context) -> Iterator[Problem]:
    """A setting is not one that the reference calls deprecated."""
    schemas = dict(context.known)
    for setting, schema in context.known:
        around = schemas.get(setting.parent)  # type: ignore[call-overload]
        if not schema.deprecated or (around and around.deprecated):
            continue
        if schema.name in {"SkipMachineOOBE", "SkipUserOOBE"}:
            continue  # the rule above
        if 0 < context.target.build < BUILDS.get(schema.retired, 0):
            continue  # this image is older than that
        if schema.is_too_old(context.target.build):
            continue  # the rule setting-too-old
        since = f" since {schema.retired}" if schema.retired else ""
        instead = _advice(context, setting, schema)
        yield Problem(
            setting.position,
            f"{schema.name} is deprecated{since}",
            "newer Windows may ignore it",
            instead or "delete it unless an older Windows needs it",
        )


def _advice(context: Context, setting: Setting, schema: SettingSchema) -> str:
    """Return what takes the place of a setting, unless the image lacks that too."""
    component = context.component(setting)
    around = schema.path.rpartition("/")[0]
    for word in schema.instead.rstrip(".").replace("\\", " ").replace("/", " ").split():
        named = component.find(f"{around}/{word}" if around else word) if component else None
        if named is not None and named.is_too_new(context.target.build):
            return ""
    return schema.instead[:1].lower() + schema.instead[1:].rstrip(".")


@rule(
    "setting-too-new",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Changed answer file settings, by version; reported: an older Windows can't process "
    "a file with HideOnlineAccountScreens and stops",
)
def setting_too_new(context: Context) -> Iterator[Problem]:
    """A setting is not newer than the Windows of the image."""
    for setting, schema in _outermost(context, lambda one: one.is_too_new(context.target.build)):
        yield Problem(
            setting.position,
            f"{schema.name} is new in {schema.since}, and the image is older (build "
            f"{context.target.build})",
            "Windows stops at a setting that it does not have, or ignores it",
            "delete it",
        )


@rule(
    "setting-too-old",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Changed answer file settings, by version",
)
def setting_too_old(context: Context) -> Iterator[Problem]:
    """A setting still exists in the Windows of the image."""
    for setting, schema in _outermost(context, lambda one: one.is_too_old(context.target.build)):
        yield Problem(
            setting.position,
            f"{schema.name} was last in {schema.until}, and the image is newer (build "
            f"{context.target.build})",
            "Windows stops at a setting that it does not have, or ignores it",
            _advice(context, setting, schema) or "delete it",
        )


def _outermost(
    context: Context, wrong: Callable[[SettingSchema], bool]
) -> Iterator[tuple[Setting, SettingSchema]]:
    """Yield the settings of which something is wrong, without what is in such a setting."""
    found: set[object] = set()
    for setting, schema in context.known:
        # The pass windowsPE is that of another Windows, the one on the medium.
        if setting.pass_name != Pass.WINDOWS_PE and wrong(schema):
            found.add(setting)
            if setting.parent not in found:
                yield setting, schema


@rule(
    "vm-mode",
    Level.NOTE,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, VMModeOptimizations",
)
def vm_mode(context: Context) -> Iterator[Problem]:
    """Optimizations for virtual machines need Sysprep's mode for them."""
    for setting in context.at(SHELL, "OOBE/VMModeOptimizations"):
        if any(child.text.casefold() == "true" for child in setting.children):
            yield Problem(
                setting.position,
                "VMModeOptimizations take full effect in an image that was generalized with "
                "/mode:vm",
                "otherwise Windows ignores some of them",
                "generalize with --mode vm",
            )


@rule(
    "processed-pass",
    Level.NOTE,
    mark=Mark.DOCUMENTED,
    source="Windows Setup Automation Overview; seen: the attribute in build logs",
)
def processed_pass(context: Context) -> Iterator[Problem]:
    """A pass that Windows has marked as done is not run again."""
    for settings in context.document.passes:
        if settings.was_processed:
            yield Problem(
                context.document.position(settings.element, "wasPassProcessed"),
                f"the pass {settings.name} is marked as done",
                "Windows does not run it again from this file",
                "delete wasPassProcessed if it is to run",
            )


@rule(
    "template-variable",
    Level.NOTE,
    mark=Mark.INFERRED,
    source="Windows does not expand variables of these forms and uses them literally",
)
def template_variable(context: Context) -> Iterator[Problem]:
    """A variable of a template gets its value before Windows reads the file."""
    said: set[str] = set()
    for where, text, position in _texts(context):
        for _, match in variables_in(text, command=where in {"Path", "CommandLine"}):
            if match.group() in said:
                continue
            said.add(match.group())
            yield Problem(
                position,
                f"{where} holds the variable {match.group(1)[:40]}",
                "Windows uses it literally",
                "give it a value, as `reseal clone` does",
            )


def _texts(context: Context) -> Iterator[tuple[str, str, Position]]:
    """Yield what can hold a variable: attributes of components, and settings."""
    document = context.document
    for settings in document.passes:
        yield "pass", settings.name, document.position(settings.element, "pass")
    for component in document.components():
        for name, value in component.element.attributes.items():
            if not name.startswith("{"):
                yield name, value, document.position(component.element, name)
    for setting, schema in context.known:
        yield schema.name, setting.value, setting.value_position
