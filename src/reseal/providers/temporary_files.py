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
    source="places: documented (TEMP and TMP of users and of the system); that nothing of it is "
    "needed in an image: long-standing practice of image builders, inferred",
)
def temporary_files(session: Session) -> None:
    r"""What programs and installers left behind.

    The content of `Windows\Temp` and of `AppData\Local\Temp` in every profile goes; the folders stay,
    with their permissions. A script that an answer file starts from there has to lie elsewhere, as
    for Sysprep.
    """
    empty(session, session.installation.path("Temp"))
    for profile in profiles(session):
        empty(session, join(profile, r"AppData\Local\Temp"))
