"""Notes on the other volumes of the disk: what a run changes there, and what it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.errors import ImageError
from reseal.windows.services import SERVICES
from reseal.windows.volumes import labelled

if TYPE_CHECKING:
    from reseal.session import Session
    from reseal.windows import Sid

_SHOWN = 5


def say_left(session: Session, sid: Sid | None, *, pending: bool) -> None:
    """Note what happens to other volumes, what they keep of the machine, and which can't be opened.

    Args:
        session: the opened installation, before anything is staged.
        sid: the machine's SID.
        pending: whether the change of the SID is left to Windows.
    """
    registry, volumes = session.registry, session.installation.volumes
    for number in volumes.others if not registry.all_volumes else ():
        if registry.works_on(number):
            _say_part(session, number, sid, pending=pending)
        else:
            _say_alone(session, number, sid)
    for sid_text, place in registry.placed_profiles.items():
        if place.volume is None:
            session.note(
                f"The profile {place.path} ({sid_text}) was not found: its path leads out of this image."
            )
        elif place.volume != registry.volume and place.volume not in volumes.others:
            session.note(
                f"The profile {place.path} ({sid_text}) stays as it is: volume {place.volume} holds another "
                "Windows or can't be opened."
            )
    for number, reason in session.neighbours.closed_volumes.items():
        session.note(f"Volume {number} was not examined: it is {reason}.")


def _say_part(session: Session, number: int, sid: Sid | None, *, pending: bool) -> None:
    """Note what changes on a volume with a profile of this Windows."""
    where = _called(session, number)
    profiles = "".join(_profiles(session, number)) or "the default profile"
    services = "".join(f", with {one}" for one in _services(session, number))
    session.note(
        f"{where} holds {profiles} of this Windows: its hives change, and where this run replaces the SID, "
        f"so do the descriptors of the volume's files. The rest of the volume stays{services}."
    )
    if pending and (count := _descriptors(session, number, sid)):
        session.note(
            f"{where} keeps {_with_the_sid(count)}: at the first boot Windows "
            "replaces the SID on its own volume alone (documented)."
        )


def _say_alone(session: Session, number: int, sid: Sid | None) -> None:
    """Note what a volume that the run does not change keeps of the machine."""
    where = _called(session, number)
    kept = _services(session, number)
    if count := _descriptors(session, number, sid):
        kept.append(_with_the_sid(count))
    if kept:
        session.note(
            f"{where} is left as it is, with {', '.join(kept)}. Windows replaces the SID on its own volume "
            "alone (documented); --all-volumes has reseal change this one, too."
        )


def _with_the_sid(count: int) -> str:
    return f"{count} security descriptor{'s' if count > 1 else ''} with the machine's SID"


def _called(session: Session, number: int) -> str:
    return f"V{labelled(number, session.registry.letters)[1:]}"


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
