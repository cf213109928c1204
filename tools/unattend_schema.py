"""Compile the reference of answer-file settings into `reseal/answerfile/schema.json`.

    python tools/unattend_schema.py DATASET src/reseal/answerfile/schema.json

DATASET is a JSON file of facts (component, setting, passes, type, values, lengths) extracted from the pages
of the Unattended Windows Setup Reference for Windows 10 1809. A few facts were extracted incorrectly; REPAIRS
and `type_and_values` correct them, with reasons. The result has one line per setting, to make changes
reviewable.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

#: The component page under this name repeats the settings page of the other.
RENAMED = {
    "microsoft-windows-security-spp-ux-sppcc-": "Microsoft-Windows-Security-SPP-UX-SPPCC",
    # Seen: the component store of Windows has no space in it.
    "Microsoft-Windows-WDF-Kernel Library": "Microsoft-Windows-WDF-KernelLibrary",
}

#: "Values" that are placeholders, ranges or remarks.
PLACEHOLDERS = re.compile(
    r"Path|path|GUID|\{GUID\}|Item\w+|default_brightness|\d+-\d+|BTSearch\w+|\(.*\)"
)

#: Corrected types of settings whose page is wrong or incomplete, with the reason.
REPAIRS = {
    # The values are bits that are added up; the default is 17.
    ("Microsoft-Windows-Embedded-EmbeddedLogon", "BrandingNeutral"): "integer",
    # The page has the meanings of the values, not the numbers.
    ("Microsoft-Windows-Embedded-UnifiedWriteFilter", "Binding"): "string",
    ("Microsoft-Windows-Embedded-UnifiedWriteFilter", "OverlayType"): "string",
    ("Microsoft-Windows-Embedded-UnifiedWriteFilter", "BootStatusPolicy"): "string",
    # The values describe what happens to a list item; the page says no more.
    (
        "Microsoft-Windows-Embedded-ShellLauncher",
        "UserSettings/User/CustomReturnCodeAction/CodeAction/Action",
    ): "string",
    # By the same page, a number of bits, or an address with one ("192.168/16").
    ("Microsoft-Windows-TCPIP", "Interfaces/Interface/Routes/Route/Prefix"): "string",
    ("Microsoft-Windows-TCPIP", "Interfaces/Interface/Routes/Route/Identifier"): "string",
    # By its page, a GUID or an address.
    ("Microsoft-Windows-DiagCpl", "Link"): "string",
    # By its page, a path.
    ("Microsoft-Windows-HelpAndSupport", "HelpAndSupport/LogoURL"): "string",
    # The page does not specify a format.
    ("Security-Malware-Windows-Defender", "TrustedImageIdentifier"): "string",
    # 0, or a range from 1 to 100.
    ("Microsoft-Windows-CoreMmRes", "CameraSoundLevel"): "integer",
    # Resource numbers, written with a sign (-101) or as a string of a DLL.
    **{
        ("Microsoft-Windows-BLB-WSB-Online-Main", name): "string"
        for name in (
            *("DescriptionText1", "DescriptionText2", "Icon", "Link1", "Link1Text"),
            *("Link2", "Link2Text", "ProviderName"),
        )
    },
}

#: Values that share one cell on the page.
SPLIT = {"0 or 1": ("0", "1")}


_SHELL = "Microsoft-Windows-Shell-Setup"
_TILES = tuple(f"SquareOrDesktopTile{number}" for number in range(7, 13))

#: Settings that each Windows version introduced: (component, settings with all inside; none: all of it).
#: Documented: Changed answer file settings for that version, except where a line says otherwise. Two
#: settings of the page for Windows 10 are left out, OfflineUserAccounts and OfflineIdentification:
#: Offline Domain Join (Djoin.exe) Step-by-Step Guide has them for Windows 7.
NEW: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    # Reported: Windows 7 and 2008 R2 stop at HideOnlineAccountScreens and HideLocalAccountScreen
    # (cloudbase/windows-imaging-tools#1); the page of HideOEMRegistrationScreen. Inferred for the
    # tiles: the Start screen came with Windows 8.
    "Windows 8": (
        (
            _SHELL,
            (
                "OOBE/HideOnlineAccountScreens",
                "OOBE/HideLocalAccountScreen",
                "OOBE/HideOEMRegistrationScreen",
                "StartTiles",
            ),
        ),
    ),
    "Windows 8.1": (
        ("Microsoft-Windows-CoreMmRes", ()),
        ("Microsoft-Windows-GPIOButtons", ("ConvertibleSlateMode",)),
        ("Microsoft-Windows-SecureStartup-FilterDriver", ("PreventDeviceEncryption",)),
        (
            _SHELL,
            (
                "DesktopOptimization",
                "ShowPowerButtonOnStartScreen",
                *(f"StartTiles/SquareTiles/{tile}" for tile in _TILES),
            ),
        ),
        ("Microsoft-Windows-WWanUI", ("NotInOOBE",)),
        (
            "Security-Malware-Windows-Defender",
            (
                "DefinitionUpdateFileSharesSources",
                "EnableRemoteManagedDefaults",
                "FallbackOrder",
                "Scan",
                "SignatureUpdateInterval",
                "ThreatSeverityDefaultAction",
            ),
        ),
    ),
    "Windows 10": (
        ("Microsoft-Windows-Deployment", ("DeviceForm",)),
        ("Microsoft-Windows-DeviceAccess", ()),
        ("Microsoft-Windows-DeviceGuard-Unattend", ()),
        ("Microsoft-Windows-Embedded-BootExp", ()),
        ("Microsoft-Windows-Embedded-EmbeddedLogon", ()),
        ("Microsoft-Windows-Embedded-ShellLauncher", ()),
        ("Microsoft-Windows-Embedded-UnifiedWriteFilter", ()),
        ("Microsoft-Windows-MapControl-Desktop", ()),
        # Inferred: the browser came with Windows 10.
        ("Microsoft-Windows-MicrosoftEdgeBrowser", ()),
        ("Microsoft-Windows-Printing-Spooler-Core", ("Start", "RemoveMPDW")),
        ("Microsoft-Windows-Setup", ("ImageInstall/OSImage/Compact",)),
        (
            _SHELL,
            (
                "OEMInformation/SupportAppURL",
                "OOBE/UnattendEnableRetailDemo",
                "OOBE/VMModeOptimizations",
                "SignInMode",
                "ConvertibleSlateModePromptPreference",
            ),
        ),
        (
            "Microsoft-Windows-TabletPC-Platform-Input-Core",
            ("HandwritingPanelDockedModeSet", "TouchKeyboardAutoInvokeEnabled"),
        ),
        ("Microsoft-Windows-WiFiNetworkManager", ()),
        (
            "Microsoft-Windows-WLANSVC",
            (
                "CoexistenceSupport",
                "NumAntennaConnected",
                "SimultaneousMultiChannelSupported",
                "WLANFunctionLevelDeviceResetSupported",
                "WLANPlatformLevelDeviceResetSupported",
            ),
        ),
    ),
    "Windows 10 1607": (
        ("Microsoft-Windows-RemoteAssistance-Exe", ("fEnableChatControl",)),
        (
            _SHELL,
            (
                "EnableStartMenu",
                *(
                    f"StartTiles/RegionalOverrides/RegionalOverride/SquareTiles/{tile}"
                    for tile in _TILES
                ),
                "Themes/UWPAppsUseLightTheme",
            ),
        ),
        ("Microsoft-Windows-TwinUI", ("CustomProtocol",)),
    ),
    "Windows 10 1703": (
        ("Microsoft-Windows-TPM-Tasks", ("ClearTpm",)),
        ("Microsoft-Windows-TwinUI", ("Hide",)),
    ),
    "Windows 10 1709": (
        (_SHELL, ("OEMInformation/SupportProvider",)),
        ("Microsoft-Windows-Embedded-UnifiedWriteFilter", ("OverlayFlags",)),
        ("Microsoft-Windows-WorkstationService", ("AllowInsecureGuestAuth",)),
    ),
    "Windows 10 1803": (("Microsoft-Windows-CodeIntegrity", ("SKUPolicyRequired",)),),
    "Windows 10 1809": (
        (
            "Microsoft-Windows-MobilePC-Sensors-API",
            (
                "AdaptiveBrightness/ALRCurveVersion",
                "AdaptiveBrightness/DefaultSliderPosition",
                "AdaptiveBrightness/IsAutobrightnessEnabledByDefault",
            ),
        ),
    ),
}

#: Settings that each Windows version was the last to have; the same pages, "Removed Windows settings" of the
#: next version.
LAST: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "Windows 10 1703": ((_SHELL, ("VisualEffects/FontSmoothing", "Themes/ScreenSaver")),),
    "Windows 10 1709": (
        (
            "Microsoft-Windows-StorPort-RegistrySettings",
            ("TelemetryPerformanceHighResolutionTimer",),
        ),
    ),
}

#: The Windows version that deprecated a setting; the same pages, "Deprecated Windows settings".
RETIRED: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "Windows 10": (
        (_SHELL, ("OOBE/NetworkLocation", "VisualEffects/SystemDefaultBackgroundColor")),
        ("Microsoft-Windows-HelpAndSupport", ("HelpAndSupport",)),
    ),
    "Windows 10 1607": (("Microsoft-Windows-WiFiNetworkManager", ()),),
    "Windows 10 1709": (
        (
            _SHELL,
            tuple(
                f"OEMInformation/{name}"
                for name in (
                    "HelpCustomized",
                    "Logo",
                    "SupportHours",
                    "SupportPhone",
                    "Model",
                    "Manufacturer",
                )
            ),
        ),
    ),
    "Windows 10 1803": (
        (
            "Microsoft-Windows-WLANSVC",
            (
                "WLANPlatformLevelDeviceResetSupported",
                "WLANFunctionLevelDeviceResetSupported",
            ),
        ),
    ),
}


def version(
    table: dict[str, tuple[tuple[str, tuple[str, ...]], ...]], component: str, path: str
) -> str:
    """Return the Windows version of a setting in one of the tables above, or an empty string."""
    for name, changes in table.items():
        for changed, paths in changes:
            if changed.casefold() == component.casefold() and (
                not paths or path.casefold() in {one.casefold() for one in paths}
            ):
                return name
    return ""


def type_and_values(key: tuple[str, str], facts: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the type of a leaf and, for an enum, its values."""
    listed = [part for value in facts.get("values", []) for part in SPLIT.get(value, (value,))]
    values = list(dict.fromkeys(v for v in listed if not PLACEHOLDERS.fullmatch(v)))
    kind = REPAIRS.get(key) or facts.get("type", "string")
    placeholders = facts.get("placeholders", [])
    if kind == "string" and len(placeholders) > 1:
        # The page prints the values in italics, like placeholders.
        if {word.casefold() for word in placeholders} == {"true", "false"}:
            return "boolean", []
        return "enum", placeholders
    if kind in {"enum", "integer-enum"}:
        return ("enum", values) if values else ("string", [])
    return kind, []


