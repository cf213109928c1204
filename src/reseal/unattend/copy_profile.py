r"""CopyProfile: the built-in Administrator's profile becomes the default one at specialize.

Documented (Customize the Default User Profile by Using CopyProfile; Microsoft-Windows-Shell-Setup,
CopyProfile): Windows does this in specialize, from the profile of the built-in Administrator. reseal leaves
it to Windows, and checks that there is a profile to copy.
"""

from __future__ import annotations

from reseal.answerfile import AnswerFile, Pass
from reseal.answerfile.components import SHELL
from reseal.answerfile.requested import settings_at
from reseal.session import Session
from reseal.tree import join

#: How the SID of an account of a machine or a domain starts; those of services have no person.
_ACCOUNT = "S-1-5-21-"
#: How many accounts a note names.
_NAMED = 8


def problem(session: Session, document: AnswerFile) -> str | None:
    """Return what would keep Windows from copying the profile, or note what it will do."""
    settings = settings_at(
        document, Pass.SPECIALIZE, SHELL, "CopyProfile", session.installation.architecture or ""
    )
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
    others = [
        place.rpartition("\\")[2]
        for other, place in sorted(session.registry.profiles.items())
        if other != sid and str(other).startswith(_ACCOUNT)
    ]
    named = (
        f" The image has profiles of {len(others)} other account{'s' if len(others) > 1 else ''}, too: "
        f"{', '.join(others[:_NAMED])}{' …' if len(others) > _NAMED else ''}. Microsoft says to delete "
        "other accounts before CopyProfile; what they customized is not copied."
        if others
        else ""
    )
    session.note(
        f"CopyProfile: at specialize Windows replaces the default profile for new accounts with that of "
        f"the built-in Administrator ({folder}). Existing accounts keep theirs.{named}"
    )
    return None
