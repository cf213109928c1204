r"""What a capture leaves out: configuration lists (WimScript.ini).

The form is DISM's (documented, "DISM configuration list files"): the section `ExclusionList` names what
is left out and `ExclusionException` what is kept nevertheless. A pattern that begins with a backslash
starts at the volume's root; another one fits a name anywhere. libwim reads these two sections and
passes over `CompressionExclusionList`, which only saves time.
"""

from __future__ import annotations

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
