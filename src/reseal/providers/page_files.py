"""Page, swap and hibernation files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

#: `PagingFiles`: a path and two sizes each (documented: Microsoft, Win32_PageFileSetting).
MEMORY_MANAGEMENT = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management"
_PATH = re.compile(r"[A-Za-z]:\\.*?\.sys", re.IGNORECASE)
_SUFFIX = ("pagefile.sys", "swapfile.sys")
FILES = ("pagefile.sys", "swapfile.sys", "hiberfil.sys")


@provider(
    "page-files",
    "Delete page, swap and hibernation files",
    mark=Mark.INFERRED,
    source="that Windows creates them again at boot: long-standing practice of image builders, inferred",
)
def page_files(session: Session) -> None:
    """Memory of the old machine.

    Page, swap and hibernation files are in the root of the system volume. They may hold passwords and
    keys, and they make an image large. Windows creates them again. A check refuses a hibernated system
    before this runs, unless its session is discarded on request. Page files that
    `PagingFiles` names on other volumes are deleted where these volumes are worked on.
    """
    named = session.registry.value(MEMORY_MANAGEMENT, "PagingFiles")
    paths = [
        path
        for text in (named if isinstance(named, list) else [])
        if (found := _PATH.match(text)) and (path := session.registry.path_of(found[0]))
    ]
    for path in dict.fromkeys((*FILES, *(one for one in paths if one.lower().endswith(_SUFFIX)))):
        stat = session.files.stat(path)
        if stat is not None and not stat.is_directory:
            session.delete_file(path)
