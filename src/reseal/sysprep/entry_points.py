"""How reseal treats each entry point that an action file calls.

An entry point is emulated if a provider or a check declares it. This module lists, with reasons, the entry
points whose effect Windows achieves by itself later, those that are not carried out, and those that have
nothing to do in a powered-off image. All others are reported by name as unknown, never skipped silently.
Only Sysprep runs the entry points of Cleanup and Generalize (seen in its logs), so nothing calls them at
the next boot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache

from reseal.checks import CHECKS
from reseal.providers import Provider
from reseal.providers.plugins import every
from reseal.sysprep.action_file import Module
from reseal.sysprep.plan import AT_BOOT, Plan

_PACKAGES = (
    "Packages of users are registered in the state repository, whose triggers only a running Windows "
    "knows; the check store-apps names those that would stop a user's first logon."
)
_NO_SOURCE = (
    "No source says what it does, and nothing that it could remove is known to identify a machine; "
    "its data stays."
)
_SERVICING = (
    "Removing packages is the servicing stack's job; a Windows task does it on an idle machine."
)

#: `dll,function` in lower case -> how Windows achieves the same or an equivalent effect later (inferred).
LEFT_TO_WINDOWS: dict[str, str] = {
    "clipc.dll,clipcleanupstate": (
        "The store of the Client License Service is sealed; it detects new hardware and asks again."
    ),
    "winshfhc.dll,mrtcomponent_generalize": (
        "It removes instances from the WMI repository, whose records carry checksums; Security Center "
        "registers its products again at each start."
    ),
    "langcleanupsysprepaction.dll,sysprep_generalize_muilangcleanup": _SERVICING,
    "provsysprep.dll,provpackagesysprepgeneralize": (
        "Windows applies provisioning packages again at its first boot."
    ),
    "dismapi.dll,_dismsysprepcleanup": _SERVICING,
    "dismapi.dll,_dismsysprepgeneralize": _SERVICING,
    "reagent.dll,winre_generalize": (
        "Its settings refer to ids of the disk and the boot store, which stay; Windows sets up the "
        "recovery environment again in specialize."
    ),
}
#: `dll,function` in lower case -> why it is not carried out; nothing else does it at the next boot either.
NOT_CARRIED_OUT: dict[str, str] = {
    "slc.dll,slrearmwindows": (
        "The license is sealed, and the rearm needs a running Windows: --rearm stages it for the first boot."
    ),
    "appxsysprep.dll,sysprepgeneralize": _PACKAGES,
    "appxdeploymentclient.dll,appxsvcprepareforsysprepgeneralize": _PACKAGES,
    "iesysprep.dll,sysprep_generalize_ie": _NO_SOURCE,
    "iesysprep.dll,sysprep_cleanup_ie": _NO_SOURCE,
    "spwmp.dll,sysprep_generalize_wmp": _NO_SOURCE,
    "spwmp.dll,sysprep_clean_wmp": _NO_SOURCE,
    "shsetup.dll,sysprep_generalize_shell": _NO_SOURCE,
    "shsetup.dll,sysprep_cleanup_shell": _NO_SOURCE,
    "catsrvut.dll,sysprepcomplus": _NO_SOURCE,
    "catsrvut.dll,sysprepcomplus2": _NO_SOURCE,
    "spcompat.dll,sysprep_generalize_compat": _NO_SOURCE,
    "iissyspr.dll,iis_generalize": _NO_SOURCE,
    "tapisysprep.dll,tapisysprepclean": _NO_SOURCE,
    "ipsmigrationplugin.dll,sysprep_cleanup_ips": _NO_SOURCE,
    "spopk.dll,sysprep_clean_opk": _NO_SOURCE,
    "capisp.dll,cryptosysprep_clean": _NO_SOURCE,
    "scecli.dll,scesysprep": _NO_SOURCE,
    "scecli.dll,scesysprepoffline": _NO_SOURCE,
    "silsysprep.dll,sysprep_generalize_sil": _NO_SOURCE,
    "utilityvmsysprep.dll,sysprepgeneralize": _NO_SOURCE,
    "vbssysprep.dll,sysprepgeneralizeentry": _NO_SOURCE,
    "tssysprep.dll,appsrvsysprepgeneralize": _NO_SOURCE,
    "tssysprep.dll,cbrokersysprepgeneralize": _NO_SOURCE,
    "dmenrollengine.dll,sysprepgeneralize": (
        "A device management enrollment belongs to its server; the provider cloud-join removes it from the "
        "image."
    ),
    "tssysprep.dll,lsmsysprepbackup": (
        "Its name suggests that it saves settings of Remote Desktop, which its counterpart restores at "
        "the next boot; no source says where. The settings stay in the image."
    ),
}
#: Names of functions that Sysprep calls at the next boot.
_AT_BOOT = re.compile("specialize|restoreo(ff|n)line|upgraderestore", re.IGNORECASE)
_TRIGGER = "It re-enables a trigger of a task, and fails on good images too."
NOTHING_TO_DO: dict[str, str] = {
    "spnet.dll,sysprep_clean_net": (
        "No source says what it does, and the identity of the network adapters is already removed."
    ),
    "ncdautosetup.dll,ncdautosetup_generalize": (
        "It keeps a setting of network discovery; no source mentions an identity there."
    ),
    "powrprof.dll,powergeneralizeplatformsettings": (
        "No source says what it resets, and power settings do not identify a machine."
    ),
    "sppnp.dll,sysprep_rundll_pnpw": "It is the entry of a child process of Sysprep's own.",
    "winsetup.dll,module_init_sysprep": "It initializes a library of a running Setup.",
    "waasmedicsvc.dll,generalizeforimaging": (
        "It asks a running service to repair Windows Update; offline there is no such service."
    ),
    "dcntel.dll,sysprepcleanupenablecustomtrigger": _TRIGGER,
    "generaltel.dll,sysprepcleanupenablecustomtrigger": _TRIGGER,
}


class Disposition(StrEnum):
    """How reseal treats an entry point; the values are the fields of `Coverage`."""

    EMULATED = "emulated"
    LEFT_TO_WINDOWS = "left_to_windows"
    NOT_CARRIED_OUT = "not_carried_out"
    NOTHING_TO_DO = "nothing_to_do"
    UNKNOWN = "unknown"


#: For those that are not emulated: the treatment and the reasons.
REASONS: dict[Disposition, dict[str, str]] = {
    Disposition.LEFT_TO_WINDOWS: LEFT_TO_WINDOWS,
    Disposition.NOT_CARRIED_OUT: NOT_CARRIED_OUT,
    Disposition.NOTHING_TO_DO: NOTHING_TO_DO,
}


@dataclass(slots=True)
class Coverage:
    """How much of an image's own plan was carried out, item by item.

    Attributes:
        declarative: actions that were run as they are written.
        emulated: entry points that a provider or a check emulates.
        left_to_windows: entry points whose effect Windows achieves by itself, or that it calls at the
            next boot.
        not_carried_out: known entry points that neither reseal nor Windows carries out.
        nothing_to_do: entry points that have nothing to do in a powered-off image.
        unknown: entry points and elements that reseal does not know.
        disabled: entry points whose providers are disabled.
    """

    declarative: list[str] = field(default_factory=list)
    emulated: list[str] = field(default_factory=list)
    left_to_windows: list[str] = field(default_factory=list)
    not_carried_out: list[str] = field(default_factory=list)
    nothing_to_do: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, list[str]]:
        """Return the coverage as plain data, without repetitions and in the plan's order."""
        return {name: list(dict.fromkeys(items)) for name, items in asdict(self).items()}


