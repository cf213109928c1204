"""WIM files: opening them, and what they say of themselves."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.hostfile import open_regular
from reseal.wim import library
from reseal.wim.errors import WimError
from reseal.wim.progress import Progress, nothing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHECK_INTEGRITY = 0x1  # WIMLIB_OPEN_FLAG_CHECK_INTEGRITY

#: The head of every WIM file, and of a pipable one.
_MAGIC = (b"MSWIM\0\0\0", b"WLPWM\0\0\0")

#: The longest XML data that is looked at, in bytes; real ones have some KiB for each image.
_MAX_XML = 16 << 20


@dataclass(frozen=True, slots=True)
class Facts:
    """What the header of a WIM file says.

    Attributes:
        images: how many images it has.
        boot_index: the image that is booted, 0 for none.
        compression: `None`, `XPRESS`, `LZX` or `LZMS`.
        parts: how many parts it has; more than 1 for a split WIM.
        integrity: whether it has an integrity table.
        locked: whether it is marked as one not to be written.
        solid: whether its version is that of files with solid resources (ESD).
    """

    images: int
    boot_index: int
    compression: str
    parts: int
    integrity: bool
    locked: bool
    solid: bool


#: The version of WIM files that have solid resources (documented, [MS-WIM] and libwim).
_SOLID_VERSION = 0xE00


def is_wim(path: Path) -> bool:
    """Whether a file begins as a WIM does."""
    try:
        with open_regular(path) as file:
            return file.read(8) in _MAGIC
    except OSError:
        return False


class Wim:
    """A WIM file that is open in this process.

    Attributes:
        handle: libwim's own.
        path: of the file; None where it was not written yet.
    """

    def __init__(self, handle: int | None, path: Path | None) -> None:
        self.handle = handle
        self.path = path
        self.library = library.load()
        self.calls = self.library.calls

    @property
    def subject(self) -> str:
        """How messages call it."""
        return str(self.path) if self.path else "The new WIM"

    def check(self, code: int, action: str, progress: Progress | None = None) -> None:
        """Raise the error of a libwim call.

        Args:
            code: what the call returned.
            action: what was to be done, such as `can't be read`.
            progress: of the call; an exception that it met is raised first.

        Raises:
            WimError: the call failed.
        """
        if progress is not None and progress.failure is not None:
            failure, progress.failure = progress.failure, None
            raise failure
        if code:
            raise library.wim_error(code, self.subject, action)

    @property
    def facts(self) -> Facts:
        """What its header says."""
        info = library.WimInfo()
        self.check(self.calls.wimlib_get_wim_info(self.handle, ctypes.byref(info)), "can't be read")
        kind: bytes = self.calls.wimlib_get_compression_type_string(info.compression)
        return Facts(
            images=info.image_count,
            boot_index=info.boot_index,
            compression=kind.decode(),
            parts=info.total_parts,
            integrity=bool(info.has_integrity_table),
            locked=bool(info.is_marked_readonly),
            solid=info.version == _SOLID_VERSION,
        )

    @property
    def xml(self) -> bytes:
        """Its XML data, UTF-16LE with a byte order mark."""
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        self.check(
            self.calls.wimlib_get_xml_data(self.handle, ctypes.byref(data), ctypes.byref(size)),
            "can't be read",
        )
        try:
            if size.value > _MAX_XML:
                msg = f"{self.subject} can't be read: its XML data have {size.value} bytes."
                raise WimError(msg, "The file is damaged; fetch or make it anew.")
            return ctypes.string_at(data.value or 0, size.value)
        finally:
            _free(data)

    def require_index(self, index: int | None) -> int:
        """Return the index of an image; the only one where None was given.

        Raises:
            WimError: there is no such image, or there are several and none was chosen.
        """
        count = self.facts.images
        if index is None and count == 1:
            return 1
        if index is not None and 1 <= index <= count:
            return index
        has = "no image" if not count else "one image" if count == 1 else f"{count} images"
        if index is None:
            msg = f"{self.subject} has {has}: which one is meant has to be said."
        else:
            msg = f"{self.subject} has no image {index}: it has {has}."
        raise WimError(msg, f"Choose one with --index, from 1 to {count}." if count else None)

    def require_sound(self, index: int) -> None:
        """Load an image's tree, and refuse one of which libwim would leave something out.

        It passes over entries that are named `.` or `..`, and over the second of two of one name: such
        a tree was made by no honest tool.

        Raises:
            WimError: the tree can't be read, or is not sound.
        """
        self.library.forget_messages()
        code = self.calls.wimlib_iterate_dir_tree(
            self.handle, index, b"/", 0, library.VISIT(lambda *_: 0), None
        )
        self.check(code, f"can't be read (image {index})")
        for warning in self.library.warnings():
            if warning.startswith("Ignoring"):
                msg = f"Image {index} of {self.subject} is damaged: {_as_told(warning)}."
                raise WimError(msg, "Make the WIM anew, with a tool that you trust.")


def _as_told(warning: str) -> str:
    """Return a warning of libwim's as a clause: what it says that it passes over."""
    what = warning.removeprefix("Ignoring").strip().partition(" (")[0].rstrip(".")
    return f"it holds a {what}"


