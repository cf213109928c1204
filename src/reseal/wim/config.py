r"""What a capture leaves out: configuration lists (WimScript.ini).

The form is DISM's (documented, "DISM configuration list files"): the section `ExclusionList` names what
is left out and `ExclusionException` what is kept nevertheless. A pattern that begins with a backslash
starts at the volume's root; another one fits a name anywhere. libwim reads these two sections and
passes over `CompressionExclusionList`, which only saves time.
"""

from __future__ import annotations

from reseal.errors import UsageError

#: The sections of DISM's lists; the last two are older (documented: ImageX, WIMBoot).
_SECTIONS = {
    "exclusionlist",
    "exclusionexception",
    "compressionexclusionlist",
    "compressionfolderlist",
    "alignmentlist",
    "prepopulatelist",
}

#: What DISM leaves out where no list is given (documented, the same page, for Windows 8 to 11).
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
    """Refuse a list that libwim would pass over in silence, in part or as a whole.

    Args:
        text: the list.
        name: what messages call it.

    Raises:
        UsageError: a line stands in no section, or in one that DISM does not have.
    """
    section = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in ";#":
            continue
        if line.startswith("["):
            section = line.strip("[]").strip().lower()
            if section not in _SECTIONS or not line.endswith("]"):
                msg = f"{name}, line {number}: {line} is no section of a configuration list."
                raise UsageError(msg, "The sections are [ExclusionList] and [ExclusionException].")
        elif not section:
            msg = f"{name}, line {number} stands in no section."
            raise UsageError(msg, "Begin the list with [ExclusionList].")
