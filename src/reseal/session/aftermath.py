"""The consequences of offline writes for the volumes that they reach."""

from __future__ import annotations

from reseal.mark import Mark
from reseal.ntfs import Volume, shadow_copies
from reseal.session.session import Session
from reseal.windows.volumes import labelled


def settle(session: Session) -> None:
    """Stage them, and add notes about them; a folder has none."""
    if not session.changes or not session.volume_state:
        return
    # An offline write does not save the data that it overwrites (documented: VSS).
    with session.acting("reseal", Mark.INFERRED):
        session.forget_shadow_copies()
        others = _others(session)
        if session.wiped_volumes:
            others = _wipe(session, others)
        journal = session.volume_state.journal
        for number in others:
            tree = session.installation.volumes.tree(number)
            if isinstance(tree, Volume):
                session.forget_shadow_copies(number, len(shadow_copies.stores(tree)))
                journal |= tree.state.journal
    if session.discard_shadow_copies:
        where = _shown(session, session.discard_shadow_copies)
        session.note(
            f"The shadow copies (restore points, previous versions) of {where} are deleted: offline "
            "changes make them invalid."
        )
    if journal:
        session.note(
            "The volume's USN journal does not record these changes: programs that read it, such as "
            "search and backup, do not see them until they scan the files again."
        )


def _others(session: Session) -> list[int]:
    """The numbers of the volumes that the run changes, besides that of Windows."""
    volumes, edited = session.installation.volumes, session.edited_hives
    paths = (*session.files.paths, *(session.registry.loaded[name].file for name in edited))
    found = {number for path in paths if (number := volumes.volume_of(path)) is not None}
    found |= {part.number for part, _ in session.volume_patches if not part.system}
    found |= {store.place.number for store in session.edited_boot_stores}
    return sorted(volumes.others.keys() & found)


def _wipe(session: Session, changed: list[int]) -> list[int]:
    """Wipe the volumes that the run may change, and name those that it does not; return the former."""
    volumes, own = session.installation.volumes, session.installation.volume
    chosen = sorted(volumes.others) if session.registry.all_volumes else changed
    for number in chosen:
        session.wipe_free_space(number)
    hold = {*volumes.others, *session.neighbours.closed_volumes}
    hold |= {int(one.partition(":")[0]) for one in session.neighbours.installations}
    if left := hold - {own, *chosen}:
        session.note(
            f"Free clusters were wiped on {_shown(session, session.wiped_volumes)}, not on "
            f"{_shown(session, left)}, which this run does not change."
        )
    return chosen


def _shown(session: Session, numbers: set[int]) -> str:
    return ", ".join(labelled(one, session.registry.letters) for one in sorted(numbers))
