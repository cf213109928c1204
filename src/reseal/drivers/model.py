"""A package's data for a device: models, configurations, services."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from reseal.drivers.addreg import Setting

#: Names of files, sections or services that are valid in paths and as keys.
_NAME = re.compile(r'[^\\/:*?"<>|\x00-\x1f]{1,200}')
_NO_NAMES = (".", " ")


def is_name(text: str) -> bool:
    """Return whether a text is a valid name of a file in Windows, of a section or of a service."""
    return bool(_NAME.fullmatch(text)) and not text.endswith(_NO_NAMES)


@dataclass(frozen=True, slots=True)
class Model:
    """A device that the package supports.

    Attributes:
        manufacturer: as the file writes it, usually a `%token%`.
        description: the device's name, likewise.
        install: its install section, as the file spells it.
        hardware_id: the hardware id; None if the line names only compatible devices.
        compatible_ids: ids of other devices that can use the driver.
    """

    manufacturer: str
    description: str
    install: str
    hardware_id: str | None
    compatible_ids: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids, the hardware id first."""
        return ((self.hardware_id,) if self.hardware_id else ()) + self.compatible_ids


@dataclass(frozen=True, slots=True)
class Service:
    """A driver that the package installs.

    Attributes:
        name: the service's name.
        function: whether it drives the device itself, rather than being a filter.
        type: SERVICE_…_DRIVER, 1 for a kernel driver.
        start: 0 at boot, 3 when the device is found.
        error_control: how Windows reacts to a failure.
        binary: the file, usually below a `%directory id%`.
        group: its load order group.
        display_name: the displayed name.
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
    """The effect of one install section on a device.

    Attributes:
        name: the section's name.
        services: the drivers; empty for a device that needs none.
        device: settings of the device, without its filters.
        driver: settings of the device's driver key.
        filters: `UpperFilters` and `LowerFilters`, if any.
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
