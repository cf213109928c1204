r"""Sysprep providers that products registered, and who made them.

`SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\SysPrepExternal\{Cleanup,Generalize,Specialize}`: value
`{GUID}` = `path\x.dll,Function` (documented: Sysprep Provider Developer's Guide). The vendor is the company
in the version resource of the DLL (documented: VERSIONINFO); for those that Microsoft ships outside the
plan of Sysprep, as far as sources name them, it is known without the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.errors import ImageError
from reseal.tree import join

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from reseal.windows.registry import Registry

    Read: TypeAlias = Callable[[str], bytes | None]

LISTS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\SysPrepExternal"
PHASES = ("Cleanup", "Generalize", "Specialize")
#: DLLs of Microsoft's own products (documented: PowerShell DSC; reported: the Azure VM agent).
_MICROSOFT = {
    "dsccore.dll": "Microsoft (PowerShell DSC)",
    "vmagentdisabler.dll": "Microsoft (Azure VM agent)",
}
_MAX_NAME = 100
_MAX_PROVIDERS = 200
_COMPANY = "CompanyName".encode("utf-16-le") + b"\0\0"


@dataclass(frozen=True, slots=True)
class ExternalProvider:
    """An entry point that a product registered in Sysprep.

    Attributes:
        phase: the list that holds it.
        dll: the name of the DLL, in lower case.
        function: the function.
        vendor: who made the DLL; None if that is not known.
        path: the DLL as the list names it.
    """

    phase: str
    dll: str
    function: str
    vendor: str | None
    path: str

    def __str__(self) -> str:
        """Name it with its vendor."""
        name = ",".join(filter(None, (self.dll, self.function)))
        vendor = self.vendor or f"an unknown vendor, {self.path}"
        return f"{name} of {vendor} ({self.phase})"


def external_providers(registry: Registry, root: str, read: Read) -> list[ExternalProvider]:
    """Return the entry points in the lists for products.

    Args:
        registry: the installation's registry.
        root: the Windows folder.
        read: reads a file of the volume; None if it does not exist or is too large.
    """
    found = []
    for phase in PHASES:
        for value in registry.values(rf"{LISTS}\{phase}"):
            text = value.decoded if isinstance(value.decoded, str) else ""
            path, function = (one.strip() for one in (*text.rsplit(",", 1), "")[:2])
            name = re.split(r"[\\/]", path)[-1].lower()
            if name:
                vendor = _MICROSOFT.get(name) or _vendor(registry, root, path, read)
                found.append(ExternalProvider(phase, name, function, vendor, path))
    return found[:_MAX_PROVIDERS]


def _vendor(registry: Registry, root: str, path: str, read: Read) -> str | None:
    # A DLL without a path is in System32 (documented).
    place = registry.path_of(path) if re.search(r"[\\/]", path) else join(root, "System32", path)
    try:
        return company((read(place) if place else None) or b"")
    except ImageError:
        return None


def company(data: bytes) -> str | None:
    """The company in the version resource of a program; None if it has none."""
    at = data.find(_COMPANY)
    if at < 0:
        return None
    text = data[at + len(_COMPANY) :][: 2 * _MAX_NAME + 8].lstrip(b"\0")
    name = text.decode("utf-16-le", "ignore").partition("\0")[0].strip()
    return name if name.isprintable() and name else None
