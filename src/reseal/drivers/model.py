"""What a package has for a device: models, configurations, services."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseal.drivers.addreg import Setting

#: A name of a file, a section or a service that can stand in a path and in a key.
_NAME = re.compile(r'[^\\/:*?"<>|\x00-\x1f]{1,200}')
_NO_NAMES = (".", " ")


def is_name(text: str) -> bool:
    """Whether it can be the name of a file in Windows, of a section or of a service."""
    return bool(_NAME.fullmatch(text)) and not text.endswith(_NO_NAMES)


@dataclass(frozen=True, slots=True)
class Model:
    """A device that the package is for.

    Attributes:
        manufacturer: as the file writes it, mostly a `%token%`.
        description: the same for the device's name.
        install: its install section, as the file spells it.
        hardware_id: None where the line names compatible devices alone.
        compatible_ids: of devices that the driver can be used for, too.
    """

    manufacturer: str
    description: str
    install: str
    hardware_id: str | None
    compatible_ids: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them, the hardware id first."""
        return ((self.hardware_id,) if self.hardware_id else ()) + self.compatible_ids


@dataclass(frozen=True, slots=True)
class Service:
    """A driver that the package installs.

    Attributes:
        name: of the service.
        function: whether it is the driver of the device, and not of a filter.
        type: SERVICE_…_DRIVER, 1 for a driver of the kernel.
        start: 0 at boot, 3 when the device is found.
        error_control: what a failure means.
        binary: the file, mostly below a `%directory id%`.
        group: its load order group.
        display_name: what people read.
        settings: values below its key.
    """

    name: str
    function: bool
    type: int
    start: int
    error_control: int
    binary: str
    group: str | None
    display_name: str | None
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What one install section does to a device.

    Attributes:
        name: the section's.
        services: the drivers; none for a device that needs none.
        device: settings of the device, without its filters.
        driver: settings of the device's driver key.
        filters: `UpperFilters` and `LowerFilters`, where there are any.
    """

    name: str
    services: tuple[Service, ...]
    device: tuple[Setting, ...]
    driver: tuple[Setting, ...]
    filters: dict[str, Setting] = field(default_factory=dict)

    @property
    def driver_service(self) -> str | None:
        """The name of the device's own driver."""
        return next((one.name for one in self.services if one.function), None)
