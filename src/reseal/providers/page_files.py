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
    source="that Windows makes them anew at boot: long-standing practice of image builders, inferred",
)
def page_files(session: Session) -> None:
    """What the old machine had in memory.

    Page, swap and hibernation files lie in the root of the system volume, may hold passwords and keys,
    and make an image large. Windows makes them anew. A hibernated system is refused by a check before
    this runs, unless the person gives its memory up.
    """
    for name in FILES:
        session.delete_file(name)
