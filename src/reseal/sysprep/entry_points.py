"""What becomes of each entry point that an action file calls.

An entry point is emulated where a provider or a check says that it stands for it. Those whose effect
Windows brings about by itself later, those that are not carried out, and those that have nothing to do in
an image that is not running are listed here with the reason. All others are reported by name as unknown,
never passed over. The entry points of Cleanup and Generalize run in Sysprep alone (seen in its logs), so
nothing calls them at the next boot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from reseal.checks import CHECKS
from reseal.providers.plugins import every
from reseal.sysprep.plan import AT_BOOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.providers import Provider
    from reseal.sysprep.action_file import Module
    from reseal.sysprep.plan import Plan

_PACKAGES = (
    "Packages of users are registered in the state repository, whose triggers only a running Windows "
    "knows; the check of packages names those that would stop a user's first logon."
)
_NO_SOURCE = (
    "What it does is in no source, and nothing that it could remove is known to identify a machine; "
    "it stays as it is."
)
_SERVICING = (
    "Taking packages out is the servicing stack's job; a task of Windows does it when idle."
)

#: `dll,function` in lower case -> why Windows does it, or what amounts to it, by itself later (inferred).
LEFT_TO_WINDOWS: dict[str, str] = {
    "clipc.dll,clipcleanupstate": (
        "The store of the Client License Service is sealed; it finds new hardware and asks again."
    ),
    "winshfhc.dll,mrtcomponent_generalize": (
        "It removes instances from the WMI repository, whose records carry checksums; the security "
        "center registers its products anew at each start."
    ),
    "langcleanupsysprepaction.dll,sysprep_generalize_muilangcleanup": _SERVICING,
    "provsysprep.dll,provpackagesysprepgeneralize": (
        "Provisioning packages are applied again by Windows at its first boot."
    ),
    "dismapi.dll,_dismsysprepcleanup": _SERVICING,
    "dismapi.dll,_dismsysprepgeneralize": _SERVICING,
    "reagent.dll,winre_generalize": (
        "Its settings hang on ids of the disk and the boot store, which stay; Windows sets the "
        "recovery environment up again in specialize."
    ),
}
#: `dll,function` in lower case -> why it is not carried out: nothing else does it at the next boot either.
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
    "dsccore.dll,sysprep_cleanup": _NO_SOURCE,
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
        "The enrollment in a device management belongs to its server; leave it before imaging."
    ),
    "tssysprep.dll,lsmsysprepbackup": (
        "By its name it saves settings of Remote Desktop that its counterpart puts back at the next boot; "
        "where the copy goes is in no source. The settings stay in the image as they are."
    ),
}
#: What Sysprep calls at the next boot, by the names of its functions.
_AT_BOOT = re.compile("specialize|restoreo(ff|n)line|upgraderestore", re.IGNORECASE)
_TRIGGER = "It switches a trigger of a task on again, and fails on good images too."
NOTHING_TO_DO: dict[str, str] = {
    "spnet.dll,sysprep_clean_net": (
        "Its effect is in no source, and what identifies the network adapters is removed already."
    ),
    "ncdautosetup.dll,ncdautosetup_generalize": (
        "It keeps a setting of network discovery, and no source names an identity there."
    ),
    "powrprof.dll,powergeneralizeplatformsettings": (
        "No source says what it resets, and power settings are no identity."
    ),
    "sppnp.dll,sysprep_rundll_pnpw": "It is the way in for a child process of Sysprep's own.",
    "winsetup.dll,module_init_sysprep": "It prepares a running Setup's own library.",
    "waasmedicsvc.dll,generalizeforimaging": (
        "It asks a running service to repair Windows Update; no such service runs here."
    ),
    "dcntel.dll,sysprepcleanupenablecustomtrigger": _TRIGGER,
    "generaltel.dll,sysprepcleanupenablecustomtrigger": _TRIGGER,
}


class Disposition(StrEnum):
    """What becomes of an entry point; the values are the lists of the coverage."""

    EMULATED = "emulated"
    LEFT_TO_WINDOWS = "left_to_windows"
    NOT_CARRIED_OUT = "not_carried_out"
    NOTHING_TO_DO = "nothing_to_do"
    UNKNOWN = "unknown"


#: Of those that are not emulated: what becomes of them, and why.
REASONS: dict[Disposition, dict[str, str]] = {
    Disposition.LEFT_TO_WINDOWS: LEFT_TO_WINDOWS,
    Disposition.NOT_CARRIED_OUT: NOT_CARRIED_OUT,
    Disposition.NOTHING_TO_DO: NOTHING_TO_DO,
}


@dataclass(slots=True)
class Coverage:
    """How much of an image's own plan was carried out, each by name.

    Attributes:
        declarative: actions that were run as they are written.
        emulated: entry points that a provider or a check stands for.
        left_to_windows: entry points whose effect Windows brings about by itself, or calls at the next
            boot.
        not_carried_out: entry points that are known and that nobody carries out.
        nothing_to_do: entry points that have nothing to do in a powered-off image.
        unknown: entry points and elements that reseal does not know.
        disabled: entry points whose providers the person switched off.
    """

    declarative: list[str] = field(default_factory=list)
    emulated: list[str] = field(default_factory=list)
    left_to_windows: list[str] = field(default_factory=list)
    not_carried_out: list[str] = field(default_factory=list)
    nothing_to_do: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, list[str]]:
        """The coverage as plain data, without repetitions and in the plan's order."""
        return {
            "declarative": list(dict.fromkeys(self.declarative)),
            "emulated": list(dict.fromkeys(self.emulated)),
            "left_to_windows": list(dict.fromkeys(self.left_to_windows)),
            "not_carried_out": list(dict.fromkeys(self.not_carried_out)),
            "nothing_to_do": list(dict.fromkeys(self.nothing_to_do)),
            "unknown": list(dict.fromkeys(self.unknown)),
            "disabled": list(dict.fromkeys(self.disabled)),
        }


@cache
def _providers() -> dict[str, list[Provider]]:
    """Every provider by the entry points that it stands for; those of other packages, too."""
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
    """The providers that stand for an entry point."""
    return _providers().get(str(module).lower(), [])


def disposition(module: Module) -> tuple[Disposition, str]:
    """Say what becomes of an entry point, and by whom or why."""
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
    """Sort all that a plan does by what becomes of it, where these providers run."""
    found = Coverage()
    running = {one.id for one in (every() if chosen is None else chosen)}
    lists = {
        Disposition.EMULATED: found.emulated,
        Disposition.LEFT_TO_WINDOWS: found.left_to_windows,
        Disposition.NOT_CARRIED_OUT: found.not_carried_out,
        Disposition.NOTHING_TO_DO: found.nothing_to_do,
        Disposition.UNKNOWN: found.unknown,
    }
    for component in plan.run:
        for action in component.actions:
            side = " (wow64)" if component.wow64 else ""
            found.declarative.append(f"{component.name}: {action}{side}")
        for module in component.modules:
            emulating = providers_for(module)
            if emulating and not any(one.id in running for one in emulating):
                found.disabled.append(str(module))
            else:
                lists[disposition(module)[0]].append(str(module))
        found.unknown.extend(f"{component.name}: element {one}" for one in component.unknown)
    for component in plan.at_boot:
        found.left_to_windows.extend(map(str, component.modules))
    for external in plan.external:
        later = external.phase in AT_BOOT
        one = f"{external.module} (third party, {external.phase})"
        (found.left_to_windows if later else found.not_carried_out).append(one)
    return found
