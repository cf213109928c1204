"""The machine SID in every hive: data, names of values and keys, descriptors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reseal.errors import ImageError
from reseal.regf import baseblock, sids
from reseal.regf.sids import Place
from reseal.session import Session
from reseal.sid import places
from reseal.sid.replacement import Replacement
from reseal.windows.names import LOG_SUFFIXES, MACHINE_HIVES

_SIGNATURE = b"regf"
#: Logs have the same signature.
_LOGS = tuple(f".{suffix}" for suffix in LOG_SUFFIXES)


def paths(session: Session) -> list[str]:
    """The files of all hives: the machine's and the profiles' first, then all others."""
    registry = session.registry
    named = [registry.file(name) for name in (*MACHINE_HIVES, *registry.profiles)]
    found = {path.lower(): path for path in named if path and session.files.stat(path)}
    for path, entry in places.files(session, *places.HIVES).items():
        if path.lower() not in found and _is_hive(session, path, entry.size, entry.reparse_tag):
            found[path.lower()] = path
    return list(found.values())


def _is_hive(session: Session, path: str, size: int, reparse_tag: int) -> bool:
    if size < baseblock.SIZE or reparse_tag or path.upper().endswith(_LOGS):
        return False
    return session.installation.volumes.read(path, 0, len(_SIGNATURE)) == _SIGNATURE


def needed(session: Session) -> set[str]:
    """The required hive files, in lower case."""
    registry = session.registry
    return {(registry.file(name) or "").lower() for name in (*MACHINE_HIVES, *registry.profiles)}


def replace(
    session: Session, replacement: Replacement, kept: list[str]
) -> Iterator[tuple[str, list[Place]]]:
    """Stage the new SID in every hive; yield (file, places) where there are any.

    A hive that can't be opened stops the run where the machine needs it, and is noted otherwise, also
    in `kept`.

    Args:
        session: the session of the image.
        replacement: the old SID and the new one.
        kept: gets a sentence for each hive that is left as it is.

    Raises:
        ImageError: such a hive is damaged, or a key's new name is taken.
    """
    old, new = str(replacement.old), str(replacement.new)
    must = needed(session)
    for path in paths(session):
        try:
            loaded = session.registry.load_file(path)
            if loaded is None:
                continue
            found = session.replace_sid(loaded, old, new)
        except ImageError as error:
            if path.lower() in must:
                raise
            kept.append(f"{path} was left as it is: {error.message}")
            session.note(kept[-1])
            continue
        if found:
            yield path, found
        else:
            session.release(loaded)


def remaining(session: Session, old: str, written: Iterable[str]) -> dict[str, int]:
    """Count the remaining occurrences of a SID in written hives.

    Args:
        session: the session of the written image.
        old: the SID to look for, as text.
        written: paths of the hives.
    """
    found = {}
    for path in written:
        loaded = session.registry.load_file(path)
        if loaded is not None:
            found[path] = len(sids.find(loaded.hive, old))
    return found
