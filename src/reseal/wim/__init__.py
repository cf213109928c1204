"""WIM files, through libwim: capture and apply volumes, decompress WOF files."""

from typing import TYPE_CHECKING

from reseal.later import later

if TYPE_CHECKING:
    from reseal.wim.apply import apply_image, apply_to_folder
    from reseal.wim.capture import COMPRESSIONS, capture_volume
    from reseal.wim.errors import WimError
    from reseal.wim.file import is_wim, open_wim
    from reseal.wim.replace import replace_image
    from reseal.wim.wof import WofError, decompress

__all__ = [
    "COMPRESSIONS",
    "WimError",
    "WofError",
    "apply_image",
    "apply_to_folder",
    "capture_volume",
    "decompress",
    "is_wim",
    "open_wim",
    "replace_image",
]

# All commands test whether a file is a WIM, but few capture or apply one.
__getattr__ = later(
    __name__,
    COMPRESSIONS="capture",
    WimError="errors",
    WofError="wof",
    apply_image="apply",
    apply_to_folder="apply",
    capture_volume="capture",
    decompress="wof",
    is_wim="file",
    open_wim="file",
    replace_image="replace",
)
