"""Find the Windows installations of a medium, in the worker."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from reseal import bitlocker
from reseal.bitlocker import LockedError, MetadataError
from reseal.disk import Slice
from reseal.disk.partitions import VolumeRange, volumes
from reseal.errors import CheckError, ImageError, NoWindowsError
from reseal.ntfs import BitLockerError, NotNtfsError, Volume, shadow_copies
from reseal.run import boot_stores
from reseal.run.closed import why
from reseal.session.surroundings import Neighbours, Part, VolumeState
from reseal.windows import Installation, find_installations
from reseal.windows.volumes import Volumes, mounted_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from reseal.bitlocker import Key
    from reseal.disk import Device
    from reseal.session.boot_store import BootStore
    from reseal.tree import Tree
    from reseal.worker import Report

_BITLOCKER_CODE = "0x80310039"


@dataclass(frozen=True, slots=True)
class Found:
    """An installation and its volume.

    Attributes:
        installation: the Windows installation.
        place: the place of its volume on the disk; None in a folder.
        volume: the volume, open read-only; None in a folder.
        neighbours: the other installations and volumes on the disk.
        parts: the volumes of the disk, below their file systems; empty in a folder.
        boot_stores: finds the stores that the disk can start from; none in a folder.
        encrypted: whether BitLocker encrypts the volume.
        disk: the whole disk; None in a folder.
        report: takes `{"progress": …, "done": …, "total": …}` as the work goes on.
    """

    installation: Installation
    place: VolumeRange | None = None
    volume: Volume | None = None
    neighbours: Neighbours = field(default_factory=Neighbours)
    parts: tuple[Part, ...] = ()
    boot_stores: Callable[[], list[BootStore]] = list
    encrypted: bool = False
    disk: Device | None = None
    report: Report = lambda _: None

    @property
    def state(self) -> VolumeState | None:
        """The state of the file system; None in a folder."""
        if self.volume is None:
            return None
        return VolumeState(
            dirty=self.volume.dirty,
            log_clean=self.volume.state.log_clean,
            hibernation=self.volume.state.hibernation,
            shadow_copies=len(shadow_copies.stores(self.volume)),
            journal=self.volume.state.journal,
            encrypted=self.encrypted,
        )

    @property
    def name(self) -> str:
        """Its name for `--volume`."""
        return f"{self.installation.volume}:{self.installation.root}"


@contextmanager
def installations(
    device: Device,
    subject: str,
    *,
    ignore_logs: bool = False,
    keys: tuple[Key, ...] | None = None,
) -> Iterator[list[Found]]:
    """Open all NTFS volumes of a disk and yield the installations on them.

    Args:
        device: the disk.
        subject: name of the image in messages.
        ignore_logs: whether to read hives without their logs.
        keys: keys for volumes that BitLocker encrypts; None keeps them closed.

    Raises:
        CheckError: no installation was found, and a volume that BitLocker encrypts was not opened.
        ImageError: no installation was found.
    """
    ranges = volumes(device)
    disk = _Volumes({one.number: Slice(device, one.offset, one.size) for one in ranges})
    with ExitStack() as stack:
        for one in ranges:
            if opened := disk.open(one, volume_name(one, subject), keys):
                stack.callback(opened.volume.close)
        # Of a disk and a copy of it in one machine, the first is meant: Windows takes the other offline.
        partitions = {data: one.number for one in ranges[::-1] if (data := mounted_as(one))}
        # A volume with another Windows belongs to that one.
        free = {
            number: partial(_open_already, other.volume)
            for number, other in disk.opened.items()
            if not other.roots
        }
        stores = partial(boot_stores.find, device, subject)
        found: list[Found] = []
        for number, readable in disk.opened.items():
            parts = tuple(Part(*each, system=each[0] == number) for each in disk.below.items())
            for root in readable.roots:
                installation = Installation(
                    readable.volume,
                    root,
                    volume=number,
                    volumes=Volumes(readable.volume, free, partitions),
                    ignore_logs=ignore_logs,
                )
                found.append(
                    Found(
                        installation,
                        readable.place,
                        readable.volume,
                        parts=parts,
                        boot_stores=stores,
                        encrypted=readable.encrypted,
                        disk=device,
                    )
                )
        if not found:
            ways = {number: bitlocker.offers(disk.below[number]) for number in disk.locked}
            raise _nothing(subject, ranges, disk.locked, ways, disk.broken)
        yield _acquainted(found, tuple(disk.locked), len(disk.broken), disk.closed)


@dataclass(frozen=True, slots=True)
class _Readable:
    """An open NTFS volume: where it lies, the Windows folders on it, and whether BitLocker encrypts it."""

    place: VolumeRange
    volume: Volume
    roots: list[str]
    encrypted: bool


@dataclass(slots=True)
class _Volumes:
    """The volumes of a disk while they are opened.

    Attributes:
        below: the device of each volume, by number; a decrypting one where BitLocker was unlocked.
        opened: the NTFS volumes.
        closed: why another volume could not be opened.
        locked: the volumes that BitLocker keeps closed, with the error of a key that was tried.
        broken: the errors of damaged volumes.
    """

    below: dict[int, Device]
    opened: dict[int, _Readable] = field(default_factory=dict)
    closed: dict[int, str] = field(default_factory=dict)
    locked: dict[int, LockedError | None] = field(default_factory=dict)
    broken: list[ImageError] = field(default_factory=list)

    def open(self, place: VolumeRange, name: str, keys: tuple[Key, ...] | None) -> _Readable | None:
        """Open a volume; None where that is not possible, which is noted.

        Args:
            place: where the volume lies.
            name: the volume in messages.
            keys: keys for BitLocker; None keeps encrypted volumes closed.
        """
        number = place.number
        try:
            coded = bool(bitlocker.encrypted(self.below[number]))
            if coded and keys is not None:
                self.below[number] = bitlocker.OpenVolume.open(self.below[number], keys, name)
            volume = Volume.open(self.below[number], read_only=True, name=name)
        except (BitLockerError, LockedError) as error:
            self.locked[number] = error if isinstance(error, LockedError) else None
            self.closed[number] = "encrypted with BitLocker"
        except NotNtfsError:
            if reason := why(place, self.below[number]):
                self.closed[number] = reason
        except ImageError as error:
            self.broken.append(error)
            reason = error.message.rstrip(".")
            self.closed[number] = f"damaged ({reason})"
            if isinstance(error, MetadataError):
                self.closed[number] = f"encrypted with BitLocker ({reason})"
                self.locked[number] = None
        else:
            self.opened[number] = _Readable(place, volume, find_installations(volume), coded)
        return self.opened.get(number)


def volume_name(place: VolumeRange, subject: str) -> str:
    """Return the name of a volume in messages."""
    return f"volume {place.number} of {subject}" if place.scheme != "none" else subject


def _open_already(volume: Volume) -> Volume:
    return volume


class OpenedTree:
    """A tree of files as `reseal.run.medium.Opened`: a folder, or a readable image of a WIM.

    Attributes:
        subject: name of the medium in messages.
    """

    def __init__(self, tree: Tree, subject: str, nothing: ImageError, *, volume: int) -> None:
        """Create the opened medium.

        Args:
            tree: the files.
            subject: name of the medium in messages.
            nothing: the error to raise if the tree has no Windows.
            volume: the number of the tree as a volume.
        """
        self.subject = subject
        self._tree = tree
        self._nothing = nothing
        self._volume = volume

    @property
    def traffic(self) -> None:
        """None: traffic is not counted."""

    @contextmanager
    def installations(self, *, ignore_logs: bool = False) -> Iterator[list[Found]]:
        """Yield the installations in the tree."""
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
    """Set the neighbours of each installation."""

    def neighbours(one: Found) -> Neighbours:
        others = tuple(other.name for other in found if other is not one)
        return Neighbours(others, encrypted_volumes, damaged_volumes, closed_volumes)

    return [replace(one, neighbours=neighbours(one)) for one in found]


def choose(found: list[Found], volume: str | None, subject: str) -> Found:
    """Choose the installation to work on.

    Args:
        found: all installations.
        volume: the value of `--volume`: a number, or `number:folder`.
        subject: name of the image in messages.

    Raises:
        CheckError: none of several was chosen, or the chosen one does not exist.
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
        msg = f"{subject} has several Windows installations: {listed}. Nothing was changed."
    raise CheckError(msg, "Choose one with --volume, for example --volume " + found[0].name)


