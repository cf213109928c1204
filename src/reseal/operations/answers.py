"""The answer file of an operation: its options, and how it is read."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from reseal.errors import UsageError

if TYPE_CHECKING:
    from reseal.answerfile import AnswerFile
    from reseal.operations.operation import HostPath, Opening
    from reseal.run.opening import Found
    from reseal.unattend.apply import Request as ToPlace

#: What standard input is called, in options and in messages.
STANDARD_INPUT = "-"
_SHOWN_STANDARD_INPUT = "standard input"
#: What `--force` calls the check of the answer file.
FORCE_UNATTEND = "unattend"
#: A file of this computer, or its name and its content.
Content: TypeAlias = "HostPath | tuple[str, bytes]"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFileOptions:
    """An answer file and its options.

    Attributes:
        unattend: the file, `-` for standard input, or its name and content; None for none.
        replace: whether answer files that would win against it are moved aside.
        oobe_xml: an oobe.xml to place, too: the file, its name and content, or a folder with one for each
            country and language.
        driver_paths: `PATH=FOLDER` each: a driver path of the answer file, and the folder of this
            computer to use for it.
    """

    unattend: Content | None = None
    replace: bool = False
    oobe_xml: Content | None = None
    driver_paths: tuple[str, ...] = ()

    def read(self, *, force: bool = False, now: bool = False) -> ToPlace | None:
        """Read the files; None where there is no answer file.

        Args:
            force: whether an answer file with errors is taken.
            now: whether settings of specialize are applied at once where their place is known.

        Raises:
            AnswerFileError: a file can't be read.
            UsageError: options that belong to an answer file were given without one.
        """
        if self.unattend is None:
            if self.replace or self.oobe_xml or self.driver_paths:
                msg = "--replace, --oobe-xml and --driver-path belong to an answer file."
                raise UsageError(msg, "Name it with --unattend FILE.")
            return None
        from reseal.unattend import oobe_xml
        from reseal.unattend.apply import Request as ToPlace
        from reseal.unattend.drivers import folders

        folder = self.oobe_xml if _is_folder(self.oobe_xml) else None
        return ToPlace(
            load(self.unattend),
            replace=self.replace,
            force=force,
            now=now,
            oobe_xml=_load_oobe_xml(self.oobe_xml) if self.oobe_xml and not folder else None,
            oobe_files=oobe_xml.load(Path(folder)) if folder else {},
            driver_folders=folders(list(self.driver_paths)),
        )


def load(file: Content) -> AnswerFile:
    """Read an answer file; raises AnswerFileError."""
    from reseal.answerfile import AnswerFile
    from reseal.answerfile.source import MAX_BYTES

    if isinstance(file, tuple):
        name, data = file
        return AnswerFile(data, name)
    if file == STANDARD_INPUT:
        return AnswerFile(sys.stdin.buffer.read(MAX_BYTES + 1), _SHOWN_STANDARD_INPUT)
    return AnswerFile.load(Path(file))


def content(file: Content) -> tuple[str, bytes]:
    """Read a file of this computer for a worker, which has no access to it.

    Raises:
        AnswerFileError: it can't be read, or is too large.
    """
    if isinstance(file, tuple):
        return file
    from reseal.answerfile.source import read_bounded

    return os.fspath(file), read_bounded(Path(file))


def in_image(image: Path, path: str, opening: Opening) -> tuple[str, bytes]:
    r"""Read an answer file that lies in an image.

    Args:
        image: the image.
        path: a path of its Windows, such as `C:\Windows\System32\Sysprep\unattend.xml`.
        opening: which Windows, and how to open the image.

    Raises:
        UsageError: the image has no such file.
    """
    import base64

    from reseal.answerfile.source import MAX_BYTES
    from reseal.operations.operation import look

    def job(found: Found) -> dict[str, str]:
        registry = found.installation.registry
        there = registry.place(path)
        stat = registry.tree.stat(there.path) if there.volume is not None else None
        if stat is None or stat.is_directory:
            msg = f"{image} has no file {path}."
            raise UsageError(
                msg, "Name a file of the image by its Windows path, or a file of this computer."
            )
        if stat.size > MAX_BYTES:
            raise UsageError(f"{path} in {image} is too large for an answer file.")
        return {"data": base64.b64encode(registry.tree.read(there.path)).decode()}

    return path, base64.b64decode(look(image, job, opening, whole=True)["data"])


def mode_of(document: AnswerFile | None) -> str | None:
    """Where an answer file sends the next boot (Reseal or Generalize, Mode); None for nowhere."""
    if document is None:
        return None
    from reseal.answerfile import requested_mode

    found = requested_mode(document)
    return str(found.mode) if found else None


def _is_folder(file: Content | None) -> TypeGuard[HostPath]:
    return file is not None and not isinstance(file, tuple) and Path(file).is_dir()


def _load_oobe_xml(file: Content) -> tuple[str, bytes]:
    """Read an oobe.xml and check it; raises AnswerFileError."""
    from reseal.unattend import oobe_xml

    name, data = content(file)
    oobe_xml.check(data, name)
    return name, data
