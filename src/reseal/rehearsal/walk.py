"""What the stages of one boot share: the image, the machine, and what earlier stages found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from reseal.bcd import BcdObject
from reseal.disk import Device, VolumeRange
from reseal.disk.partitions import volumes
from reseal.drivers.boot import BootDrivers
from reseal.drivers.signature import Executable
from reseal.errors import ImageError, NoWindowsError
from reseal.rehearsal.machines import Machine
from reseal.rehearsal.signature_lists import Lists
from reseal.run import boot_stores
from reseal.session import Session
from reseal.session.boot_store import BootStore, FileSystem
from reseal.sysprep.boot import Standing
from reseal.tree import Stat, TreeError, join
from reseal.unattend.present import Existing, existing
from reseal.windows import Installation
from reseal.windows.registry import Registry
from reseal.windows.values import number

UEFI, BIOS = "uefi", "bios"
#: Bytes in which the headers of a program are.
_HEAD = 4096
#: Programs are found with these endings (documented, CreateProcess and cmd.exe).
_ENDINGS = ("", ".exe", ".cmd", ".bat", ".com")


@dataclass
class Walk:
    """A walk through the boot of one image on one machine.

    Attributes:
        opened: the opened installation with its staged changes; None if no Windows could be opened.
        trouble: why there is none.
        absent: whether the image has no Windows at all.
        disk: the whole disk; None for a folder, or an image of a WIM.
        machine: the machine; None for any.
        asked_firmware: the firmware that was asked for; None to derive it.
        secure_boot: `2011`, `2023` or `off`; None if unknown.
        dbx: what the firmware has revoked; None if unknown.
        system: the partition that the firmware starts from, once known.
        store: the boot store, once known.
        loader: the entry of the store that would start, once known.
        loader_volume: the number of the volume with the loader's file, once known.
        elsewhere: whether that entry starts another Windows than the opened one.
        control_set: the control set that the loader takes, once known.
    """

    opened: Session | None
    trouble: str = ""
    absent: bool = False
    disk: Device | None = None
    machine: Machine | None = None
    asked_firmware: str | None = None
    secure_boot: str | None = None
    dbx: Lists | None = None
    system: VolumeRange | None = None
    store: BootStore | None = None
    loader: BcdObject | None = None
    loader_volume: int | None = None
    elsewhere: bool = False
    control_set: str | None = None
    stopped: list[str] = field(default_factory=list)

    # The Windows

    @property
    def session(self) -> Session:
        """The opened installation. Raises NoWindowsError if there is none."""
        if self.opened is None:
            raise NoWindowsError(self.trouble or "No Windows was found.")
        return self.opened

    @property
    def installation(self) -> Installation:
        """The Windows installation."""
        return self.session.installation

    @property
    def registry(self) -> Registry:
        """Its registry, with staged changes."""
        return self.session.registry

    @cached_property
    def build(self) -> int:
        """Its build; 0 if unknown."""
        try:
            return self.installation.build or 0
        except ImageError:  # a stage that reads the hive says so
            return 0

    @cached_property
    def architecture(self) -> str | None:
        """Its architecture, `amd64`, `x86` or `arm64`; None if unknown."""
        try:
            return self.installation.architecture
        except ImageError:
            return None

    def stat(self, path: str) -> Stat | None:
        """Describe a file of the Windows volume; None if there is none, or behind a link."""
        try:
            found = self.session.files.stat(path)
        except TreeError:
            return None
        return None if found is None or found.is_directory else found

    def other_architecture(self, path: str, stat: Stat) -> str | None:
        """Return "is for ARCHITECTURE" for a program of another one than Windows'; else None."""
        if not self.architecture:
            return None
        try:
            found = Executable.read(self.session.files.head(path, _HEAD), stat.size)
        except TreeError:
            return None
        if found is None or found.architecture == self.architecture:
            return None
        return f"is for {found.architecture or 'another machine'}, not for {self.architecture}"

    def system32(self, *parts: str) -> str:
        """A path in System32."""
        return self.installation.path("System32", *parts)

    def program(self, command: str) -> tuple[str, bool | None]:
        r"""Return the program of a command line, and whether the image has it.

        It is None where that can't be told: a path outside the image, or with unknown variables. A name
        without a path is looked for in System32 and the Windows folder.
        """
        text = command.strip()
        if text.startswith('"'):
            name = text[1:].partition('"')[0]
            return name, self._has(name)
        words = text.split(" ")
        # Windows tries each prefix that ends before a space (documented, CreateProcess).
        for end in range(1, min(len(words), 20) + 1):
            name = " ".join(words[:end])
            if self._has(name):
                return name, True
        return words[0], self._has(words[0])

    def _has(self, name: str) -> bool | None:
        if not name:
            return False
        if "\\" not in name.replace("/", "\\"):
            folders = [self.system32(), self.installation.root]
            return any(self._file(join(one, name + end)) for one in folders for end in _ENDINGS)
        text = name.replace("/", "\\")
        if "%" in text.lower().replace("%systemroot%", "").replace("%windir%", "").replace(
            "%systemdrive%", ""
        ):
            return None
        if not text.startswith(("\\", "%")) and ":" not in text:
            folders = [self.system32(), self.installation.root]
            return any(self._file(join(one, text + end)) for one in folders for end in _ENDINGS)
        path = self.registry.path_of(text)
        if path is None:
            return None
        return any(self._file(path + end) for end in _ENDINGS)

    def _file(self, path: str) -> bool:
        """Return whether there is a file that is not empty."""
        found = self.stat(path)
        return found is not None and found.size > 0

    @cached_property
    def drivers(self) -> BootDrivers:
        """The drivers of the control set that the loader takes."""
        return BootDrivers(self.registry, self.control_set or self.registry.control_sets[0])

    @property
    def root(self) -> str:
        """The path of that control set."""
        name = self.control_set or self.registry.control_sets[0]
        return rf"HKLM\SYSTEM\{name}"

    @property
    def services(self) -> str:
        """The path of its services."""
        return rf"{self.root}\Services"

    @property
    def control(self) -> str:
        """The path of its Control key."""
        return rf"{self.root}\Control"

    @cached_property
    def memory_integrity(self) -> bool:
        """Whether Memory integrity (HVCI) is on (documented: Microsoft, Enable memory integrity)."""
        place = rf"{self.control}\DeviceGuard\Scenarios\HypervisorEnforcedCodeIntegrity"
        return number(self.registry.key(place), "Enabled") == 1

    # What Setup does

    @cached_property
    def standing(self) -> Standing:
        """Where the image is in the state machine of Setup."""
        return Standing.of(self.registry)

    @cached_property
    def runs_setup(self) -> bool:
        """Whether the next boot runs windeploy.exe."""
        command = self.standing.cmd_line or ""
        return bool(self.standing.setup_type) and "windeploy" in command.lower()

    @cached_property
    def answer_files(self) -> list[Existing]:
        """The answer files that Windows would find on its volume, in its order."""
        return existing(self.session)

    # The disk

    @cached_property
    def ranges(self) -> list[VolumeRange]:
        """The partitions of the disk; empty without a disk, or with a damaged table."""
        try:
            found = volumes(self.disk) if self.disk else []
        except ImageError:
            return []
        return found

    @property
    def scheme(self) -> str | None:
        """`gpt` or `mbr`; None for a bare volume, and without a disk."""
        return next((one.scheme for one in self.ranges if one.scheme != "none"), None)

    @property
    def partitioned(self) -> bool:
        """Whether there is a disk that should have a partition table."""
        return self.disk is not None and not any(one.scheme == "none" for one in self.ranges)

    @cached_property
    def firmware(self) -> str | None:
        """`uefi` or `bios`: as asked for, as the machine has it, or as the partition table needs it."""
        if self.asked_firmware:
            return self.asked_firmware
        fitting = {"gpt": UEFI, "mbr": BIOS}.get(self.scheme or "")
        if self.machine and fitting not in self.machine.firmware:
            return self.machine.firmware[0]
        return fitting or (BIOS if self.partitioned else None)

    @property
    def firmware_assumed(self) -> bool:
        """Whether the partition table alone says what the firmware is."""
        open_ = self.machine is None or len(self.machine.firmware) > 1
        return self.firmware is not None and not self.asked_firmware and open_

    @property
    def windows_partition(self) -> VolumeRange | None:
        """The partition that holds the opened Windows."""
        if self.opened is None:
            return None
        number = self.opened.installation.volume
        return next((one for one in self.ranges if one.number == number), None)

    @contextmanager
    def volume(self, place: VolumeRange) -> Iterator[FileSystem | None]:
        """Open a volume of the disk; yield None if it is neither FAT nor NTFS.

        Raises:
            ImageError: the volume is damaged.
        """
        assert self.disk
        with boot_stores.opened(self.disk, place, "the image") as volume:
            yield volume
