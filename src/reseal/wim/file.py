"""Open WIM files, and read their headers."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reseal.hostfile import open_regular
from reseal.wim import library
from reseal.wim.errors import WimError
from reseal.wim.progress import Progress, nothing

_CHECK_INTEGRITY = 0x1  # WIMLIB_OPEN_FLAG_CHECK_INTEGRITY

#: The magic of a WIM file and of a pipable one.
_MAGIC = (b"MSWIM\0\0\0", b"WLPWM\0\0\0")

#: Maximum size of the XML data in bytes; real files have a few KiB per image.
_MAX_XML = 16 << 20


@dataclass(frozen=True, slots=True)
class Facts:
    """The header of a WIM file.

    Attributes:
        images: number of images.
        boot_index: the bootable image, 0 for none.
        compression: `None`, `XPRESS`, `LZX` or `LZMS`.
        parts: number of parts; more than 1 for a split WIM.
        integrity: whether it has an integrity table.
        locked: whether it is marked read-only.
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
    """Whether a file has the magic of a WIM."""
    try:
        with open_regular(path) as file:
            return file.read(8) in _MAGIC
    except OSError:
        return False


class Wim:
    """A WIM file that is open in this process.

    Attributes:
        handle: libwim's handle.
        path: the file; None if it was not written yet.
    """

    def __init__(self, handle: int | None, path: Path | None) -> None:
        self.handle = handle
        self.path = path
        self.library = library.load()
        self.calls = self.library.calls

    @property
    def subject(self) -> str:
        """Its name in messages."""
        return str(self.path) if self.path else "The new WIM"

    def check(self, code: int, action: str, progress: Progress | None = None) -> None:
        """Raise the error of a libwim call, if any.

        Args:
            code: result of the call.
            action: end of the error message, such as `can't be read`.
            progress: progress of the call; an exception stored in it is raised first.

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
        """Its header."""
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
                raise WimError(msg, "The file is damaged; download or create it again.")
            return ctypes.string_at(data.value or 0, size.value)
        finally:
            _free(data)

    def require_index(self, index: int | None) -> int:
        """Return the index of an image; None chooses the only one.

        Raises:
            WimError: the image does not exist, or none of several was chosen.
        """
        count = self.facts.images
        if index is None and count == 1:
            return 1
        if index is not None and 1 <= index <= count:
            return index
        has = "no image" if not count else "one image" if count == 1 else f"{count} images"
        if index is None:
            msg = f"{self.subject} has {has}."
        else:
            msg = f"{self.subject} has no image {index}; it has {has}."
        raise WimError(msg, f"Choose one with --index, from 1 to {count}." if count else None)

    def require_sound(self, index: int) -> None:
        """Load an image's tree, and refuse it if libwim would omit entries.

        libwim ignores entries named `.` or `..`, and duplicate names. Legitimate tools don't create them.

        Raises:
            WimError: the tree can't be read, or has such entries.
        """
        self.library.forget_messages()
        code = self.calls.wimlib_iterate_dir_tree(
            self.handle, index, b"/", 0, library.VISIT(lambda *_: 0), None
        )
        self.check(code, f"can't be read (image {index})")
        for warning in self.library.warnings():
            if warning.startswith("Ignoring"):
                msg = f"Image {index} of {self.subject} is damaged: {_as_told(warning)}."
                raise WimError(msg, "Create the WIM again with a tool that you trust.")


def _as_told(warning: str) -> str:
    """Turn a libwim warning about an ignored entry into a clause."""
    what = warning.removeprefix("Ignoring").strip().partition(" (")[0].rstrip(".")
    return f"it holds a {what}"


@contextmanager
def open_wim(path: Path, *, check: bool = False, progress: Progress | None = None) -> Iterator[Wim]:
    """Open a WIM, an ESD, or the first part of a split WIM.

    The other parts of a split WIM must be in the same folder, named as in DISM's documentation
    (`install.swm`, `install2.swm`, …).

    Args:
        path: the file.
        check: whether to check its integrity table first, if it has one.
        progress: receives progress of the check and of later work on the file.

    Raises:
        WimError: the file can't be read, is damaged, or is encrypted.
        EngineError: libwim is missing.
    """
    loaded = library.load()
    loaded.forget_messages()
    if not path.is_file():
        msg = f"{path} is not a file." if path.exists() else f"{path} does not exist."
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
        raise WimError(msg, "Give the path of the first part.")
    # List the parts instead of a pattern, because the folder's name may have special characters.
    others = [
        path.with_name(f"{path.stem}{number}{path.suffix}")
        for number in range(2, info.total_parts + 1)
    ]
    for one in others:
        if not one.is_file():
            msg = f"{path} is a split WIM, but its part {one.name} is missing."
            raise WimError(msg, "Put all parts into one folder.")
    names = (ctypes.c_char_p * len(others))(*(bytes(one) for one in others))
    wim.check(
        wim.calls.wimlib_reference_resource_files(wim.handle, names, len(others), 0, 0),
        "can't be opened with its other parts",
    )


@contextmanager
def new_wim(compression: int) -> Iterator[Wim]:
    """Create a WIM without images in memory.

    Args:
        compression: library.NONE, XPRESS, LZX or LZMS.
    """
    loaded = library.load()
    loaded.forget_messages()
    handle = ctypes.c_void_p()
    code = loaded.calls.wimlib_create_new_wim(compression, ctypes.byref(handle))
    if code:
        raise library.wim_error(code, "The new WIM", "can't be created")
    try:
        yield Wim(handle.value, None)
    finally:
        loaded.calls.wimlib_free(handle)


def _free(data: ctypes.c_void_p) -> None:
    free = ctypes.CDLL(None).free
    free.argtypes = (ctypes.c_void_p,)
    free.restype = None
    free(data)
