"""Steps that add drivers."""

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