@contextmanager
def open_wim(path: Path, *, check: bool = False, progress: Progress | None = None) -> Iterator[Wim]:
    """Open a WIM, an ESD, or a split WIM by its first part.

    The other parts of a split WIM are looked for beside it, by its name (`install.swm`,
    `install2.swm`, …), as DISM's documentation names them.

    Args:
        path: of the file.
        check: whether its integrity table is checked first, where it has one.
        progress: of the check, and of what is done with the file.

    Raises:
        WimError: it can't be read, is damaged, or is encrypted.
        EngineError: libwim is missing.
    """
    loaded = library.load()
    loaded.forget_messages()
    if not path.is_file():
        msg = f"{path} is no file." if path.exists() else f"There is no file {path}."
        raise WimError(msg)
    handle = ctypes.c_void_p()
    function = progress.function if progress else nothing()
    code = loaded.calls.wimlib_open_wim_with_progress(
        bytes(path), _CHECK_INTEGRITY if check else 0, ctypes.byref(handle), function, None
    )
    if code:
        raise library.wim_error(code, str(path), "can't be opened")
    wim = Wim(handle.value, path)
    try:
        if wim.facts.parts > 1:
            _join(wim, path)
        yield wim
    finally:
        loaded.calls.wimlib_free(handle)


def _join(wim: Wim, path: Path) -> None:
    info = library.WimInfo()
    wim.calls.wimlib_get_wim_info(wim.handle, ctypes.byref(info))
    if info.part_number != 1:
        msg = f"{path} is part {info.part_number} of {info.total_parts} of a split WIM."
        raise WimError(msg, "Name the first part.")
    # Named literally: in a pattern the characters of a folder's name could mean something.
    others = [
        path.with_name(f"{path.stem}{number}{path.suffix}")
        for number in range(2, info.total_parts + 1)
    ]
    for one in others:
        if not one.is_file():
            msg = f"{path} is a split WIM, and its part {one.name} is missing."
            raise WimError(msg, "Put all parts into one folder.")
    names = (ctypes.c_char_p * len(others))(*(bytes(one) for one in others))
    wim.check(
        wim.calls.wimlib_reference_resource_files(wim.handle, names, len(others), 0, 0),
        "can't be opened with its other parts",
    )


@contextmanager
def new_wim(compression: int) -> Iterator[Wim]:
    """Make a WIM without images, which exists in memory until it is written.

    Args:
        compression: library.NONE, XPRESS, LZX or LZMS.
    """
    loaded = library.load()
    loaded.forget_messages()
    handle = ctypes.c_void_p()
    code = loaded.calls.wimlib_create_new_wim(compression, ctypes.byref(handle))
    if code:
        raise library.wim_error(code, "The new WIM", "can't be made")
    try:
        yield Wim(handle.value, None)
    finally:
        loaded.calls.wimlib_free(handle)


def _free(data: ctypes.c_void_p) -> None:
    free = ctypes.CDLL(None).free
    free.argtypes = (ctypes.c_void_p,)
    free.restype = None
    free(data)
