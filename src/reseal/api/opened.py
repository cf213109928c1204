r"""An image opened from Python.

The engines parse hostile images in native code, so the session lives in a worker, and what is called
here is sent to it. The caller's process keeps the lock, the overlay and the commit, in a thread of its
own that lasts as long as the image is open.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import tempfile
import threading
import warnings
from collections.abc import Iterable
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self, TypeAlias

from reseal import checks, errors
from reseal.api.service import ABANDON, COMMIT, AbandonedError, Request, Service
from reseal.errors import ImageError, ResealError, UsageError
from reseal.messages import Channel, MessageError
from reseal.operations.answers import content
from reseal.operations.generalize import GeneralizeRequest
from reseal.operations.operation import HostPath, Writing, run
from reseal.operations.record import RunRecord, identity_text
from reseal.report import files
from reseal.run.outputs import Outputs, Render
from reseal.session import Change, Mark

#: Files of a request that the caller reads.
_FILES = ("unattend", "oobe_xml")
#: The switch of a run that discards a hibernated session.
_DISCARD = "discard-hibernation"
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

    def __init__(self, path: Path, writing: Writing, needs: dict[str, Any]) -> None:
        self._path = path
        self._writing = writing
        self._needs = needs
        self._channel: Channel | None = None
        self._record: RunRecord | None = None
        self._error: BaseException | None = None
        self._outputs = Outputs()

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
                service = Service(address, self._needs)
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
        """Set a REG_SZ value, creating its key as needed.

        Args:
            path: full path of the registry key.
            name: name of the value.
            text: the new data.
        """
        self._ask("set_text", path, name, text)

    def set_number(self, path: str, name: str, number: int) -> None:
        """Set a REG_DWORD value, creating its key as needed.

        Args:
            path: full path of the registry key.
            name: name of the value.
            number: the new data, an unsigned 32-bit number.
        """
        self._ask("set_number", path, name, number)

    def set_strings(self, path: str, name: str, strings: list[str]) -> None:
        """Set a REG_MULTI_SZ value, creating its key as needed.

        Args:
            path: full path of the registry key.
            name: name of the value.
            strings: the new data, one text for each entry.
        """
        self._ask("set_strings", path, name, strings)

    def set_value(self, path: str, name: str, kind: int, data: bytes) -> None:
        """Set a value of any type, by the type's number, creating its key as needed.

        Args:
            path: full path of the registry key.
            name: name of the value.
            kind: number of the registry type, such as 3 for REG_BINARY.
            data: the new data as stored.
        """
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

    # Whole operations

    def stage(self, request: Request) -> None:
        """Stage what a command does, such as `reseal specialize`.

        Several can be staged, one after another, but only one of those that bring the image to a state
        that is looked for in the end; steps of customizing and answer files do not.

        Args:
            request: one of `reseal.operations`. The answer files that it names are read here; what else
                it reads on this computer (drivers, what steps copy), `reseal.open` has in `reads`.

        Raises:
            CheckError: something in the image forbids it.
        """
        options = {one.name: _plain(getattr(request, one.name)) for one in fields(request)}
        for name in _FILES:
            if options.get(name) is not None:
                # The worker can't read files that it was not started with.
                options[name] = content(getattr(request, name))
        self._ask("stage", type(request).__name__, **options)

    def generalize(
        self,
        target: str = "oobe",
        *,
        enable: Iterable[str] = (),
        disable: Iterable[str] = (),
        sid_now: bool = False,
    ) -> None:
        """Stage a generalize run; `stage` with a `GeneralizeRequest` takes every option.

        Args:
            target: where the next boot goes: `oobe` or `audit`.
            enable: ids of providers that do not run by default.
            disable: ids of providers that are not to run.
            sid_now: whether the machine gets its new SID now rather than at its first boot.

        Raises:
            CheckError: the image can't be generalized.
        """
        asked = GeneralizeRequest(
            target=target, enable=tuple(enable), disable=tuple(disable), sid_now=sid_now
        )
        self.stage(asked)

    def run_provider(self, name: str) -> None:
        """Stage what one provider does, by its id, such as `recycle-bins`."""
        self._ask("run_provider", name)

    def commit(
        self, *, report: Iterable[HostPath] = (), save_identity_as: HostPath | None = None
    ) -> dict[str, Any]:
        """Write all staged changes, or leave the image as it was.

        Args:
            report: files that keep the record of the run, as a page (.html) or data (.json).
            save_identity_as: a file that keeps the identity that the machine had when it was opened, for
                `reseal verify --identity`.

        Returns:
            The record of the run; `reseal.report` has its schema.

        Raises:
            ImageError: the image is damaged, or reads back differently than it was written.
        """
        if self._channel is None:
            raise _closed(self._path)
        # The thread that owns the image waits for a request meanwhile.
        for path in map(Path, report):
            files.check(path)
            self._keep(path, partial(files.render, path=path))
        if save_identity_as:
            self._keep(Path(save_identity_as), identity_text, private=True)
        self._channel.send({"verb": COMMIT})
        self._channel.close()
        self._channel = None
        self._thread.join()
        if self._record is None:
            error, self._error = self._error, None
            raise error or _nonsense(self._path)
        return dict(self._record)

    def _keep(self, path: Path, render: Render, *, private: bool = False) -> None:
        """Write a file before the image changes, and name it when that is done."""
        inputs = (one for one in (self._path, self._writing.output) if one)
        self._outputs.add(path, render, inputs=inputs, private=private)

    # The line to the worker

    def _run(self, service: Service, over: socket.socket) -> None:
        """Be the thread that owns the image."""
        try:
            self._record = run(self._path, service, self._writing, outputs=self._outputs)
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
        """Raise the error with which the worker ended."""
        if self._channel:
            self._channel.close()
            self._channel = None
        self._thread.join()
        error, self._error = self._error, None
        raise error or _nonsense(self._path)


def open_image(
    path: Path,
    writing: Writing,
    *,
    force: Iterable[str],
    reads: Iterable[HostPath],
    chkdsk_at_boot: bool,
    discard_hibernation: bool,
) -> OpenImage:
    """Carry out `reseal.open`.

    Args:
        path: the image.
        writing: how the image is opened, and where the changed image goes.
        force: ids of checks whose errors don't stop `generalize`.
        reads: files and folders of this computer that operations read once the image is open.
        chkdsk_at_boot: whether Windows checks the volume at its next boot.
        discard_hibernation: whether what Windows had in memory is discarded.
    """
    switches = checks.force(list(force)) | ({_DISCARD} if discard_hibernation else set())
    needs = {
        "switches": frozenset(switches),
        "reads": tuple(map(Path, reads)),
        "chkdsk_at_boot": chkdsk_at_boot,
    }
    return OpenImage(path, writing, needs)


def _plain(value: Any) -> Any:
    """What an option is as JSON has it."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return value
    return [_plain(one) for one in value]


def _closed(path: Path) -> UsageError:
    return UsageError(
        f"{path} is not open.", "Use `with reseal.open(…) as image:` around the calls."
    )


def _nonsense(path: Path) -> ImageError:
    return ImageError(f"The engine gave no usable answer about {path}. The image was not changed.")
