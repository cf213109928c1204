"""Steps that add and remove drivers."""

from __future__ import annotations

from reseal.customize.step import Argument, Group, Kind, step
from reseal.mark import Mark


@step(
    "drivers",
    Group.DRIVERS,
    Argument("folder", "a folder of this machine with INF files, at any depth", Kind.HOST),
    mark=Mark.INFERRED,
    source="see `reseal.drivers`",
    example=("virtio-win",),
    work="reseal.customize.driver_packages:Drivers",
)
def drivers() -> None:
    """Add a folder's driver packages that fit the image, and register the boot drivers among them."""


@step(
    "remove-filter",
    Group.DRIVERS,
    Argument("name", "the service of a filter driver", Kind.NAME),
    mark=Mark.DOCUMENTED,
    source="Microsoft, Stop error 7B (a filter whose service is disabled or gone); KB976267; the copy below "
    "FirstBoot: reported",
    example=("tcesd",),
    work="reseal.customize.filters:remove_filter",
)
def remove_filter() -> None:
    """Remove a filter driver from device classes and devices, and disable it if it is installed.

    Use it for the remains of an agent or a disk tool whose driver is missing or disabled, for which
    Windows stops with 0x7B. The driver's file stays. Windows' own filters are refused.
    """
