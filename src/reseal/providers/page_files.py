"""Page, swap and hibernation files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

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
    before this runs, unless its session is discarded on request.
    """
    for name in FILES:
        session.delete_file(name)
