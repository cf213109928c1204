"""The machine SID replaced now and everywhere, and the proof of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from reseal.errors import ImageError
from reseal.ntfs import Volume, secure
from reseal.session import Mark, Session
from reseal.sid import databases, descriptors, hives, names, sealed, texts
from reseal.sid.pending import withdraw
from reseal.sid.sealed import Left
from reseal.windows import identity
from reseal.windows.names import LOG_SUFFIXES

if TYPE_CHECKING:
    from reseal.sid.descriptors import Descriptors
    from reseal.sid.replacement import Replacement
    from reseal.windows import Installation

_ACTOR = "sid"


@dataclass(slots=True)
class Result:
    """Where the SID was replaced, and where it stays.

    Attributes:
        hives: file to number of places by kind.
        descriptors: one entry a volume.
        files: text files and databases, with the number of places.
        names: files and folders that get new names, by their old paths.
        left: files in which the old SID stays.
    """

    hives: dict[str, dict[str, int]] = field(default_factory=dict)
    descriptors: list[Descriptors] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return asdict(self)


def change_now(session: Session, replacement: Replacement) -> Result:
    """Stage another machine SID everywhere, on other volumes where these are worked on.

    Nothing is written.

    Raises:
        ImageError: something in the image is damaged or contradicts itself.
    """
    result = Result()
    with session.acting(_ACTOR, Mark.INFERRED):
        # First what is found through names and keys that change below.
        with session.step("Replacing the SID in files"):
            text = texts.replace(session, replacement)
            data = databases.replace(session, replacement)
        result.files = {**text.changed, **data.changed}
        refused = {"text": text.refused, "SQLite database": data.refused}
        for kind, files in refused.items():
            result.left += [Left(path, kind, None, reason) for path, reason in files.items()]
        withdraw(session)
        with session.step("Replacing the SID in hives"):
            for path, found in hives.replace(session, replacement):
                result.hives[path] = dict(Counter(one.what for one in found if one.changed))
                result.left += [
                    Left(path, f"registry, {one.path}", 1, "the length of the data would change")
                    for one in found
                    if not one.changed
                ]
        with session.step("Replacing the SID in descriptors"):
            result.descriptors = descriptors.replace(session, replacement)
        result.names = names.replace(session, replacement)
        with session.step("Looking at what is never patched"):
            emptied = {
                f"{path}.{suffix}".lower() for path in result.hives for suffix in LOG_SUFFIXES
            }
            result.left += [
                one for one in sealed.find(session, replacement) if one.path.lower() not in emptied
            ]
        # Writes behind their back make them worthless, and they hold the old SID.
        session.forget_shadow_copies()
    with session.step("Verifying the edited hives"):
        session.verify()
    return result


def remains(installation: Installation, replacement: Replacement, result: Result) -> list[str]:
    """Look at the written image with fresh eyes: name where the old SID stands against the plan."""
    session = Session(installation)
    problems = []
    moved = {_moved(path, replacement): path for path in result.hives}
    expected = Counter(one.path for one in result.left)
    if identity.machine_sid(installation.registry) != replacement.new:
        problems.append("the new SID in its policy")
    problems += [
        f"the new SID in {path}"
        for path, count in hives.remaining(session, str(replacement.old), moved).items()
        if count > expected[moved[path]]
    ]
    problems += [f"a new name for {path}" for path in names.with_sid(session, replacement)]
    for path in result.files:
        try:
            text = installation.volumes.read(_moved(path, replacement))
        except ImageError as error:
            problems.append(f"{path} ({error.message})")
            continue
        if replacement.in_bytes(text) != text and not text.startswith(databases.MAGIC):
            problems.append(f"the new SID in {path}")
    volumes = installation.volumes
    worked_on = volumes.others if installation.registry.all_volumes else ()
    for tree in (volumes.own, *map(volumes.tree, worked_on)):
        if isinstance(tree, Volume):
            found = secure.descriptors(tree.device, tree.name)
            if any(replacement.old_binary in one for one in found.values()):
                problems.append(f"the new SID in the descriptors of files on {tree.name}")
    return problems


def _moved(path: str, replacement: Replacement) -> str:
    """Where a file lies after the change of names."""
    return "\\".join(replacement.in_text(part) for part in path.split("\\"))
