"""Progress messages of libwim as plain dictionaries."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from reseal.wim import library
from reseal.worker import REPLACING

Report = Callable[[dict[str, Any]], None]


_SIZED: dict[int, tuple[str, Any]] = {
    library.WRITE_STREAMS: ("Writing the files", library.WriteStreams),
    library.EXTRACT_STREAMS: ("Extracting the files", library.Extract),
    library.VERIFY_INTEGRITY: ("Checking the integrity table", library.Integrity),
    library.CALC_INTEGRITY: ("Making the integrity table", library.Integrity),
    library.VERIFY_STREAMS: ("Verifying the files", library.VerifyStreams),
}


class Progress:
    """The progress function of one libwim job.

    It reports `{"step": …}` when a step begins, and `{"progress": …, "done": …, "total": …}` (bytes) once
    for each whole percent.

    Attributes:
        function: the callback for libwim; it must outlive the job.
        failure: an exception in the report or in `between`; it ends the job.
        left_out: paths that were omitted because a WIM can't hold them (encrypted files).
        excluded: number of entries that the configuration excluded.
        total: bytes of the last step.
    """

    def __init__(
        self, report: Report | None = None, between: Callable[[], None] = lambda: None
    ) -> None:
        """Create the progress function.

        Args:
            report: receives the dictionaries.
            between: called for each message of the library.
        """
        self.failure: BaseException | None = None
        self.left_out: list[str] = []
        self.excluded = 0
        self.total = 0
        self._report = report
        self._between = between
        self._step = ""
        self._percent = -1
        self.function = library.PROGRESS(self._guarded)

    def replaces(self, path: str) -> None:
        """Report that a file is about to be replaced: from now on it may be the new one."""
        if self._report:
            self._report({REPLACING: path})

    def _guarded(self, message: int, info: int, _context: int) -> int:
        try:
            self._between()
            self._take(message, info)
        except BaseException as error:  # noqa: BLE001  raised again after the library call
            self.failure = self.failure or error
        return library.ABORT if self.failure is not None else library.CONTINUE

    def _take(self, message: int, info: int) -> None:
        if message == library.SCAN_DENTRY:
            self._scan(library.Scan.from_address(info))
        elif message == library.SCAN_BEGIN:
            self._begin("Reading the tree")
        elif message == library.EXTRACT_FILE_STRUCTURE:
            self._begin("Making the tree")
        elif message in _SIZED:
            step, structure = _SIZED[message]
            sizes = structure.from_address(info)
            self._begin(step)
            self._tell(step, sizes.completed_bytes, sizes.total_bytes)

    def _scan(self, scan: library.Scan) -> None:
        if scan.status == library.SCAN_EXCLUDED:
            self.excluded += 1
        elif scan.status == library.SCAN_UNSUPPORTED:
            self.left_out.append((scan.path or b"").decode(errors="replace"))

    def _begin(self, step: str) -> None:
        if step != self._step:
            self._step, self._percent = step, -1
            if self._report:
                self._report({"step": step})

    def _tell(self, step: str, done: int, total: int) -> None:
        self.total = total
        percent = done * 100 // total if total else 100
        if percent != self._percent and self._report:
            self._percent = percent
            self._report({"progress": step, "done": done, "total": total})


def nothing() -> Any:
    """Return the null progress function."""
    return ctypes.cast(0, library.PROGRESS)
