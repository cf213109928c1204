"""The declaration of a destination."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reseal.declaration import Declaration, declares

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.mark import Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination(Declaration):
    """A tool or a cloud that takes an image, and the form in which it does.

    Its work depends on the kind. If `beside` is set, it returns the text of a file that is written beside
    the image: `work(machine, output)`. If `inside` is set, it packs the disk: `work(disk, target, machine)`.
    Otherwise it returns a sentence or two on what to do next: `work(machine, output)`.

    Attributes:
        suffixes: the format of the disk by the suffix of the output; an empty suffix means a folder.
        own_suffixes: suffixes that mean this destination by themselves.
        create: options for `qemu-img convert`.
        unit: the size of the disk becomes a multiple of this, in bytes.
        limit: the largest disk that it takes, in bytes; None for no limit.
        beside: the suffix of the file that is written beside the image.
        inside: the name of the disk in the archive.
        then: what to do with the result, with `{output}` and `{beside}`.
    """

    suffixes: Mapping[str, str]
    own_suffixes: tuple[str, ...] = ()
    create: Mapping[str, str] = field(default_factory=dict)
    unit: int = 512
    limit: int | None = None
    beside: str | None = None
    inside: str | None = None
    then: str

    def beside_of(self, output: Path) -> Path | None:
        """Return the file that is written beside an image."""
        return output.with_suffix(self.beside) if self.beside else None


def destination(
    identifier: str, *, mark: Mark, source: str, work: str | None = None, **attributes: Any
) -> Callable[[Callable[..., Any]], Destination]:
    """Declare a destination. The docstring below is its documentation; its first line is the help.

    Args:
        identifier: its name behind `--for`.
        mark: how well its demands are known.
        source: the source of that knowledge.
        work: `package.module:name` of the work, if the function has only a docstring.
        attributes: those of `Destination`.
    """
    return declares(Destination, work=work, id=identifier, mark=mark, source=source, **attributes)
