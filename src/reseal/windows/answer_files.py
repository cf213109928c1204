r"""The places where Windows searches for an answer file on its volume.

Documented (Windows Setup Automation Overview, "Implicit Answer File Search Order"), in order of precedence:
the file in `SYSTEM\Setup\UnattendFile`, `Panther\Unattend`, the cached `Panther\unattend.xml`,
`System32\Sysprep`, the root of the volume.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.windows.setup import SETUP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.windows.installation import Installation
    from reseal.windows.registry import Registry

UNATTEND_FILE = "UnattendFile"
#: Places below the Windows folder, in order. Setup uses and marks `CACHE`, and deletes its secrets.
CACHE = r"Panther\unattend.xml"
FOR_SYSPREP = r"System32\Sysprep\unattend.xml"
IN_PANTHER = (
    r"Panther\Unattend\Unattend.xml",
    r"Panther\Unattend\Autounattend.xml",
    CACHE,
)
_BELOW_WINDOWS = (*IN_PANTHER, FOR_SYSPREP)
_IN_ROOT = ("Unattend.xml", "Autounattend.xml")
#: The file names in these folders, in lower case.
NAMES = frozenset(map(str.lower, _IN_ROOT))

#: Text with which Windows Setup overwrites a secret in the cached file after its pass (seen: a build log;
#: documented without the text: Windows Setup Automation Overview).
DELETED = "*SENSITIVE*DATA*DELETED*"


def named(registry: Registry) -> str | None:
    """Return the file in `UnattendFile` as a path in the image.

    The result is None if it is not set, or the file is outside the image, such as on a floppy disk.
    """
    text = registry.text(SETUP, UNATTEND_FILE)
    return registry.path_of(text) if text else None


def elsewhere(registry: Registry) -> str | None:
    """Return the text of `UnattendFile` if that file is not in the image."""
    text = registry.text(SETUP, UNATTEND_FILE)
    return text if text and registry.path_of(text) is None else None


def places(installation: Installation, registry: Registry) -> Iterator[str]:
    """Yield the paths that Windows searches, in order.

    Args:
        installation: the Windows installation.
        registry: its registry, with staged changes.
    """
    first = named(registry)
    if first:
        yield first
    yield from map(installation.path, _BELOW_WINDOWS)
    yield from _IN_ROOT