def compile_setting(component: str, path: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one setting, without its passes.

    Args:
        component: name of the component.
        path: path of the setting.
        facts: its facts in the dataset.
    """
    setting: dict[str, Any] = {}
    if facts["node"] == "container":
        flags = {"list": facts.get("list_item"), "keyed": facts.get("keyed"), "container": True}
        setting |= {name: True for name, is_set in flags.items() if is_set}
    else:
        setting["type"], values = type_and_values((component, path), facts)
        if values:
            setting["values"] = values
    if "max_length" in facts:
        setting["max"] = facts["max_length"]
        if facts["length_unit"] == "byte":
            setting["unit"] = "byte"
    if "empty_allowed" in facts:
        setting["empty"] = facts["empty_allowed"]
    for name in ("required", "deprecated"):
        if facts.get(f"{name}_mentioned"):
            setting[name] = True
    for name, table in (("since", NEW), ("until", LAST), ("retired", RETIRED)):
        if found := version(table, component, path):
            setting[name] = found
    return setting


def compile_component(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Return a component with its settings. Settings have passes only if they differ from the parent's."""
    settings: dict[str, Any] = {}
    inherited: dict[str, list[str]] = {"": facts["passes"]}
    for path in sorted(facts["settings"]):
        setting = compile_setting(RENAMED.get(name, name), path, facts["settings"][path])
        parent = path
        while parent not in inherited:
            parent = parent.rpartition("/")[0]
        passes = facts["settings"][path]["passes"]
        inherited[path] = passes
        if passes != inherited[parent]:
            setting = {"passes": passes, **setting}
        settings[path] = setting
    return {"passes": facts["passes"], "settings": settings}


def compile_schema(dataset: dict[str, Any]) -> dict[str, Any]:
    """Return the whole schema."""
    components = {
        RENAMED.get(name, name): compile_component(name, facts)
        for name, facts in dataset["components"].items()
        if not facts.get("page_only")
    }
    source = "Unattended Windows Setup Reference, Windows 10 1809 (Microsoft, documented)"
    return {"source": source, "components": dict(sorted(components.items()))}


def to_text(schema: dict[str, Any]) -> str:
    """Return the schema as JSON with one line per setting."""
    lines = ["{", f' "source": {json.dumps(schema["source"])},', ' "components": {']
    components = []
    for name, component in schema["components"].items():
        rows = [
            f"   {json.dumps(path)}: {json.dumps(setting)}"
            for path, setting in component["settings"].items()
        ]
        components.append(
            f"  {json.dumps(name)}: {{\n"
            f'   "passes": {json.dumps(component["passes"])},\n'
            f'   "settings": {{\n' + ",\n".join(rows) + "\n  }}"
        )
    return "\n".join([*lines, ",\n".join(components), " }", "}", ""])


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:3])
    target.write_text(to_text(compile_schema(json.loads(source.read_text()))))
