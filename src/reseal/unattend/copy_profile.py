r"""CopyProfile: the built-in Administrator's profile becomes the default one at specialize.

Documented (Customize the Default User Profile by Using CopyProfile; Microsoft-Windows-Shell-Setup,
CopyProfile): Windows does this in specialize, from the profile of the built-in Administrator. reseal leaves
it to Windows, and checks that there is a profile to copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.answerfile import Pass
from reseal.answerfile.components import SHELL
from reseal.answerfile.requested import settings_at
from reseal.tree import join

if TYPE_CHECKING:
    from reseal.answerfile import AnswerFile
    from reseal.session import Session


def problem(session: Session, document: AnswerFile) -> str | None:
    """Return why Windows can't copy the profile, or note what it will do and return None."""
    settings = settings_at(document, Pass.SPECIALIZE, SHELL, "CopyProfile")
    if not any(one.text.casefold() == "true" for one in settings):
        return None
    sid = session.registry.administrator
    if sid is None:
        return (
            "CopyProfile is set, but the built-in Administrator has no profile in this image, so Windows "
            "has nothing to copy. Customize that profile in audit mode first, or remove CopyProfile."
        )
    folder = session.registry.profiles[sid]
    hive = session.files.stat(join(folder, "NTUSER.DAT"))
    if hive is None or hive.is_directory:
        return (
            f"CopyProfile is set, but {folder}, the built-in Administrator's profile, has no NTUSER.DAT, "
            "so Windows can't copy it."
        )
    session.note(
        "CopyProfile: at specialize Windows replaces the default profile, which every new account starts "
        f"with, with that of the built-in Administrator ({folder}). Existing accounts keep their "
        "profiles."
    )
    return None
