r"""An image opened from Python.

The engines parse hostile images in native code, so the session lives in a worker, and what is called
here is asked of it. The caller's process keeps the lock, the overlay and the commit, in a thread of its
own that lasts as long as the image is open.
"""

from __future__ import annotations

import contextlib
import select
import socket
import tempfile
import threading
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeAlias

from reseal import checks, errors
from reseal.api.service import ABANDON, COMMIT, AbandonedError, Service
from reseal.errors import ImageError, ResealError, UsageError
from reseal.messages import Channel, MessageError
from reseal.report import files
from reseal.run import Callables, RunOptions, change
from reseal.session import Change, Mark

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

#: The data of a registry value: text, number, several texts, or anything else as bytes.
Data: TypeAlias = "str | int | list[str] | bytes"


class OpenImage:
    r"""A Windows image whose changes are staged until `commit`. Use `reseal.open` in a `with` block.

    Registry paths are full (`HKLM\SOFTWARE\…`, `HKU\.DEFAULT\…`); `CurrentControlSet` means every
    control set that Select names. Paths of files begin at the volume's root (`Windows\System32\…`).
    Without `commit`, and after an exception, the image is as it was.

    Every method raises ImageError where the image is damaged, and UsageError where the call is wrong
    or the image is not open.
    """

    def __init__(self, path: Path, options: RunOptions) -> None:
        self._path = path
        self._options = options
        self._channel: Channel | None = None
        self._record: dict[str, Any] | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        """Open the image, and start its worker."""
        # The worker is forked while the caller's thread waits here, so nothing is locked meanwhile.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        self._folder = tempfile.TemporaryDirectory(prefix="reseal-")
        address = Path(self._folder.name) / "session"
        self._over, over = socket.socketpair()
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(address))
                listener.listen(1)
                service = Service(address)
                self._thread = threading.Thread(target=partial(self._run, service, over))
                self._thread.start()
                ready, _, _ = select.select([listener, self._over], [], [])
                if listener in ready:
                    self._channel = Channel(listener.accept()[0].detach(), binary=True)
                    self._receive()
                else:
                    self._end()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the image as it is on disk: as it was, unless `commit` was called."""
        del kind, traceback
        if self._channel:
            with contextlib.suppress(OSError):  # the worker is gone already
                self._channel.send({"verb": ABANDON})
            self._channel.close()
            self._channel = None
        self._thread.join()
        self._over.close()
        self._folder.cleanup()
        if error is None and self._error and not isinstance(self._error, AbandonedError):
            raise self._error

    # The image

    @property
    def facts(self) -> dict[str, Any]:
        """`product_name`, `edition`, `version`, `build`, `architecture`, `root` and `volume`."""
        found: dict[str, Any] = self._ask("facts")
        return found

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was staged so far, in order."""
        try:
            return tuple(
                Change(**{**one, "mark": Mark(one["mark"])}) for one in self._ask("changes")
            )
        except (TypeError, ValueError, KeyError) as error:
            raise _nonsense(self._path) from error

    @property
    def notes(self) -> tuple[str, ...]:
        """Whole sentences for the person who runs this."""
        return tuple(self._ask("notes"))

    # The registry

    def value(self, path: str, name: str) -> Data | None:
        """Return the data of a value as it is staged; None where it does not exist."""
        found: Data | None = self._ask("value", path, name)
        return found

    def values(self, path: str) -> dict[str, Data]:
        """Return every value of a key by name; the default value's name is empty."""
        found: dict[str, Data] = self._ask("values", path)
        return found

    def subkeys(self, path: str) -> list[str]:
        """Return the names of a key's subkeys."""
        found: list[str] = self._ask("subkeys", path)
        return found

    def set_text(self, path: str, name: str, text: str) -> None:
        """Set a REG_SZ value, creating its key as needed."""
        self._ask("set_text", path, name, text)

    def set_number(self, path: str, name: str, number: int) -> None:
        """Set a REG_DWORD value, creating its key as needed."""
        self._ask("set_number", path, name, number)

    def set_strings(self, path: str, name: str, strings: list[str]) -> None:
        """Set a REG_MULTI_SZ value, creating its key as needed."""
        self._ask("set_strings", path, name, strings)

    def set_value(self, path: str, name: str, kind: int, data: bytes) -> None:
        """Set a value of any type, by the type's number, creating its key as needed."""
        self._ask("set_value", path, name, kind, data)

    def delete_value(self, path: str, name: str) -> bool:
        """Delete a value; true if there was one."""
        return bool(self._ask("delete_value", path, name))

    def delete_key(self, path: str) -> bool:
        """Delete a key with all below it; true if there was one."""
        return bool(self._ask("delete_key", path))

    def rename_key(self, path: str, new_name: str) -> bool:
        """Give a key another name; true if there was one."""
        return bool(self._ask("rename_key", path, new_name))

    # Files

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        return bool(self._ask("exists", path))

    def list_folder(self, path: str) -> list[str]:
        """Return the names in a folder."""
        found: list[str] = self._ask("list_folder", path)
        return found

    def read_file(self, path: str) -> bytes:
        """Return the content of a file, up to 64 MiB."""
        found: bytes = self._ask("read_file", path)
        return found

    def write_file(self, path: str, data: bytes) -> None:
        """Write a file, new or over an existing one."""
        self._ask("write_file", path, data)

    def delete_file(self, path: str) -> bool:
        """Delete a file; true if there was one."""
        return bool(self._ask("delete_file", path))

    def delete_tree(self, path: str) -> bool:
        """Delete a folder with all below it, without following links; true if there was one."""
        return bool(self._ask("delete_tree", path))

    def rename_file(self, path: str, new_name: str) -> None:
        """Give a file a new name in its folder."""
        self._ask("rename_file", path, new_name)

    # Whole jobs

    def generalize(
        self,
        target: str = "oobe",
        *,
        enable: Iterable[str] = (),
        disable: Iterable[str] = (),
        sid_now: bool = False,
    ) -> None:
        """Stage all that generalizing means, as `reseal generalize` does.

        Args:
            target: where the next boot goes: `oobe` or `audit`.
            enable: ids of providers that do not run by default.
            disable: ids of providers that are not to run.
            sid_now: whether the machine gets its new SID now rather than at its first boot.

        Raises:
            CheckError: the image can't be generalized.
        """
        if target not in {"oobe", "audit"}:
            msg = f"{target} is no place that a boot can go to."
            raise UsageError(msg, "Say oobe or audit.")
        self._ask(
            "generalize", target=target, enable=[*enable], disable=[*disable], sid_now=sid_now
        )

    def run_provider(self, name: str) -> None:
        """Stage what one provider does, by its id, such as `recycle-bins`."""
        self._ask("run_provider", name)

    def commit(self, *, report: Iterable[str | Path] = ()) -> dict[str, Any]:
        """Write everything that was staged: it is done in the end, or the image is as it was.

        Args:
            report: files that keep the record of the run, as a page (.html) or data (.json).

        Returns:
            The record of the run; `reseal.report` has its schema.

        Raises:
            ImageError: the image is damaged, or reads back differently than it was written.
        """
        kept = [Path(one) for one in report]
        for path in kept:
            files.check(path)
        if self._channel is None:
            raise _closed(self._path)
        self._channel.send({"verb": COMMIT})
        self._channel.close()
        self._channel = None
        self._thread.join()
        if self._record is None:
            error, self._error = self._error, None
            raise error or _nonsense(self._path)
        if self._options.dry_run:
            self._record["result"] = "dry run"
        for path in kept:
            files.write(self._record, path)
        return self._record

    # The line to the worker

    def _run(self, service: Service, over: socket.socket) -> None:
        """Be the thread that owns the image."""
        try:
            job = Callables(service.job, service.recheck)
            self._record = change(self._path, job, self._options)
        except BaseException as error:  # noqa: BLE001  the caller's thread raises it
            self._error = error
        finally:
            over.close()

    def _ask(self, verb: str, *arguments: object, **options: object) -> Any:
        if self._channel is None:
            raise _closed(self._path)
        try:
            self._channel.send({"verb": verb, "arguments": arguments, "options": options})
        except OSError:
            self._end()
        return self._receive()

    def _receive(self) -> Any:
        assert self._channel
        try:
            message = self._channel.receive()
        except MessageError as error:
            raise _nonsense(self._path) from error
        if message is None:
            self._end()
        if "answer" in message:
            return message["answer"]
        kind = getattr(errors, str(message.get("error")), None)
        if not (isinstance(kind, type) and issubclass(kind, ResealError)):
            raise _nonsense(self._path)
        hint = message.get("hint")
        raise kind(str(message.get("message")), str(hint) if hint else None)

    def _end(self) -> NoReturn:
        """The worker is gone: say why."""
        if self._channel:
            self._channel.close()
            self._channel = None
        self._thread.join()
        error, self._error = self._error, None
        raise error or _nonsense(self._path)


def open_image(
    path: Path,
    *,
    volume: str | None,
    output: Path | None,
    thin: bool,
    dry_run: bool,
    allow_backing: bool,
    force: Iterable[str],
) -> OpenImage:
    """What `reseal.open` does once it is called."""
    switches = frozenset(checks.force(list(force)))
    options = RunOptions(
        volume=volume,
        output=output,
        thin=thin,
        dry_run=dry_run,
        allow_backing=allow_backing,
        switches=switches,
    )
    return OpenImage(path, options)


def _closed(path: Path) -> UsageError:
    return UsageError(
        f"{path} is not open.", "Use `with reseal.open(…) as image:` around the calls."
    )


def _nonsense(path: Path) -> ImageError:
    return ImageError(f"The engine gave no usable answer about {path}. The image was not changed.")
