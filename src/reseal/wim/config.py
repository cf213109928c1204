r"""Configuration lists (WimScript.ini): what a capture excludes.

The format is DISM's (documented, "DISM configuration list files"). The section `ExclusionList` names what
to exclude, and `ExclusionException` the exceptions. A pattern that starts with a backslash is relative to
the volume's root; other patterns match names anywhere. libwim reads these two sections. It ignores
`CompressionExclusionList`, which only saves time.
"""

from __future__ import annotations

from reseal.errors import UsageError

#: The sections of DISM's lists; the last two are from older tools (documented: ImageX, WIMBoot).
_SECTIONS = {
    "exclusionlist",
    "exclusionexception",
    "compressionexclusionlist",
    "compressionfolderlist",
    "alignmentlist",
    "prepopulatelist",
}

#: DISM's default exclusions (documented, the same page, for Windows 8 to 11).
DEFAULT_CONFIG = r"""[ExclusionList]
\$ntfs.log
\hiberfil.sys
\pagefile.sys
\swapfile.sys
\System Volume Information
\RECYCLER
\Windows\CSC
"""


def check_config(text: str, name: str) -> None:
    """Refuse a list that libwim would silently ignore, partly or wholly.

    Args:
        text: the list.
        name: name of the list in messages.

    Raises:
        UsageError: a line is outside a section, or in a section that DISM does not have.
    """
    section = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in ";#":
            continue
        if line.startswith("["):
            section = line.strip("[]").strip().lower()
            if section not in _SECTIONS or not line.endswith("]"):
                msg = f"{name}, line {number}: {line} is not a section of a configuration list."
                raise UsageError(msg, "Use [ExclusionList] and [ExclusionException].")
        elif not section:
            msg = f"{name}, line {number} is outside a section."
            raise UsageError(msg, "Start the list with [ExclusionList].")
