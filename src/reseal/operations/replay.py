"""Replay the logs of hives that the run does not edit otherwise.

Windows writes a change to a hive's logs first, so the file of a hive that was in use lacks what they hold.
A running Windows replays them, and so did Sysprep's Windows when it shut down. A reader of a generalized
image that does not replay them sees older values.
"""

from __future__ import annotations

from reseal.errors import ImageError
from reseal.mark import Mark
from reseal.session import Session
from reseal.sid import hives
from reseal.windows.names import LOG_SUFFIXES


def replay(session: Session) -> None:
    """Stage the replay in every hive of the image.

    One whose logs can't be replayed stays as it is and is named.

    Raises:
        ImageError: the machine needs that hive.
    """
    needed = hives.needed(session)
    with session.acting("reseal", Mark.DOCUMENTED), session.step("Replaying the logs of hives"):
        for path in hives.paths(session):
            if not _has_logs(session, path):
                continue
            try:
                loaded = session.registry.load_file(path)
            except ImageError as error:
                if path.lower() in needed:
                    raise
                session.note(f"{path} was left as it is, with its logs: {error.message}")
                continue
            if loaded is None or session.replay_logs(loaded):
                continue
            session.release(loaded)


def _has_logs(session: Session, path: str) -> bool:
    stats = (session.files.stat(f"{path}.{suffix}") for suffix in LOG_SUFFIXES)
    return any(stat is not None and stat.size for stat in stats)
