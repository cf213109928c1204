"""Notes on the volumes of the disk that a run does not change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.errors import ImageError
from reseal.windows.services import SERVICES
from reseal.windows.volumes import labelled

if TYPE_CHECKING:
    from reseal.session import Session
    from reseal.windows import Sid

_SHOWN = 5


def say_left(session: Session, sid: Sid | None) -> None:
    """Note what other volumes keep of the machine, and which volumes can't be opened.

    Args:
        session: the opened installation, before anything is staged.
        sid: the machine's SID.
    """
    registry, volumes = session.registry, session.installation.volumes
    for number in volumes.others if not registry.all_volumes else ():
        kept = [*_profiles(session, number), *_services(session, number)]
        if count := _descriptors(session, number, sid):
            what = "security descriptor" if count == 1 else "security descriptors"
            kept.append(f"{count} {what} with the machine's SID")
        if kept:
            where = labelled(number, registry.letters)
            session.note(
                f"V{where[1:]} is left as it is, with {', '.join(kept)}. Windows replaces the SID on its own "
                "volume alone (documented); --all-volumes has reseal change this one, too."
            )
    for sid_text, place in registry.placed_profiles.items():
        if place.volume is None:
            session.note(f"The profile {place.path} ({sid_text}) is not in this image.")
    for number, reason in session.neighbours.closed_volumes.items():
        session.note(f"Volume {number} was not examined: it is {reason}.")


def _profiles(session: Session, number: int) -> list[str]:
    places = session.registry.placed_profiles.values()
    found = [place.path for place in places if place.volume == number]
    return _listed("the profile", "profiles", found)


def _services(session: Session, number: int) -> list[str]:
    registry = session.registry
    key = registry.key(SERVICES)
    found = []
    for one in key.subkeys() if key else ():
        value = one.value("ImagePath")
        text = value.decoded if value is not None else None
        if isinstance(text, str) and registry.place(text.strip('"')).volume == number:
            found.append(one.name)
    return _listed("the service", "services", found)


def _descriptors(session: Session, number: int, sid: Sid | None) -> int:
    from reseal.ntfs import Volume, secure

    tree = session.installation.volumes.tree(number)
    if sid is None or not isinstance(tree, Volume):
        return 0
    numbers = sid.to_bytes()[8:]
    try:
        return sum(numbers in one for one in secure.descriptors(tree.device, tree.name).values())
    except ImageError as error:
        session.note(f"The descriptors of volume {number} were not examined: {error.message}")
        return 0


def _listed(one: str, many: str, names: list[str]) -> list[str]:
    if not names:
        return []
    if len(names) == 1:
        return [f"{one} {names[0]}"]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"the {many} {', '.join(names[:_SHOWN])}{more}"]