def _nothing(
    subject: str,
    ranges: list[VolumeRange],
    closed: dict[int, LockedError | None],
    ways: dict[int, str | None],
    broken: list[ImageError],
) -> CheckError | ImageError:
    for locked in closed.values():
        if locked:
            return locked
    damaged = next((one for one in broken if isinstance(one, MetadataError)), None)
    if damaged:
        return damaged
    if closed:
        numbers = ", ".join(map(str, closed))
        offered = ", ".join(sorted({way for way in ways.values() if way}))
        opens = f" It can be opened with: {offered}." if offered else ""
        return CheckError(
            f"BitLocker is on for volume {numbers} of {subject}, and no Windows was found elsewhere."
            f"{opens} Turn BitLocker off to generalize it ({_BITLOCKER_CODE}). Nothing was changed.",
            "Add --decrypt, where the command has it, or run reseal decrypt first; a volume without a "
            "clear key needs --key, too. Or boot the image, run `manage-bde -off C:`, wait until it is "
            "decrypted, and shut it down.",
        )
    if broken:
        return broken[0]
    schemes = ", ".join(f"{one.number} ({one.type or one.scheme})" for one in ranges) or "none"
    return NoWindowsError(
        f"{subject} has no Windows installation (volumes: {schemes}). Nothing was changed.",
        "A Windows installation is a folder in the root of an NTFS volume with "
        r"System32\config\SYSTEM in it.",
    )
