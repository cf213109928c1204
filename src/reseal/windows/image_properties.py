r"""Properties of a Windows for the XML data of a WIM image, as DISM and Windows Setup show them.

Elements and their meaning: seen in the XML data of Microsoft's install.wim files (Windows 7 to 11, Server
2016 to 2022). ARCH is PROCESSOR_ARCHITECTURE_* (documented: winnt.h). Languages: the subkeys of
`Control\MUI\UILanguages`, and `Control\Nls\Language!InstallLanguage` as the default (documented). The
service pack build is UBR from Windows 10 on, and the second number of BuildLabEx before (seen).
"""

from __future__ import annotations

import re

from reseal.windows.installation import PRODUCT_OPTIONS, Installation
from reseal.windows.names import CURRENT_VERSION

UI_LANGUAGES = r"HKLM\SYSTEM\CurrentControlSet\Control\MUI\UILanguages"
LANGUAGE = r"HKLM\SYSTEM\CurrentControlSet\Control\Nls\Language"

_ARCHITECTURES = {"x86": 0, "arm": 5, "ia64": 6, "amd64": 9, "arm64": 12}
#: The product name of Windows' kernel in all editions (seen).
_PRODUCT_NAME = "Microsoft® Windows® Operating System"
#: Maximum number of languages, more than Windows has.
_MAX_LANGUAGES = 200


def image_properties(installation: Installation) -> dict[str, str]:
    """Return the properties of an installation: text by path of the element.

    Properties that its hives do not have are omitted.
    """
    registry = installation.registry
    major, minor = _version(installation)
    build, pack = _service_pack(installation)
    suite = registry.value(PRODUCT_OPTIONS, "ProductSuite")
    listed: dict[str, str | int | None] = {
        "FLAGS": installation.edition,
        "DISPLAYNAME": installation.product_name,
        "DISPLAYDESCRIPTION": installation.product_name,
        "WINDOWS/ARCH": _ARCHITECTURES.get(installation.architecture or ""),
        "WINDOWS/PRODUCTNAME": _PRODUCT_NAME,
        "WINDOWS/EDITIONID": installation.edition,
        "WINDOWS/INSTALLATIONTYPE": installation.install_type,
        "WINDOWS/PRODUCTTYPE": registry.text(PRODUCT_OPTIONS, "ProductType"),
        "WINDOWS/PRODUCTSUITE": ", ".join(suite) if isinstance(suite, list) else None,
        "WINDOWS/VERSION/MAJOR": major,
        "WINDOWS/VERSION/MINOR": minor,
        "WINDOWS/VERSION/BUILD": installation.build,
        "WINDOWS/VERSION/SPBUILD": build,
        "WINDOWS/VERSION/SPLEVEL": pack,
        "WINDOWS/SYSTEMROOT": installation.root.upper(),
    }
    default, languages = _languages(installation)
    for index, language in enumerate(languages, 1):
        listed[f"WINDOWS/LANGUAGES/LANGUAGE[{index}]"] = language
    listed["WINDOWS/LANGUAGES/DEFAULT"] = default
    return {path: str(text) for path, text in listed.items() if text not in {None, ""}}


def _version(installation: Installation) -> tuple[int | None, int | None]:
    registry = installation.registry
    major = registry.number(CURRENT_VERSION, "CurrentMajorVersionNumber")
    if major is not None:
        return major, registry.number(CURRENT_VERSION, "CurrentMinorVersionNumber")
    text = registry.text(CURRENT_VERSION, "CurrentVersion") or ""
    if (installation.build or 0) >= _FIRST_WINDOWS_10:
        return 10, 0
    match = re.fullmatch(r"(\d{1,5})\.(\d{1,5})", text)
    return (int(match[1]), int(match[2])) if match else (None, None)


#: First build with version 10.0; CurrentVersion stays 6.3 (documented).
_FIRST_WINDOWS_10 = 10240


def _service_pack(installation: Installation) -> tuple[int | None, int]:
    registry = installation.registry
    build = registry.number(CURRENT_VERSION, "UBR")
    if build is None:
        label = registry.text(CURRENT_VERSION, "BuildLabEx") or ""
        match = re.match(r"\d+\.(\d{1,9})\.", label)
        build = int(match[1]) if match else None
    pack = re.fullmatch(
        r"Service Pack (\d{1,3})", registry.text(CURRENT_VERSION, "CSDVersion") or ""
    )
    return build, int(pack[1]) if pack else 0


def _languages(installation: Installation) -> tuple[str | None, list[str]]:
    """Return the default language and all installed languages, the default first."""
    registry = installation.registry
    key = registry.key(UI_LANGUAGES)
    found: dict[str, int] = {}
    for one in key.subkeys() if key else ():
        value = one.value("LCID")
        number = value.decoded if value is not None else None
        found[one.name] = number if isinstance(number, int) else 0
        if len(found) >= _MAX_LANGUAGES:
            break
    install = registry.text(LANGUAGE, "InstallLanguage") or ""
    wanted = int(install, 16) if re.fullmatch("[0-9A-Fa-f]{4}", install) else None
    default = next((name for name, number in found.items() if number == wanted), None)
    if default is None and len(found) == 1:
        default = next(iter(found))
    return default, sorted(found, key=lambda name: (name != default, name))
