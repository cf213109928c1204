r"""The Windows that a part of an INF file is for.

`NTamd64.10.0.3..19041` names an architecture, the minimum version of Windows, a product type, product
suites and the minimum build. Of all sections that fit, Windows uses the one with the highest version
(documented: Microsoft, INF Manufacturer Section, and Combining Platform Extensions with Operating System
Versions). Sections with product suites are skipped, since few images record theirs.

In `[Manufacturer]` only x86 may omit the architecture. In the names of install sections, `.NT` and no
decoration fit any architecture (documented).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from reseal.windows import Installation
from reseal.windows.installation import PRODUCT_OPTIONS, Product
from reseal.windows.names import CURRENT_VERSION

#: How closely a decoration matches; a higher value is a closer match.
Rank: TypeAlias = tuple[int, ...]

_DECORATION = re.compile(
    r"nt(x86|amd64|ia64|arm64|arm)?((?:\.(?:0x[0-9a-f]{1,8}|[0-9]{0,8})){0,5})", re.IGNORECASE
)
#: Windows 10 and later keep 6.3 in CurrentVersion (seen).
_FIRST_WINDOWS_10 = 10240
#: ProductType of a decoration (documented: VER_NT_WORKSTATION and so on).
_PRODUCT_TYPES = {Product.WORKSTATION: 1, Product.DOMAIN_CONTROLLER: 2, Product.SERVER: 3}


@dataclass(frozen=True, slots=True)
class Target:
    """The Windows that drivers are for.

    Attributes:
        architecture: `x86`, `amd64` or `arm64`.
        major: the major version, such as 10.
        minor: the minor version, such as 0.
        build: the build, such as 22631.
        product_type: 1 a workstation, 2 a domain controller, 3 a server.
    """

    architecture: str
    major: int
    minor: int
    build: int
    product_type: int = 1

    @classmethod
    def of(cls, installation: Installation) -> Target | None:
        """Read it from an installation; return None if the hives don't record it."""
        registry = installation.registry
        major = registry.number(CURRENT_VERSION, "CurrentMajorVersionNumber")
        minor = registry.number(CURRENT_VERSION, "CurrentMinorVersionNumber") or 0
        build = installation.build
        if major is None:
            old = re.fullmatch(
                r"(\d{1,2})\.(\d{1,2})", registry.text(CURRENT_VERSION, "CurrentVersion") or ""
            )
            if old is None:
                return None
            major, minor = int(old[1]), int(old[2])
            if (build or 0) >= _FIRST_WINDOWS_10:
                major, minor = 10, 0
        if installation.architecture is None or build is None:
            return None
        kind = registry.text(PRODUCT_OPTIONS, "ProductType")
        product = next((one for one in _PRODUCT_TYPES if one == kind), Product.WORKSTATION)
        return cls(installation.architecture, major, minor, build, _PRODUCT_TYPES[product])

    @property
    def has_driver_database(self) -> bool:
        """Whether this Windows has a driver database (8 and later)."""
        return (self.major, self.minor) >= (6, 2)

    def rank(self, decoration: str) -> Rank | None:
        """Return how closely a decoration such as `NTamd64.10.0` matches; None if it does not fit."""
        match = _DECORATION.fullmatch(decoration)
        if match is None:
            return None
        architecture = (match[1] or "").lower()
        major, minor, product, suites, build = _numbers(match[2])
        if architecture not in {"", self.architecture} or suites:
            return None
        if product not in {0, self.product_type}:
            return None
        least = (major, minor, build)
        if least > (self.major, self.minor, self.build):
            return None
        return (*least, int(bool(product)), int(bool(architecture)))


def _numbers(text: str) -> list[int]:
    """Return the five numbers after the architecture; 0 for a missing one."""
    found = [
        int(one, 16 if one.lower().startswith("0x") else 10) if one else 0
        for one in text.split(".")[1:]
    ]
    return found + [0] * (5 - len(found))
