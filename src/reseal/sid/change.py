"""The machine SID replaced now and everywhere, and the proof of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from reseal.errors import ImageError
from reseal.ntfs import Volume, secure
from reseal.session import Mark, Session
from reseal.sid import databases, descriptors, hives, names, sealed, texts
from reseal.sid.descriptors import Descriptors
from reseal.sid.pending import withdraw, withdraw_sids
from reseal.sid.replacement import Replacement
from reseal.sid.sealed import Left
from reseal.windows import Installation, identity
from reseal.windows.names import LOG_SUFFIXES

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
        kept: why the old SID would stay elsewhere, in whole sentences.
    """

    hives: dict[str, dict[str, int]] = field(default_factory=dict)
    descriptors: list[Descriptors] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return {name: value for name, value in asdict(self).items() if name != "kept"}

    @property
    def obstacles(self) -> list[str]:
        """Every reason for which the old SID would stay somewhere, as whole sentences."""
        return [
            f"{one.path} ({one.format}) keeps it: {one.reason}." for one in self.left
        ] + self.kept


def change_now(session: Session, replacement: Replacement, *, again: bool = False) -> Result:
    """Stage another machine SID everywhere, on other volumes where these are worked on.

    Nothing is written.

    Args:
        session: the opened installation.
        replacement: old and new.
        again: whether setupcl.exe is to replace the new one at the next boot. Bits of a request that is
            there stay then; the SIDs in it go.

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
        withdraw_sids(session) if again else withdraw(session)
        with session.step("Replacing the SID in hives"):
            for path, found in hives.replace(session, replacement, result.kept):
                result.hives[path] = dict(Counter(one.what for one in found if one.changed))
                result.left += [
                    Left(path, f"registry, {one.path}", 1, "the length of the data would change")
                    for one in found
                    if not one.changed
                ]
        with session.step("Replacing the SID in descriptors"):
            result.descriptors = descriptors.replace(session, replacement, result.kept)
        result.names = names.replace(session, replacement)
        with session.step("Examining what is never patched"):
            written = {session.registry.loaded[name].file for name in session.edited_hives}
            emptied = {f"{path}.{suffix}".lower() for path in written for suffix in LOG_SUFFIXES}
            for one in sealed.find(session, replacement):
                if one.path.lower() in emptied:
                    continue
                if one.format == sealed.REGISTRY_LOG and _is_spent(session, one.path):
                    session.write_file(one.path, b"")
                else:
                    result.left.append(one)
        # Writes behind their back make them worthless, and they hold the old SID.
        session.forget_shadow_copies()
    with session.step("Verifying the edited hives"):
        session.verify()
    return result


def _is_spent(session: Session, path: str) -> bool:
    """Whether a hive's log holds nothing that the hive lacks."""
    try:
        loaded = session.registry.load_file(path.rpartition(".")[0])
    except ImageError:
        return False
    return loaded is not None and not loaded.hive.recovered


def remains(installation: Installation, replacement: Replacement, result: Result) -> list[str]:
    """Read the written image again, and name unplanned places of the old SID.

    Args:
        installation: the written image, opened again.
        replacement: the old SID and the new one.
        result: what the change did, and what it left.
    """
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
    return problems + list(_in_descriptors(installation, replacement))


def _in_descriptors(installation: Installation, replacement: Replacement) -> Iterator[str]:
    """Name the volumes of this Windows whose files still have the old SID in their descriptors."""
    volumes = installation.volumes
    worked_on = [number for number in volumes.others if installation.registry.works_on(number)]
    for tree in (volumes.own, *map(volumes.tree, worked_on)):
        if isinstance(tree, Volume):
            found = secure.descriptors(tree.device, tree.name)
            if any(replacement.old_binary in one for one in found.values()):
                yield f"the new SID in the descriptors of files on {tree.name}"


def _moved(path: str, replacement: Replacement) -> str:
    """Where a file lies after the change of names."""
    return "\\".join(replacement.in_text(part) for part in path.split("\\"))
