"""The machine SID in the descriptors of files, for all files at once."""

from __future__ import annotations

from dataclasses import dataclass

from reseal.errors import ImageError
from reseal.ntfs import BitLockerError, NotNtfsError, Volume, secure
from reseal.session import Part, Session
from reseal.sid.replacement import Replacement


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What became of one volume's descriptors.

    Attributes:
        volume: its number.
        distinct: how many the volume has.
        with_sid: how many of them hold the old SID.
        changed: whether they change.
    """

    volume: int
    distinct: int
    with_sid: int
    changed: bool


def replace(session: Session, replacement: Replacement, kept: list[str]) -> list[Descriptors]:
    """Stage the new SID in the descriptors of the volumes that are worked on, and look at the others'.

    What stays as it is is noted, also in `kept`.

    Args:
        session: the session of the image.
        replacement: the old SID and the new one.
        kept: gets a sentence for each thing that stays as it is.

    Raises:
        VolumeError: `$Secure` is damaged, or the volume was not closed cleanly.
    """
    found = []
    if not session.parts:
        kept.append(
            "A folder's permissions are those of the file system that it lies on; they were not changed."
        )
        session.note(kept[-1])
    for part in session.parts:
        # A volume that holds another Windows is that one's.
        reached = session.registry.works_on(part.number)
        required = part.system or reached
        patch = _patch(session, part, replacement, required=required)
        if patch is None:
            continue
        changed = bool(patch.writes) and required
        if changed:
            session.patch_volume(
                part,
                "$Secure",
                patch.writes,
                {"sid": str(replacement.old), "descriptors": patch.changed},
                {"sid": str(replacement.new)},
            )
        elif patch.changed:
            more = "" if session.registry.all_volumes else "; --all-volumes changes them, too"
            kept.append(
                f"{patch.changed} descriptors of volume {part.number} hold the old SID and stay as "
                f"they are{more}."
            )
            session.note(kept[-1])
        found.append(Descriptors(part.number, patch.descriptors, patch.changed, changed))
    return found


def _patch(
    session: Session, part: Part, replacement: Replacement, *, required: bool
) -> secure.Patch | None:
    name = f"volume {part.number}"
    try:
        patch = secure.replacing(part.device, replacement.old_binary, replacement.new_binary, name)
        if patch.writes and required:
            if part.system and session.volume_state is not None:
                secure.require_clean(session.volume_state, name)
            else:
                with Volume.open(part.device, read_only=True, name=name) as volume:
                    secure.require_clean(volume.state, name)
    except (NotNtfsError, BitLockerError):
        return None
    except ImageError as error:
        if required:
            raise
        session.note(f"The descriptors of {name} were not examined: {error.message}")
        return None
    return patch
