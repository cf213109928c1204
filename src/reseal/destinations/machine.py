"""What an image says about the machine that can run it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from reseal.disk.partitions import volumes
from reseal.drivers.storage import Ready, storage_drivers
from reseal.errors import ImageError
from reseal.windows import services

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reseal.session import Session

#: Windows 11 asks for a TPM 2.0 (documented: Microsoft, Windows 11 requirements).
_WINDOWS_11 = 22000
#: The first Windows 8 and Server 2012, which start with Secure Boot (documented: Microsoft, Secure boot).
_WINDOWS_8 = 9200
#: The buses of a disk by `reseal.drivers.storage`, the fastest first; every Windows since Vista has SATA.
_BUSES = {
    "virtio SCSI (vioscsi)": "virtio-scsi",
    "virtio block (viostor)": "virtio",
    "SATA (AHCI)": "sata",
    "IDE": "ide",
}
_NETWORK_DRIVER = "netkvm"
_AGENT = "QEMU-GA"


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine for which an image is made.

    Attributes:
        firmware: `uefi` or `bios`.
        architecture: `amd64`, `x86` or `arm64`.
        product_name: such as `Windows 11 Pro`.
        edition: such as `Professional`.
        build: the build number; 0 if unknown.
        server: whether it is a Windows Server.
        size: bytes of the disk.
        bus: how the disk is attached: `virtio-scsi`, `virtio`, `sata` or `ide`, by the drivers that start
            at boot.
        network: `virtio`, or `e1000e` where the driver for virtio is missing.
        agent: whether the QEMU guest agent is installed.
    """

    firmware: str
    architecture: str
    product_name: str
    edition: str
    build: int
    server: bool
    size: int
    bus: str
    network: str
    agent: bool

    @property
    def tpm(self) -> bool:
        """Whether the machine needs a TPM 2.0, as Windows 11 does."""
        return not self.server and self.build >= _WINDOWS_11 and self.firmware == "uefi"

    @property
    def secure_boot(self) -> bool:
        """Whether this Windows can start with Secure Boot."""
        return self.firmware == "uefi" and self.build >= _WINDOWS_8

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Machine:
        """Return the machine that plain data describes."""
        return cls(**{name: facts[name] for name in cls.__slots__})


def machine_of(session: Session) -> Machine:
    """Describe the machine of a session's image, with its staged changes.

    Args:
        session: a session on a disk.
    """
    installation, registry = session.installation, session.registry
    device = session.disk
    assert device

    def exists(path: str) -> bool:
        stat = session.files.stat(path)
        return stat is not None and not stat.is_directory

    try:
        found = storage_drivers(registry, exists)
    except ImageError:
        found = []
    ready = {one.controller.name for one in found if one.ready is Ready.STARTS}
    bus = next((bus for name, bus in _BUSES.items() if name in ready), "sata")
    network = services.installed(registry, _NETWORK_DRIVER)
    return Machine(
        firmware=_firmware(session),
        architecture=installation.architecture or "amd64",
        product_name=installation.product_name or "Windows",
        edition=installation.edition or "",
        build=installation.build or 0,
        server=installation.is_server,
        size=device.size,
        bus=bus,
        network="virtio" if network else "e1000e",
        agent=services.installed(registry, _AGENT),
    )


def _firmware(session: Session) -> str:
    """Return what starts the disk: by its boot stores, or by its partition table."""
    firmware = {store.firmware for store in session.boot_stores}
    if len(firmware) == 1:
        return firmware.pop()
    assert session.disk
    return "uefi" if volumes(session.disk)[0].scheme == "gpt" else "bios"
