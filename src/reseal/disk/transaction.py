"""A run's changes: all of them reach the image, or none.

Everything is written into an overlay. Committing merges it into the image or makes a new image of
both; leaving without a commit throws it away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from reseal.disk.form import Form
from reseal.disk.image import Image
from reseal.disk.merge import InPlace
from reseal.disk.output import NewImage
from reseal.disk.staged import Staged
from reseal.disk.together import Together
from reseal.errors import UsageError
from reseal.interruption import uninterrupted


class Transaction:
    """Changes to an image, staged in an overlay.

    Attributes:
        overlay: the qcow2 that takes the changes, for `Image.serve`.
        overlays: that, and those of the other disks of the machine.
    """

    def __init__(self, staged: Staged) -> None:
        self._staged = staged
        self.overlay = staged.overlay
        self.overlays = staged.overlays if isinstance(staged, Together) else [staged.overlay]

    @classmethod
    def begin(
        cls,
        image: Image,
        *,
        output: Path | None = None,
        thin: bool = False,
        size: int | None = None,
        delete_snapshots: bool = False,
        protect: bool = True,
        form: Form | None = None,
        others: Sequence[Image] = (),
    ) -> Self:
        """Lock the image and create the overlay.

        Args:
            image: the image.
            output: a new image that is to hold the result, in the format of its extension; None
                to change the image in place.
            thin: let the output be a qcow2 that holds the changes alone, over the image.
            size: bytes of the output's disk, where it is to be larger than the image's.
            delete_snapshots: whether an image that is changed in place loses its internal snapshots.
            protect: whether the images below a thin output are marked as golden.
            form: what the output becomes; None to go by its extension.
            others: the other disks of the machine, which are changed in place with it: all or none.

        Raises:
            UsageError: `output` exists or has an unknown extension, or `thin` does not fit.
            ImageError: the image is in use, or can't be changed in place.
            DiskError: the overlay can't be created.
        """
        if output is not None:
            new = NewImage(image, output, thin=thin, size=size, protect=protect, form=form)
            return cls(new)
        if thin or size:
            raise UsageError("a thin or larger image needs the name of an output.")
        first = InPlace(image, delete_snapshots=delete_snapshots)
        if not others:
            return cls(first)
        with ExitStack() as stack:
            stack.callback(first.discard)
            parts = [first]
            for other in others:
                parts.append(InPlace(other))
                stack.callback(parts[-1].discard)
            stack.pop_all()
        return cls(Together(parts))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with uninterrupted():
            self._staged.discard()

    def commit(self, facts: Mapping[str, Any] | None = None) -> None:
        """Commit the changes. The overlay must no longer be served.

        Args:
            facts: about the machine in the image, for an output that is packed.

        Raises:
            ImageError: the image is in use, or another program changed it; it is unchanged.
            DiskError: the disk is full. If the merge had begun, the message says so, and `resume`
                finishes it.
        """
        self._staged.commit(facts)
