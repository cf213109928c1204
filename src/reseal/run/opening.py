"""Find the Windows installations of a medium, in the process that runs the engines."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from reseal.disk import Slice
from reseal.disk.partitions import VolumeRange, volumes
from reseal.errors import CheckError, ImageError
from reseal.ntfs import BitLockerError, NotNtfsError, Volume, shadow_copies
from reseal.run import boot_stores
from reseal.run.closed import why
from reseal.session.surroundings import Neighbours, Part, VolumeState
from reseal.windows import Installation, find_installations
from reseal.windows.volumes import Volumes, mounted_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from reseal.disk import Device
    from reseal.session.boot_store import BootStore
    from reseal.tree import Tree

_BITLOCKER_CODE = "0x80310039"


@dataclass(frozen=True, slots=True)
class Found:
    """An installation, and the volume that holds it.

    Attributes:
        installation: the Windows.
        place: where its volume lies on the disk; None in a folder.
        volume: the volume, opened to be read only; None in a folder.
        neighbours: what the disk holds beside it.
        parts: the volumes of the disk, below their file systems; none in a folder.
        boot_stores: finds the stores that the disk can start from; none in a folder.
    """

    installation: Installation
    place: VolumeRange | None = None
    volume: Volume | None = None
    neighbours: Neighbours = field(default_factory=Neighbours)
    parts: tuple[Part, ...] = ()
    boot_stores: Callable[[], list[BootStore]] = list

    @property
    def state(self) -> VolumeState | None:
        """What the file system says of its state; None in a folder."""
        if self.volume is None:
            return None
        return VolumeState(
            dirty=self.volume.dirty,
            log_clean=self.volume.state.log_clean,
            hibernation=self.volume.state.hibernation,
            shadow_copies=len(shadow_copies.stores(self.volume)),
            journal=self.volume.state.journal,
        )

    @property
    def name(self) -> str:
        """How `--volume` names it."""
        return f"{self.installation.volume}:{self.installation.root}"


@contextmanager
def installations(
    device: Device, subject: str, *, ignore_logs: bool = False
) -> Iterator[list[Found]]:
    """Open every NTFS volume of a disk and yield the installations on them.

    Args:
        device: the disk.
        subject: the image's name, for messages.
        ignore_logs: whether hives are read without their logs.

    Raises:
        CheckError: there is none, and a volume is encrypted with BitLocker.
        ImageError: there is none.
    """
    opened: dict[int, tuple[VolumeRange, Volume, list[str]]] = {}
    encrypted: list[int] = []
    broken: list[ImageError] = []
    closed: dict[int, str] = {}
    ranges = volumes(device)
    below = {one.number: Slice(device, one.offset, one.size) for one in ranges}
    stores = partial(boot_stores.find, device, subject)
    with ExitStack() as stack:
        for one in ranges:
            name = f"volume {one.number} of {subject}" if one.scheme != "none" else subject
            try:
                volume = Volume.open(below[one.number], read_only=True, name=name)
            except BitLockerError:
                encrypted.append(one.number)
                closed[one.number] = "encrypted with BitLocker"
                continue
            except NotNtfsError:
                if reason := why(one, below[one.number]):
                    closed[one.number] = reason
                continue
            except ImageError as error:
                broken.append(error)
                closed[one.number] = f"damaged: {error.message}"
                continue
            stack.callback(volume.close)
            opened[one.number] = one, volume, find_installations(volume)
        # A volume that holds another Windows is that one's.
        free = {number: volume for number, (_, volume, roots) in opened.items() if not roots}
        partitions = {data: one.number for one in ranges if (data := mounted_as(one))}
        found: list[Found] = []
        for number, (one, volume, roots) in opened.items():
            parts = tuple(Part(*each, system=each[0] == number) for each in below.items())
            for root in roots:
                others = {other: partial(_open_already, free[other]) for other in free}
                installation = Installation(
                    volume,
                    root,
                    volume=number,
                    volumes=Volumes(volume, others, partitions),
                    ignore_logs=ignore_logs,
                )
                found.append(Found(installation, one, volume, parts=parts, boot_stores=stores))
        if not found:
            raise _nothing(subject, ranges, encrypted, broken)
        yield _acquainted(found, tuple(encrypted), len(broken), closed)


def _open_already(volume: Volume) -> Volume:
    return volume


class OpenedTree:
    """Files in the worker, as `reseal.run.medium.Opened`: a folder, or an image of a WIM to be read.

    Attributes:
        subject: what messages call it.
    """

    def __init__(self, tree: Tree, subject: str, nothing: ImageError, *, volume: int) -> None:
        """Take the files.

        Args:
            tree: the files.
            subject: what messages call them.
            nothing: what is raised where no Windows is among them.
            volume: the number that they have as a volume.
        """
        self.subject = subject
        self._tree = tree
        self._nothing = nothing
        self._volume = volume

    @property
    def traffic(self) -> None:
        """None: it is not counted."""

    @contextmanager
    def installations(self, *, ignore_logs: bool = False) -> Iterator[list[Found]]:
        """Yield the installations in the files."""
        roots = find_installations(self._tree)
        if not roots:
            raise self._nothing
        here = partial(Installation, self._tree, volume=self._volume, ignore_logs=ignore_logs)
        yield _acquainted([Found(here(root)) for root in roots])


def _acquainted(
    found: list[Found],
    encrypted_volumes: tuple[int, ...] = (),
    damaged_volumes: int = 0,
    closed_volumes: Mapping[int, str] = MappingProxyType({}),
) -> list[Found]:
    """Tell every installation what else there is."""

    def neighbours(one: Found) -> Neighbours:
        others = tuple(other.name for other in found if other is not one)
        return Neighbours(others, encrypted_volumes, damaged_volumes, closed_volumes)

    return [replace(one, neighbours=neighbours(one)) for one in found]


def choose(found: list[Found], volume: str | None, subject: str) -> Found:
    """Choose the installation to work on.

    Args:
        found: all of them.
        volume: what `--volume` said: a number, or `number:folder`.
        subject: the image's name, for messages.

    Raises:
        CheckError: there are several and none was chosen, or the chosen one does not exist.
    """
    wanted = found
    if volume is not None:
        number, _, root = volume.partition(":")
        wanted = [
            one
            for one in found
            if str(one.installation.volume) == number
            and (not root or one.installation.root.lower() == root.strip("\\/").lower())
        ]
    if len(wanted) == 1:
        return wanted[0]
    listed = ", ".join(
        f"{one.name} ({one.installation.product_name or 'unknown'})" for one in found
    )
    if not wanted:
        msg = f"{subject} has no Windows in volume {volume}; it has {listed}. Nothing was changed."
    else:
        msg = f"{subject} holds several Windows installations: {listed}. Nothing was changed."
    raise CheckError(msg, "Choose one with --volume, for example --volume " + found[0].name)


def _nothing(
    subject: str, ranges: list[VolumeRange], encrypted: list[int], broken: list[ImageError]
) -> CheckError | ImageError:
    if encrypted:
        numbers = ", ".join(map(str, encrypted))
        return CheckError(
            f"BitLocker is on for volume {numbers} of {subject}, and no Windows was found elsewhere. "
            f"Turn BitLocker off to generalize it ({_BITLOCKER_CODE}). Nothing was changed.",
            "Boot the image, run `manage-bde -off C:`, wait until it is decrypted, and shut it down.",
        )
    if broken:
        return broken[0]
    schemes = ", ".join(f"{one.number} ({one.type or one.scheme})" for one in ranges) or "none"
    return ImageError(
        f"{subject} holds no Windows installation (volumes: {schemes}). Nothing was changed.",
        "A Windows installation is a folder in the root of an NTFS volume with "
        r"System32\config\SYSTEM in it.",
    )
