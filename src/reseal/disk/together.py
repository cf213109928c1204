"""Changes to several disks of one machine: all of them are merged, or none.

`reseal.disk.journal` says which of their journals decides.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from reseal.disk.image import resume_command
from reseal.disk.journal import remove_journal
from reseal.disk.locks import InUseError
from reseal.disk.merge import InPlace, InterruptedMergeError
from reseal.disk.sidecar import journal_path
from reseal.errors import ImageError


class Together:
    """Changes that are to be merged into several images.

    Attributes:
        overlay: the qcow2 that takes the changes of the first disk.
        overlays: those of all disks.
    """

    def __init__(self, parts: Sequence[InPlace]) -> None:
        self._parts = parts
        self.overlays = [one.overlay for one in parts]
        self.overlay = self.overlays[0]

    def commit(self, facts: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002  see Staged
        """Merge the changes into all images."""
        first, *others = self._parts
        journals = [one.prepare() for one in self._parts]
        try:
            group = uuid.uuid4().hex
            decides, path = str(journal_path(first.place)), str(first.image.file)
            for one, journal in zip(others, journals[1:], strict=True):
                one.announce(replace(journal, group=group, decides=decides, first=path))
            names = [_named(one, first) for one in others]
            first.announce(replace(journals[0], group=group, others=names, name=path))
        except BaseException:
            self._retract()
            raise
        for done, one in enumerate(self._parts):
            try:
                one.merge(conclude=False)
            except InUseError as error:
                if not done:
                    self._retract()
                    raise
                raise InterruptedMergeError(
                    f"{error.message} The changes of other disks of the machine are in place, so it is"
                    " incomplete.",
                    hint=f"Finish it: {resume_command(first.image.path)}",
                ) from error
        self._conclude()

    def _conclude(self) -> None:
        first, *others = self._parts
        try:
            for one in (*others, first):
                remove_journal(one.place)
        except (ImageError, OSError) as error:
            raise InterruptedMergeError(
                f"the disks of {first.image.path} are complete, but a journal can't be deleted: {error}",
                hint=f"Delete it: {resume_command(first.image.path)}",
            ) from error
        self.discard()

    def _retract(self) -> None:
        for one in self._parts:
            one.retract()

    def discard(self) -> None:
        """Delete the overlays, unless a merge has begun that needs them."""
        with ExitStack() as stack:
            for one in self._parts:
                stack.callback(one.discard)


def _named(one: InPlace, first: InPlace) -> str:
    """Return how the deciding journal names another disk: a file from the first, if that is one, too."""
    if one.image.is_device or first.image.is_device:
        return str(one.image.file)
    return os.path.relpath(one.image.file, first.image.file.parent)
