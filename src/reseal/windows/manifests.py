r"""Which components of Windows an installation has, by the manifests in its component store.

`WinSxS\Manifests` holds one file for every version of every component, named
`<architecture>_<name>_<publicKeyToken>_<version>_<language>_<hash>.manifest` in small letters; the middle
of a long name is left out, with two dots in its place (seen: paths in hives of Windows 7 and 10).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseal.windows.installation import Installation

MANIFESTS = r"WinSxS\Manifests"
_FILE = re.compile(r"(?i)([a-z0-9]+_.+?)_[0-9a-f]{16}_[0-9.]+_.*\.manifest")
#: A Windows has thousands of components; a folder with fewer is no whole component store.
_FEW = 1000


def components(installation: Installation) -> frozenset[str] | None:
    """Return `<architecture>_<name>` of every component, in small letters and shortened as stored.

    None where the image has no whole component store.
    """
    folder = installation.path(MANIFESTS)
    stat = installation.tree.stat(folder)
    if stat is None or not stat.is_directory or stat.reparse_tag:
        return None
    matches = map(_FILE.fullmatch, (one.name for one in installation.tree.list(folder)))
    found = frozenset(match.group(1).lower() for match in matches if match)
    return found if len(found) >= _FEW else None
