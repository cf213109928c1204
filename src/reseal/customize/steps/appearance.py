"""Steps that change the machine's appearance."""

from __future__ import annotations

from reseal.customize.step import Argument, Group, Kind, step
from reseal.mark import Mark

FIELDS = ("Manufacturer", "Model", "SupportHours", "SupportPhone", "SupportURL", "Logo")
_PICTURE = Argument("picture", "a .jpg, .png or .bmp file of this machine", Kind.HOST)


@step(
    "oem-information",
    Group.APPEARANCE,
    Argument("field", f"one of {', '.join(FIELDS)}", choices=tuple(map(str.lower, FIELDS))),
    Argument("text", "the text of the field"),
    mark=Mark.REPORTED,
    source="Unattended Windows Setup Reference, OEMInformation; the key: scripts of image builders",
    example=("Manufacturer:Example Corp",),
    work="reseal.customize.appearance:oem_information",
)
def oem_information() -> None:
    """Set the manufacturer and support information that the system's settings show."""


@step(
    "wallpaper",
    Group.APPEARANCE,
    _PICTURE,
    mark=Mark.DOCUMENTED,
    source="ADMX Desktop, Desktop Wallpaper",
    example=("wallpaper.jpg",),
    work="reseal.customize.appearance:Wallpaper",
)
def wallpaper() -> None:
    """Set a wallpaper by policy for all existing and future users."""


@step(
    "lock-screen",
    Group.APPEARANCE,
    _PICTURE,
    mark=Mark.DOCUMENTED,
    source="ADMX ControlPanelDisplay, Force a specific default lock screen and logon image",
    example=("lock.jpg",),
    work="reseal.customize.appearance:LockScreen",
)
def lock_screen() -> None:
    """Set a lock screen by policy; only some editions apply it."""