@cache
def _providers() -> dict[str, list[Provider]]:
    """Return every provider by its entry points, including those of other packages."""
    return _index(every())


def _index(declared: Iterable[Provider]) -> dict[str, list[Provider]]:
    found: dict[str, list[Provider]] = {}
    for one in declared:
        for entry_point in one.entry_points:
            found.setdefault(entry_point.lower(), []).append(one)
    return found


_VALIDATORS: dict[str, list[str]] = {}
for _check in CHECKS:
    for _entry_point in _check.entry_points:
        _VALIDATORS.setdefault(_entry_point.lower(), []).append(_check.id)


def providers_for(module: Module) -> list[Provider]:
    """Return the providers that emulate an entry point."""
    return _providers().get(str(module).lower(), [])


def disposition(module: Module) -> tuple[Disposition, str]:
    """Return how an entry point is treated, and by which provider or why."""
    key = str(module).lower()
    emulating = [one.id for one in _providers().get(key, [])] + _VALIDATORS.get(key, [])
    if emulating:
        return Disposition.EMULATED, ", ".join(emulating)
    for what, reasons in REASONS.items():
        if key in reasons:
            return what, reasons[key]
    if _AT_BOOT.search(module.method):
        return Disposition.LEFT_TO_WINDOWS, "Windows calls it at its first boot."
    return Disposition.UNKNOWN, "reseal does not know it."


def coverage(plan: Plan, chosen: Iterable[Provider] | None = None) -> Coverage:
    """Sort everything in a plan by its treatment, with the chosen providers running."""
    found = Coverage()
    running = {one.id for one in (every() if chosen is None else chosen)}
    for component in plan.run:
        for action in component.actions:
            side = " (wow64)" if component.wow64 else ""
            found.declarative.append(f"{component.name}: {action}{side}")
        for module in component.modules:
            emulating = providers_for(module)
            if emulating and not any(one.id in running for one in emulating):
                found.disabled.append(str(module))
            else:
                getattr(found, disposition(module)[0]).append(str(module))
        found.unknown.extend(f"{component.name}: element {one}" for one in component.unknown)
    for component in plan.at_boot:
        found.left_to_windows.extend(map(str, component.modules))
    for external in plan.external:
        if any(one.id in running for one in providers_for(external.module)):
            found.emulated.append(str(external.module))
            continue
        later = external.phase in AT_BOOT
        one = f"{external.module} (third party, {external.phase})"
        (found.left_to_windows if later else found.not_carried_out).append(one)
    return found
