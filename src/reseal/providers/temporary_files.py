"""Temporary files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import empty, profiles
from reseal.tree import join

if TYPE_CHECKING:
    from reseal.session import Session


@provider(
    "temporary-files",
    "Delete temporary files",
    mark=Mark.INFERRED,
    source="places: documented (TEMP and TMP of users and of the system); that an image needs none of "
    "them: long-standing practice of image builders, inferred",
)
def temporary_files(session: Session) -> None:
    r"""Files that programs and installers left behind.

    reseal deletes the content of `Windows\Temp` and of `AppData\Local\Temp` in every profile; the folders
    stay, with their permissions. As with Sysprep, keep scripts that an answer file starts elsewhere.
    """
    empty(session, session.installation.path("Temp"))
    for profile in profiles(session):
        empty(session, join(profile, r"AppData\Local\Temp"))
