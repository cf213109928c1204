"""What a session knows about the disk of its installation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reseal.disk import Device


@dataclass(frozen=True, slots=True)
class VolumeState:
    """The state of the file system.

    Attributes:
        dirty: the volume flag that makes Windows run chkdsk.
        log_clean: whether `$LogFile` needs no replay.
        hibernation: `none`, `hibernated` or `fast startup`.
        shadow_copies: number of shadow copies (restore points) on the volume.
        journal: whether the volume has a USN journal.
        encrypted: whether BitLocker encrypts the volume.
    """

    dirty: bool
    log_clean: bool
    hibernation: str
    shadow_copies: int
    journal: bool = False
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The other installations and volumes on the disk.

    Attributes:
        installations: the other installations, in the notation of `--volume`.
        encrypted_volumes: numbers of the volumes that BitLocker encrypts.
        damaged_volumes: number of unreadable volumes, which may hold another Windows.
        closed_volumes: all volumes that can't be opened: a description by number.
    """

    installations: tuple[str, ...] = ()
    encrypted_volumes: tuple[int, ...] = ()
    damaged_volumes: int = 0
    closed_volumes: Mapping[int, str] = field(default_factory=dict)

    @property
    def none(self) -> bool:
        """Whether the disk certainly has no other Windows."""
        return not (self.installations or self.encrypted_volumes or self.damaged_volumes)


@dataclass(frozen=True, slots=True)
class Part:
    """One volume of the disk, below its file system.

    Attributes:
        number: number of the partition, from 1.
        device: the device that the volume fills.
        system: whether it holds the installation.
    """

    number: int
    device: Device
    system: bool
