r"""List the Windows components of an installation from the manifests in its component store.

`WinSxS\Manifests` has one file for each version of each component, named
`<architecture>_<name>_<publicKeyToken>_<version>_<language>_<hash>.manifest` in lower case. Two dots replace
the middle of a long name (seen: paths in hives of Windows 7 and 10).
"""

from __future__ import annotations

import re

from reseal.windows.installation import Installation

MANIFESTS = r"WinSxS\Manifests"
_FILE = re.compile(r"(?i)([a-z0-9]+_.+?)_[0-9a-f]{16}_[0-9.]+_.*\.manifest")
#: Minimum number of manifests; a complete component store has thousands.
_FEW = 1000


def components(installation: Installation) -> frozenset[str] | None:
    """Return `<architecture>_<name>` of each component, in lower case and shortened as stored.

    The result is None if the image does not have a complete component store.
    """
    folder = installation.path(MANIFESTS)
    stat = installation.tree.stat(folder)
    if stat is None or not stat.is_directory or stat.reparse_tag:
        return None
    matches = map(_FILE.fullmatch, (one.name for one in installation.tree.list(folder)))
    found = frozenset(match.group(1).lower() for match in matches if match)
    return found if len(found) >= _FEW else None
